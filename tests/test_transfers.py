"""Transfers beyond parity: signals, buffers of our own."""

import signal

import pytest

import ostler


@pytest.fixture
def pipe():
    ends = ostler.pipe()
    yield ends
    for fd in ends:
        ostler.close(fd)


class Interrupted(Exception):
    pass


def test_read_goes_on_after_a_signal(pipe):
    r, w = pipe

    def handler(number, frame):
        ostler.write(w, b"late")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert ostler.read(r, 10) == b"late"
    finally:
        signal.signal(signal.SIGALRM, before)


def test_read_ends_with_the_handlers_exception(pipe):
    def handler(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interrupted):
            ostler.read(pipe[0], 10)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_readinto(pipe):
    r, w = pipe
    ostler.write(w, b"abcdef")
    room = bytearray(4)
    assert ostler.readinto(r, room) == 4
    assert room == b"abcd"
    assert ostler.readinto(r, memoryview(room)[1:]) == 2
    assert room == b"aefd"
    for wrong in (b"bytes", "text", None):
        with pytest.raises(TypeError):
            ostler.readinto(r, wrong)
