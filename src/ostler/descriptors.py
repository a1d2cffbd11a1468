"""Descriptors: open files, pipes, terminals, and what is read and written through them."""

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py
from cython.cimports.ostler._convert import to_dir_fd, to_fildes, to_int
from cython.cimports.ostler._core import OPEN, Core, Where, failure, plain_failure, settle, take

CONSTANTS = {
    "O_ACCMODE": libc.O_ACCMODE,
    "O_APPEND": libc.O_APPEND,
    "O_ASYNC": libc.O_ASYNC,
    "O_CLOEXEC": libc.O_CLOEXEC,
    "O_CREAT": libc.O_CREAT,
    "O_DIRECT": libc.O_DIRECT,
    "O_DIRECTORY": libc.O_DIRECTORY,
    "O_DSYNC": libc.O_DSYNC,
    "O_EXCL": libc.O_EXCL,
    "O_NOATIME": libc.O_NOATIME,
    "O_NOCTTY": libc.O_NOCTTY,
    "O_NOFOLLOW": libc.O_NOFOLLOW,
    "O_NONBLOCK": libc.O_NONBLOCK,
    "O_PATH": libc.O_PATH,
    "O_RDONLY": libc.O_RDONLY,
    "O_RDWR": libc.O_RDWR,
    "O_SYNC": libc.O_SYNC,
    "O_TMPFILE": libc.O_TMPFILE,
    "O_TRUNC": libc.O_TRUNC,
    "O_WRONLY": libc.O_WRONLY,
    "SEEK_SET": libc.SEEK_SET,
    "SEEK_CUR": 1,
    "SEEK_END": 2,
}
TYPES = {}


@cython.cclass
class Descriptors(Core):
    """The calls of os that are about descriptors."""

    def open(self, path, flags, mode=511, *, dir_fd=None):
        """Open a file and return a new descriptor, not inherited by other programs; openat(2)."""
        w: Where
        fd: cython.int
        r: cython.int
        kept = take(cython.address(w), path, "open", "path", 0)
        how: cython.int = to_int(flags)
        m: cython.int = to_int(mode)
        w.dir = to_dir_fd(dir_fd)
        how |= libc.O_CLOEXEC
        py.PySys_Audit(
            b"open",
            b"OOi",
            cython.cast(cython.pointer(py.PyObject), path),
            cython.cast(cython.pointer(py.PyObject), None),
            how,
        )
        while True:
            with cython.nogil:
                fd = self.open_at(cython.address(w), how, m)
                r = settle(cython.address(w), fd)
            if r != libc.EINTR:
                break
            py.PyErr_CheckSignals()
        if r:
            raise failure(r, kept)
        return fd

    def close(self, fd):
        """Close a descriptor; close(2)."""
        number: cython.int = to_int(fd)
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.close(number)
            if r < 0:
                e = libc.errno
        if e and e != libc.EINTR:
            raise plain_failure(e)

    def read(self, fd, length, /):
        """Read at most length bytes; read(2)."""
        number: cython.int = to_int(fd)
        size: cython.Py_ssize_t = length
        if size < 0:
            raise plain_failure(libc.EINVAL)
        data = bytearray(size)
        room: cython.p_char = data
        while True:
            with cython.nogil:
                r: libc.ssize_t = libc.read(number, room, size)
                e: cython.int = libc.errno
            if r >= 0:
                return bytes(data[:r])
            if e != libc.EINTR:
                raise plain_failure(e)
            py.PyErr_CheckSignals()

    def write(self, fd, data, /):
        """Write bytes and return how many were written; write(2)."""
        number: cython.int = to_int(fd)
        whole = bytes(memoryview(data))
        text: cython.p_const_char = whole
        size: cython.Py_ssize_t = len(whole)
        while True:
            with cython.nogil:
                r: libc.ssize_t = libc.write(number, text, size)
                e: cython.int = libc.errno
            if r >= 0:
                return r
            if e != libc.EINTR:
                raise plain_failure(e)
            py.PyErr_CheckSignals()
