"""Descriptors that count: event descriptors and timers."""

import cython
from cython.cimports.libc.math import floor
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, plain_failure
from cython.cimports.ostler.core.numbers import (
    to_fildes,
    to_int,
    to_unsigned,
    to_unsigned_long_long,
)

CONSTANTS = {
    "EFD_CLOEXEC": libc.EFD_CLOEXEC,
    "EFD_NONBLOCK": libc.EFD_NONBLOCK,
    "EFD_SEMAPHORE": libc.EFD_SEMAPHORE,
    "TFD_CLOEXEC": libc.TFD_CLOEXEC,
    "TFD_NONBLOCK": libc.TFD_NONBLOCK,
    "TFD_TIMER_ABSTIME": libc.TFD_TIMER_ABSTIME,
    "TFD_TIMER_CANCEL_ON_SET": libc.TFD_TIMER_CANCEL_ON_SET,
}
TYPES = {}
_NANO = cython.declare(cython.longlong, 1_000_000_000)


@cython.cfunc
@cython.exceptval(-1, check=True)
def _nanoseconds(seconds) -> cython.longlong:
    # Rounded down, as the interpreter does.
    value: cython.double = floor(py.PyFloat_AsDouble(seconds) * 1e9)
    if not -9223372036854775808.0 <= value < 9223372036854775808.0:
        if py.PY_VERSION_HEX >= 0x030E0000:
            raise OverflowError("timestamp out of range for C PyTime_t")
        raise OverflowError("timestamp out of range for platform time_t")
    return cython.cast(cython.longlong, value)


@cython.cfunc
@cython.exceptval(check=False)
def _fill(to: cython.pointer(libc.timespec), nanoseconds: cython.longlong) -> cython.void:
    # The part of a second is never negative.
    to.tv_sec = nanoseconds // _NANO
    to.tv_nsec = nanoseconds % _NANO
    if to.tv_nsec < 0:
        to.tv_nsec += _NANO
        to.tv_sec -= 1


@cython.cfunc
def _set(
    fd: cython.int,
    flags: cython.int,
    initial: cython.longlong,
    interval: cython.longlong,
    seconds: cython.bint,
):
    new: libc.itimerspec
    old: libc.itimerspec
    r: cython.int
    e: cython.int = 0
    _fill(cython.address(new.it_value), initial)
    _fill(cython.address(new.it_interval), interval)
    with cython.nogil:
        r = libc.timerfd_settime(fd, flags, cython.address(new), cython.address(old))
        if r < 0:
            e = libc.errno
    if r < 0:
        raise plain_failure(e)
    return _both(cython.address(old), seconds)


@cython.cfunc
def _get(fd: cython.int, seconds: cython.bint):
    now: libc.itimerspec
    r: cython.int
    e: cython.int = 0
    with cython.nogil:
        r = libc.timerfd_gettime(fd, cython.address(now))
        if r < 0:
            e = libc.errno
    if r < 0:
        raise plain_failure(e)
    return _both(cython.address(now), seconds)


@cython.cfunc
def _both(spec: cython.pointer(libc.itimerspec), seconds: cython.bint):
    value: cython.longlong = spec.it_value.tv_sec * _NANO + spec.it_value.tv_nsec
    interval: cython.longlong = spec.it_interval.tv_sec * _NANO + spec.it_interval.tv_nsec
    if seconds:
        return cython.cast(cython.double, value) / 1e9, cython.cast(cython.double, interval) / 1e9
    return value, interval


@cython.cclass
class Timers(Core):
    """The calls of os that are about event descriptors and timers."""

    def eventfd(self, initval, flags=524288):
        """A new event descriptor, its counter at initval; by default EFD_CLOEXEC; eventfd(2)."""
        start: cython.uint = to_unsigned(initval)
        r: cython.int = libc.eventfd(start, to_int(flags))
        if r < 0:
            raise plain_failure(libc.errno)
        return r

    def eventfd_read(self, fd):
        """Read an event descriptor's counter and set it to 0; eventfd(2)."""
        number: cython.int = to_fildes(fd)
        value: libc.eventfd_t = 0
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.eventfd_read(number, cython.address(value))
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return value

    def eventfd_write(self, fd, value):
        """Add to an event descriptor's counter; eventfd(2)."""
        number: cython.int = to_fildes(fd)
        r: cython.int
        e: cython.int = 0
        amount: cython.ulonglong = to_unsigned_long_long(value)
        with cython.nogil:
            r = libc.eventfd_write(number, amount)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)

    def timerfd_create(self, clockid, /, *, flags=0):
        """A new timer on a clock of time.CLOCK_*, not inheritable; timerfd_create(2)."""
        clock: cython.int = to_int(clockid)
        bits: cython.int = to_int(flags) | libc.TFD_CLOEXEC
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.timerfd_create(clock, bits)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return r

    def timerfd_settime(self, fd, /, *, flags=0, initial=0.0, interval=0.0):
        """Start or stop a timer, in seconds; the former (next, interval); timerfd_settime(2)."""
        number: cython.int = to_fildes(fd)
        bits: cython.int = to_int(flags)
        first: cython.double = py.PyFloat_AsDouble(initial)
        every: cython.double = py.PyFloat_AsDouble(interval)
        return _set(number, bits, _nanoseconds(first), _nanoseconds(every), True)

    def timerfd_settime_ns(self, fd, /, *, flags=0, initial=0, interval=0):
        """Start or stop a timer, in nanoseconds; the former (next, interval)."""
        number: cython.int = to_fildes(fd)
        bits: cython.int = to_int(flags)
        first: cython.longlong = py.PyLong_AsLongLong(initial)
        every: cython.longlong = py.PyLong_AsLongLong(interval)
        return _set(number, bits, first, every, False)

    def timerfd_gettime(self, fd, /):
        """(time to the next expiry, interval) in seconds; timerfd_gettime(2)."""
        return _get(to_fildes(fd), True)

    def timerfd_gettime_ns(self, fd, /):
        """(time to the next expiry, interval) in nanoseconds; timerfd_gettime(2)."""
        return _get(to_fildes(fd), False)
