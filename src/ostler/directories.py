"""Directories: what is in them, where this process stands, making, walking and removing them."""

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py
from cython.cimports.ostler._convert import to_dir_fd, to_fildes, to_int
from cython.cimports.ostler._core import (
    ALLOW_FD,
    ALLOW_NONE,
    ENTRY,
    TARGET,
    Core,
    Where,
    failure,
    named,
    plain_failure,
    settle,
    take,
)
from cython.cimports.ostler._scan import list_names

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Directories(Core):
    """The calls of os that are about directories."""

    def getcwd(self):
        """The working directory, as text; getcwd(3)."""
        return py.PyUnicode_DecodeFSDefault(_where_we_stand())

    def getcwdb(self):
        """The working directory, as bytes; getcwd(3)."""
        return _where_we_stand()

    def chdir(self, path):
        """Make a path, or an open directory's descriptor, the working directory; chdir(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chdir", "path", ALLOW_FD)
        name = named(kept)
        py.PySys_Audit(b"os.chdir", b"(O)", cython.cast(cython.pointer(py.PyObject), name))
        with cython.nogil:
            r = self.place(cython.address(w), TARGET) if w.name != cython.NULL else 0
            if r == 0:
                # A descriptor of -1 counts as no path at all (EFAULT), as in os.
                r = libc.fchdir(w.fd) if w.fd != -1 else libc.chdir(w.name)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def fchdir(self, fd):
        """Make an open directory the working directory; fchdir(2)."""
        number: cython.int = to_fildes(fd)
        r: cython.int
        e: cython.int
        py.PySys_Audit(b"os.chdir", b"(i)", number)
        while True:
            e = 0
            with cython.nogil:
                r = libc.fchdir(number)
                if r:
                    e = libc.errno
            if e != libc.EINTR:
                break
            py.PyErr_CheckSignals()
        if e:
            raise plain_failure(e)

    def chroot(self, path):
        """Make a directory this process's root; chroot(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "chroot", "path", 0)
        with cython.nogil:
            r = self.place(cython.address(w), TARGET)
            if r == 0:
                r = libc.chroot(w.name)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        """Make a directory with these permission bits, less the umask; mkdirat(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "mkdir", "path", 0)
        bits: cython.int = to_int(mode)
        w.dir = to_dir_fd(dir_fd)
        name = named(kept)
        py.PySys_Audit(b"os.mkdir", b"Oii", cython.cast(cython.pointer(py.PyObject), name), bits,
                       -1 if w.dir == libc.AT_FDCWD else w.dir)  # fmt: skip
        with cython.nogil:
            r = self.mkdir_at(cython.address(w), bits)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def rmdir(self, path, *, dir_fd=None):
        """Remove an empty directory; unlinkat(2)."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "rmdir", "path", 0)
        w.dir = to_dir_fd(dir_fd)
        name = named(kept)
        py.PySys_Audit(b"os.rmdir", b"Oi", cython.cast(cython.pointer(py.PyObject), name),
                       -1 if w.dir == libc.AT_FDCWD else w.dir)  # fmt: skip
        with cython.nogil:
            r = self.place(cython.address(w), ENTRY)
            if r == 0:
                r = libc.unlinkat(w.dir, w.name, libc.AT_REMOVEDIR)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def listdir(self, path=None):
        """The names in a directory, in the kernel's order, without "." and "..".

        `path` may be an open descriptor; None is the working directory. Bytes give bytes.
        getdents64(2).
        """
        w: Where
        r: cython.int
        fd: cython.int
        kept = take(cython.address(w), path, "listdir", "path", ALLOW_FD | ALLOW_NONE)
        name = named(kept)
        text: cython.bint = w.name == cython.NULL or not py.PyBytes_Check(name)
        py.PySys_Audit(b"os.listdir", b"O", cython.cast(cython.pointer(py.PyObject), name))
        fd = self._enter(cython.address(w), kept)
        names: list = []
        try:
            r = list_names(names, fd, text)
        finally:
            if w.fd != -1:
                libc.lseek(fd, 0, libc.SEEK_SET)
            libc.close(fd)
        if r:
            raise failure(r, kept)
        return names

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _enter(self, w: cython.pointer(Where), kept) -> cython.int:
        # Open the directory that take() found; a descriptor given in its place is copied.
        r: cython.int
        fd: cython.int = -1
        if w.fd != -1:
            fd = libc.fcntl(w.fd, libc.F_DUPFD_CLOEXEC, 0)
            r = settle(w, fd)
            if r:
                raise plain_failure(r)
            return fd
        if w.name == cython.NULL:
            w.name = b"."
        with cython.nogil:
            fd = self.open_at(w, libc.O_RDONLY | libc.O_NONBLOCK | libc.O_DIRECTORY
                              | libc.O_CLOEXEC, 0)  # fmt: skip
            r = settle(w, fd)
        if r:
            raise failure(r, kept)
        return fd


@cython.cfunc
def _where_we_stand():
    # The working directory as bytes; the path may be longer than PATH_MAX.
    room: cython.char[4096]
    found: cython.p_char
    error: cython.int = 0
    with cython.nogil:
        found = libc.getcwd(room, 4096)
        if found == cython.NULL:
            error = libc.errno
    if found != cython.NULL:
        return py.PyBytes_FromString(found)
    if error == libc.ERANGE:
        error = 0
        with cython.nogil:
            found = libc.getcwd(cython.NULL, 0)
            if found == cython.NULL:
                error = libc.errno
        if found != cython.NULL:
            try:
                return py.PyBytes_FromString(found)
            finally:
                libc.free(found)
    raise plain_failure(error)
