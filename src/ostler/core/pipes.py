"""Waiting on descriptors with a time limit, and the pipes to and from a child."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import again, plain_failure
from cython.cimports.ostler.core.numbers import to_fildes

_ROOM = cython.declare(cython.Py_ssize_t, 1 << 16)
_SECOND = cython.declare(cython.longlong, 1_000_000_000)


def until_of(timeout):
    # The moment on the monotonic clock, in nanoseconds; -1 for never.
    if timeout is None:
        return -1
    if not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout should be a number or None, not {type(timeout).__name__}")
    if not timeout >= 0:
        raise ValueError(f"timeout must not be negative: {timeout!r}")
    if timeout > 1e9:
        return -1
    import math  # when it is needed

    return now() + cython.cast(cython.longlong, math.ceil(timeout * 1e9))


def now():
    found: libc.timespec
    libc.clock_gettime(libc.CLOCK_MONOTONIC, cython.address(found))
    return found.tv_sec * _SECOND + found.tv_nsec


def _milliseconds(until):
    # What poll() shall wait, rounded up, at most some days.
    left: cython.longlong
    if until < 0:
        return -1
    left = until - now()
    if left <= 0:
        return 0
    left = (left + 999_999) // 1_000_000
    return cython.cast(cython.int, left if left < 1_000_000_000 else 1_000_000_000)


def readable(fd, until):
    # Wait until there is something to read, or the time is up.
    polled: libc.pollfd
    r: cython.int
    number: cython.int = 0
    while True:
        polled.fd = fd
        polled.events = libc.POLLIN
        with cython.nogil:
            r = libc.poll(cython.address(polled), 1, _milliseconds(until))
            if r < 0:
                number = libc.errno
        if r > 0:
            return 1
        if r == 0 and 0 <= until <= now():
            return 0
        if r < 0:
            again(number)


# ---- pipes ----------------------------------------------------------------------------------


@cython.cclass
class Pipes:
    """Our ends of the pipes of a child, and what goes through them."""

    def __cinit__(self):
        self.to_child = self.out = self.err = self.pidfd = self.process = -1
        self.said = []
        self.complained = []

    def __dealloc__(self):
        self.shut()
        libc.free(self.room)
        if self.has_input:
            py.PyBuffer_Release(cython.address(self.input))

    def work(self, until):
        # Until all pipes are at their end and the child has ended: 1; 0 when the time is up.
        polled: libc.pollfd[4]
        order: cython.int[4]
        count: cython.int
        i: cython.int
        r: cython.int
        number: cython.int = 0
        while True:
            order[0] = self.to_child
            order[1] = self.out
            order[2] = self.err
            order[3] = self.pidfd
            count = 0
            for i in range(4):
                polled[i].fd = order[i]  # a negative one is left out
                polled[i].events = libc.POLLOUT if i == 0 else libc.POLLIN
                polled[i].revents = 0
                count += order[i] >= 0
            if count == 0:
                return 1
            with cython.nogil:
                r = libc.poll(polled, 4, _milliseconds(until))
                if r < 0:
                    number = libc.errno
            if r < 0:
                again(number)
                continue
            if polled[0].revents:
                self.send()
            if polled[1].revents and self.receive(self.out, self.said) == 0:
                libc.close(self.out)
                self.out = -1
            if polled[2].revents and self.receive(self.err, self.complained) == 0:
                libc.close(self.err)
                self.err = -1
            if polled[3].revents:
                self.pidfd = -1
            if 0 <= until <= now():
                return self.to_child < 0 and self.out < 0 and self.err < 0 and self.pidfd < 0

    def send(self):
        n: cython.Py_ssize_t = 0
        number: cython.int = 0
        at: cython.p_char = cython.cast(cython.p_char, self.input.buf) + self.sent
        left: cython.Py_ssize_t = self.input.len - self.sent
        if left:
            with cython.nogil:
                n = libc.write(self.to_child, at, left)
                if n < 0:
                    number = libc.errno
            if number == libc.EAGAIN or number == libc.EINTR:
                return 0
            # A program need not read all of its input.
            if number and number != libc.EPIPE:
                raise plain_failure(number)
            self.sent += n if n > 0 else 0
        if number or self.sent == self.input.len:
            libc.close(self.to_child)
            self.to_child = -1
        return 0

    def receive(self, fd, into):
        # What is there; 0 at the end.
        n: cython.Py_ssize_t
        number: cython.int = 0
        if self.room == cython.NULL:
            self.room = cython.cast(cython.p_char, libc.malloc(_ROOM))
            if self.room == cython.NULL:
                raise MemoryError
        with cython.nogil:
            n = libc.read(fd, self.room, _ROOM)
            if n < 0:
                number = libc.errno
        if number == libc.EAGAIN or number == libc.EINTR:
            return 1
        if number:
            raise plain_failure(number)
        if n:
            into.append(py.PyBytes_FromStringAndSize(self.room, n))
        return n > 0

    def drain(self):
        # What is still in the pipes of a child that was killed; nobody is waited for.
        before: cython.Py_ssize_t
        for fd, into in ((self.out, self.said), (self.err, self.complained)):
            while fd >= 0:
                before = len(into)
                if self.receive(fd, into) == 0 or len(into) == before:
                    break
        return 0

    def shut(self):
        if self.to_child >= 0:
            libc.close(self.to_child)
        if self.out >= 0:
            libc.close(self.out)
        if self.err >= 0:
            libc.close(self.err)
        if self.process >= 0:
            libc.close(self.process)
        self.to_child = self.out = self.err = self.pidfd = self.process = -1
        return 0


@cython.cfunc
@cython.exceptval(-1)
def _pipe(ours: cython.p_int, child_reads: cython.bint) -> cython.int:
    # A pipe: our end, which never blocks, into `ours`; return the child's.
    ends: cython.int[2]
    if libc.pipe2(ends, libc.O_CLOEXEC) < 0:
        raise plain_failure(libc.errno)
    ours[0] = ends[1] if child_reads else ends[0]
    libc.fcntl(ours[0], libc.F_SETFL, libc.O_NONBLOCK)
    return ends[0] if child_reads else ends[1]


def stream_of(given, what, ours, data):
    # A descriptor of our own for the child's stream; -1: it has ours, -3: stderr has stdout's.
    fd: cython.int
    low: cython.int
    if given is None and not data:
        return -1
    if data or (given == "capture" and what != "stdin"):
        low = _pipe(ours, what == "stdin")
    elif given == "stdout" and what == "stderr":
        return -3
    elif isinstance(given, str):
        if given != "null":
            raise ValueError(f"{what}: not a descriptor, a file, or one of the words: {given!r}")
        low = libc.openat(libc.AT_FDCWD, b"/dev/null", libc.O_RDWR | libc.O_CLOEXEC)
        if low < 0:
            raise plain_failure(libc.errno)
    else:
        low = to_fildes(given)
        fd = libc.fcntl(low, libc.F_DUPFD_CLOEXEC, 3)
        if fd < 0:
            raise plain_failure(libc.errno)
        return fd
    if low > 2:
        return low
    # Out of the way of the child's own three.
    fd = libc.fcntl(low, libc.F_DUPFD_CLOEXEC, 3)
    if fd < 0:
        error = plain_failure(libc.errno)
        libc.close(low)
        raise error
    libc.close(low)
    return fd
