"""Descriptors: opening, closing and duplicating them, pipes, and what is set on them.

What is read and written through them is in transfers.py, terminals in terminals.py, event and
timer descriptors in timers.py.
"""

import io

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    Core,
    Where,
    again,
    again_at,
    named,
    plain_failure,
    settle,
    take,
)
from cython.cimports.ostler.core.numbers import (
    to_dir_fd,
    to_fildes,
    to_int,
    to_offset,
    to_unsigned_mask,
)

CONSTANTS = {
    "F_LOCK": libc.F_LOCK,
    "F_TEST": libc.F_TEST,
    "F_TLOCK": libc.F_TLOCK,
    "F_ULOCK": libc.F_ULOCK,
    "MFD_ALLOW_SEALING": libc.MFD_ALLOW_SEALING,
    "MFD_CLOEXEC": libc.MFD_CLOEXEC,
    "MFD_HUGETLB": libc.MFD_HUGETLB,
    "MFD_HUGE_16GB": libc.MFD_HUGE_16GB,
    "MFD_HUGE_16MB": libc.MFD_HUGE_16MB,
    "MFD_HUGE_1GB": libc.MFD_HUGE_1GB,
    "MFD_HUGE_1MB": libc.MFD_HUGE_1MB,
    "MFD_HUGE_256MB": libc.MFD_HUGE_256MB,
    "MFD_HUGE_2GB": libc.MFD_HUGE_2GB,
    "MFD_HUGE_2MB": libc.MFD_HUGE_2MB,
    "MFD_HUGE_32MB": libc.MFD_HUGE_32MB,
    "MFD_HUGE_512KB": libc.MFD_HUGE_512KB,
    "MFD_HUGE_512MB": libc.MFD_HUGE_512MB,
    "MFD_HUGE_64KB": libc.MFD_HUGE_64KB,
    "MFD_HUGE_8MB": libc.MFD_HUGE_8MB,
    "MFD_HUGE_MASK": libc.MFD_HUGE_MASK,
    "MFD_HUGE_SHIFT": libc.MFD_HUGE_SHIFT,
    "O_ACCMODE": libc.O_ACCMODE,
    "O_APPEND": libc.O_APPEND,
    "O_ASYNC": libc.O_ASYNC,
    "O_CLOEXEC": libc.O_CLOEXEC,
    "O_CREAT": libc.O_CREAT,
    "O_DIRECT": libc.O_DIRECT,
    "O_DIRECTORY": libc.O_DIRECTORY,
    "O_DSYNC": libc.O_DSYNC,
    "O_EXCL": libc.O_EXCL,
    "O_EXEC": libc.O_EXEC,
    "O_FSYNC": libc.O_FSYNC,
    "O_LARGEFILE": libc.O_LARGEFILE,
    "O_NDELAY": libc.O_NDELAY,
    "O_NOATIME": libc.O_NOATIME,
    "O_NOCTTY": libc.O_NOCTTY,
    "O_NOFOLLOW": libc.O_NOFOLLOW,
    "O_NONBLOCK": libc.O_NONBLOCK,
    "O_PATH": libc.O_PATH,
    "O_RDONLY": libc.O_RDONLY,
    "O_RDWR": libc.O_RDWR,
    "O_RSYNC": libc.O_RSYNC,
    "O_SEARCH": libc.O_SEARCH,
    "O_SYNC": libc.O_SYNC,
    "O_TMPFILE": libc.O_TMPFILE,
    "O_TRUNC": libc.O_TRUNC,
    "O_TTY_INIT": libc.O_TTY_INIT,
    "O_WRONLY": libc.O_WRONLY,
}
TYPES = {}


@cython.cclass
class Descriptors(Core):
    """The calls of os that are about descriptors."""

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        """Open a file, not inheritable, and return its descriptor; openat(2)."""
        w: Where
        r: cython.int = 0
        fd: cython.int = -1
        kept = take(cython.address(w), path, "open", "path", 0)
        how: cython.int = to_int(flags) | libc.O_CLOEXEC
        bits: cython.int = to_int(mode)
        w.dir = to_dir_fd(dir_fd)
        text = named(kept)
        py.audit2(b"open", b"OOi", text, None, how)
        while True:
            with cython.nogil:
                fd = self.open_at(cython.address(w), how, bits)
                r = settle(cython.address(w), fd)
            if r == 0:
                return fd
            again_at(r, kept)

    def close(self, fd):
        """Close a descriptor; not retried, as it is closed even when interrupted; close(2)."""
        number: cython.int = to_int(fd)
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.close(number)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)

    def closerange(self, fd_low, fd_high, /):
        """Close the descriptors from fd_low up to, not including, fd_high; errors are ignored."""
        first: cython.int = to_int(fd_low)
        last: cython.int = to_int(fd_high)
        fd: cython.int
        if first < 0:
            first = 0
        if last <= first:
            return
        with cython.nogil:
            last -= 1
            if libc.syscall(libc.SYS_close_range, first, last, 0) != 0:
                for fd in range(first, last + 1):
                    libc.close(fd)

    def dup(self, fd, /):
        """A duplicate of a descriptor, not inheritable; fcntl(2), F_DUPFD_CLOEXEC."""
        number: cython.int = to_int(fd)
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.fcntl(number, libc.F_DUPFD_CLOEXEC, 0)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return r

    def dup2(self, fd, fd2, inheritable=True):
        """Make fd2 a duplicate of fd, closing what it was, and return it; dup3(2)."""
        number: cython.int = to_int(fd)
        target: cython.int = to_int(fd2)
        kept: cython.bint = py.PyObject_IsTrue(inheritable)
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            if kept:
                r = libc.dup2(number, target)
            else:
                r = libc.dup3(number, target, libc.O_CLOEXEC)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return r

    def pipe(self):
        """A new pipe, not inheritable: (descriptor to read, descriptor to write); pipe2(2)."""
        ends: cython.int[2]
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.pipe2(ends, libc.O_CLOEXEC)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return ends[0], ends[1]

    def pipe2(self, flags, /):
        """A new pipe with O_NONBLOCK, O_CLOEXEC or O_DIRECT set or not; pipe2(2)."""
        ends: cython.int[2]
        if libc.pipe2(ends, to_int(flags)) < 0:
            raise plain_failure(libc.errno)
        return ends[0], ends[1]

    def memfd_create(self, name, flags=1):
        """A descriptor of an anonymous file in memory; by default MFD_CLOEXEC; memfd_create(2)."""
        encoded = py.fs_bytes(name)
        bits: cython.uint = to_unsigned_mask(flags)
        text: cython.p_const_char = py.PyBytes_AS_STRING(encoded)
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.memfd_create(text, bits)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return r

    def fdopen(self, fd, mode="r", buffering=-1, encoding=None, *args, **kwargs):
        """A file object on a descriptor; as open()."""
        if not isinstance(fd, int):
            raise TypeError(f"invalid fd type ({type(fd)}, expected integer)")
        if "b" not in mode:
            encoding = io.text_encoding(encoding, 1)
        return io.open(fd, mode, buffering, encoding, *args, **kwargs)

    # ---- to the disk ----

    def fsync(self, fd):
        """Wait until a file's data and metadata are on the disk; fsync(2)."""
        number: cython.int = to_fildes(fd)
        r: cython.int
        e: cython.int = 0
        while True:
            with cython.nogil:
                r = libc.fsync(number)
                if r < 0:
                    e = libc.errno
            if r == 0:
                return
            again(e)

    def fdatasync(self, fd):
        """Wait until a file's data are on the disk; fdatasync(2)."""
        number: cython.int = to_fildes(fd)
        r: cython.int
        e: cython.int = 0
        while True:
            with cython.nogil:
                r = libc.fdatasync(number)
                if r < 0:
                    e = libc.errno
            if r == 0:
                return
            again(e)

    def sync(self):
        """Write everything that waits in memory to the disks; sync(2)."""
        with cython.nogil:
            libc.sync()

    # ---- what is set on them ----

    def get_blocking(self, fd, /):
        """Whether reads and writes wait: O_NONBLOCK is not set; fcntl(2)."""
        number: cython.int = to_int(fd)
        r: cython.int
        e: cython.int = 0
        with cython.nogil:
            r = libc.fcntl(number, libc.F_GETFL)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
        return not r & libc.O_NONBLOCK

    def set_blocking(self, fd, blocking, /):
        """Let reads and writes wait, or fail with EAGAIN instead; fcntl(2)."""
        number: cython.int = to_int(fd)
        wait: cython.bint
        r: cython.int
        e: cython.int = 0
        if py.PY_VERSION_HEX < 0x030C0000:
            wait = to_int(blocking) != 0
        else:
            wait = py.PyObject_IsTrue(blocking)
        with cython.nogil:
            r = libc.fcntl(number, libc.F_GETFL)
            if r >= 0:
                r = libc.fcntl(
                    number, libc.F_SETFL, r & ~libc.O_NONBLOCK if wait else r | libc.O_NONBLOCK
                )
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)

    def get_inheritable(self, fd, /):
        """Whether programs that are executed get this descriptor; fcntl(2)."""
        r: cython.int = libc.fcntl(to_int(fd), libc.F_GETFD)
        if r < 0:
            raise plain_failure(libc.errno)
        return not r & libc.FD_CLOEXEC

    def set_inheritable(self, fd, inheritable, /):
        """Give this descriptor to programs that are executed, or not; ioctl(2), fcntl(2)."""
        number: cython.int = to_int(fd)
        given: cython.bint = to_int(inheritable) != 0
        r: cython.int
        if libc.ioctl(number, libc.FIONCLEX if given else libc.FIOCLEX) == 0:
            return
        # Refused where the descriptor is of O_PATH, or by a policy: then in two steps.
        r = libc.fcntl(number, libc.F_GETFD)
        if r >= 0:
            r = libc.fcntl(
                number, libc.F_SETFD, r & ~libc.FD_CLOEXEC if given else r | libc.FD_CLOEXEC
            )
        if r < 0:
            raise plain_failure(libc.errno)

    def lockf(self, fd, command, length, /):
        """Lock, unlock or test a part of a file, from its position on; lockf(3)."""
        number: cython.int = to_int(fd)
        what: cython.int = to_int(command)
        size: libc.off_t = to_offset(length)
        r: cython.int
        e: cython.int = 0
        py.PySys_Audit(b"os.lockf", b"iiL", number, what, cython.cast(cython.longlong, size))
        with cython.nogil:
            r = libc.lockf(number, what, size)
            if r < 0:
                e = libc.errno
        if r < 0:
            raise plain_failure(e)
