"""Timers beyond parity: who waits at them, when they strike, and what signals do meanwhile."""

import errno
import os
import select
import signal
import struct
import sys
import threading
import time

import pytest

import ostler

# The timers are os's since 3.13; a machine has them on every Python.
HOST = ostler.host


@pytest.fixture
def timer():
    fd = HOST.timerfd_create(time.CLOCK_MONOTONIC)
    yield fd
    os.close(fd)


@pytest.fixture
def event():
    fd = ostler.eventfd(0)
    yield fd
    os.close(fd)


def strikes(fd):
    """How often a timer has struck since it was read; waits for the first time."""
    return struct.unpack("=Q", os.read(fd, 8))[0]


def test_a_thread_waits_until_another_writes(event):
    seen = []
    waiting = threading.Thread(target=lambda: seen.append(ostler.eventfd_read(event)))
    waiting.start()
    assert not seen
    ostler.eventfd_write(event, 3)  # it could not be, if who waits kept the interpreter
    waiting.join()
    assert seen == [3]


def test_a_writer_waits_until_the_counter_is_read(event):
    ostler.eventfd_write(event, 2**64 - 2)
    writing = threading.Thread(target=ostler.eventfd_write, args=(event, 5))
    writing.start()
    assert ostler.eventfd_read(event) == 2**64 - 2
    writing.join()
    assert ostler.eventfd_read(event) == 5


@pytest.mark.parametrize("system", [os, ostler])
def test_a_signal_ends_the_wait(system, event):
    """As with os: these calls are not made again, and tell of it."""
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with pytest.raises(InterruptedError):
            system.eventfd_read(event)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard


def test_a_timer_strikes_once(timer):
    HOST.timerfd_settime(timer, initial=0.001)
    assert strikes(timer) == 1
    assert HOST.timerfd_gettime(timer) == (0.0, 0.0)
    assert select.select([timer], [], [], 0)[0] == []


def test_a_timer_strikes_again_and_again_until_it_is_stopped(timer):
    HOST.timerfd_settime_ns(timer, initial=1, interval=1_000_000)
    assert sum(strikes(timer) for _ in range(3)) >= 3
    _, interval = HOST.timerfd_settime_ns(timer)  # what it was
    assert interval == 1_000_000
    assert HOST.timerfd_gettime_ns(timer) == (0, 0)
    assert select.select([timer], [], [], 0)[0] == []


def test_a_moment_that_is_over_strikes_at_once(timer):
    HOST.timerfd_settime_ns(timer, flags=HOST.TFD_TIMER_ABSTIME, initial=1)
    assert strikes(timer) == 1


def test_both_units_tell_of_one_time(timer):
    HOST.timerfd_settime(timer, initial=5000.0, interval=1.5)
    left, interval = HOST.timerfd_gettime_ns(timer)
    assert interval == 1_500_000_000
    assert 0 < left <= 5_000_000_000_000
    assert HOST.timerfd_gettime(timer)[1] == 1.5
    assert HOST.timerfd_gettime(timer)[0] <= left / 1e9


def test_a_program_gets_neither(timer, event):
    code = f"""if True:
        import os
        for fd in ({timer}, {event}):
            try:
                os.fstat(fd)
            except OSError as error:
                print(error.errno)
    """
    done = ostler.run([sys.executable, "-c", code], capture=True)
    assert done.stdout.decode() == f"{errno.EBADF}\n" * 2


def test_a_descriptor_of_another_kind(timer, event):
    for call in (HOST.timerfd_gettime, HOST.timerfd_settime):
        with pytest.raises(OSError) as caught:
            call(event)
        assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError) as caught:
        ostler.eventfd_write(timer, 1)
    assert caught.value.errno == errno.EINVAL
