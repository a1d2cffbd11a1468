"""Files: names on disk, what the system knows of them, links, times and extended attributes."""

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py
from cython.cimports.ostler._convert import to_dir_fd, to_int
from cython.cimports.ostler._core import (
    ALLOW_FD,
    ENTRY,
    LOOK,
    SEEN,
    Core,
    Where,
    failure,
    failure2,
    plain_failure,
    settle,
    take,
)
from cython.cimports.ostler.records import new_stat

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Files(Core):
    """The calls of os that are about files."""

    # --- what the system knows of a file ---------------------------------------------------------

    def stat(self, path, *, dir_fd=None, follow_symlinks=True):
        """What the system knows of a file, as a stat_result; fstatat(2).

        `path` may be a descriptor. With follow_symlinks=False a link itself is looked at.
        """
        w: Where
        st: libc.stat_t
        r: cython.int
        kept = take(cython.address(w), path, "stat", "path", ALLOW_FD)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        follow: cython.bint = follow_symlinks
        if w.name == cython.NULL:
            _check_fd(cython.address(w), "stat", follow)
        with cython.nogil:
            if w.fd != -1:
                r = libc.fstat(w.fd, cython.address(st))
            else:
                r = self.place(cython.address(w), SEEN if follow else LOOK)
                if r == 0:
                    r = libc.fstatat(
                        w.dir, w.name, cython.address(st),
                        w.flags if follow else libc.AT_SYMLINK_NOFOLLOW,
                    )  # fmt: skip
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)
        return new_stat(cython.address(st))

    def lstat(self, path, *, dir_fd=None):
        """What the system knows of a name, a link not followed; fstatat(2)."""
        w: Where
        st: libc.stat_t
        r: cython.int
        kept = take(cython.address(w), path, "lstat", "path", 0)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        with cython.nogil:
            r = self.place(cython.address(w), LOOK)
            if r == 0:
                r = libc.fstatat(w.dir, w.name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)
        return new_stat(cython.address(st))

    def fstat(self, fd):
        """What the system knows of an open file, as a stat_result; fstat(2)."""
        st: libc.stat_t
        r: cython.int
        number: cython.int = 0
        descriptor: cython.int = to_int(fd)
        while True:
            with cython.nogil:
                r = libc.fstat(descriptor, cython.address(st))
                if r != 0:
                    number = libc.errno
            if r == 0:
                return new_stat(cython.address(st))
            if number != libc.EINTR:
                raise plain_failure(number)
            py.PyErr_CheckSignals()

    # --- names -----------------------------------------------------------------------------------

    def remove(self, path, *, dir_fd=None):
        """Remove a name of a file; unlinkat(2)."""
        w: Where
        kept = take(cython.address(w), path, "remove", "path", 0)
        r: cython.int = _unlink(self, cython.address(w), path, dir_fd)
        if r:
            raise failure(r, kept)

    def unlink(self, path, *, dir_fd=None):
        """Remove a name of a file, as remove() does; unlinkat(2)."""
        w: Where
        kept = take(cython.address(w), path, "unlink", "path", 0)
        r: cython.int = _unlink(self, cython.address(w), path, dir_fd)
        if r:
            raise failure(r, kept)

    def rename(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """Rename a file or directory, replacing a file at dst; renameat(2)."""
        w: Where
        x: Where
        kept = take(cython.address(w), src, "rename", "src", 0)
        kept2 = take(cython.address(x), dst, "rename", "dst", 0)
        r: cython.int = _rename(
            self, cython.address(w), cython.address(x), src, dst, src_dir_fd, dst_dir_fd)
        if r:
            raise failure2(r, kept, kept2)

    def replace(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """Rename a file or directory, replacing a file at dst, as rename() does; renameat(2)."""
        w: Where
        x: Where
        kept = take(cython.address(w), src, "replace", "src", 0)
        kept2 = take(cython.address(x), dst, "replace", "dst", 0)
        r: cython.int = _rename(
            self, cython.address(w), cython.address(x), src, dst, src_dir_fd, dst_dir_fd)
        if r:
            raise failure2(r, kept, kept2)


@cython.cfunc
@cython.exceptval(-1)
def _check_fd(w: cython.pointer(Where), function: str, follow: cython.bint) -> cython.int:
    # What can't be asked of a descriptor in place of a path.
    if w.dir != libc.AT_FDCWD:
        raise ValueError(f"{function}: can't specify dir_fd without matching path")
    if w.fd > 0 and not follow:
        raise ValueError(f"{function}: cannot use fd and follow_symlinks together")
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _shown(dir_fd: cython.int) -> cython.int:
    # A directory descriptor as audit events show it.
    return -1 if dir_fd == libc.AT_FDCWD else dir_fd


@cython.cfunc
@cython.exceptval(-1)
def _unlink(self: Core, w: cython.pointer(Where), path, dir_fd) -> cython.int:
    r: cython.int
    if dir_fd is not None:
        w.dir = to_dir_fd(dir_fd)
    py.PySys_Audit(
        b"os.remove", b"Oi", cython.cast(cython.pointer(py.PyObject), path), _shown(w.dir))
    with cython.nogil:
        r = self.place(w, ENTRY)
        if r == 0:
            r = libc.unlinkat(w.dir, w.name, 0)
        r = settle(w, r)
    return r


@cython.cfunc
@cython.exceptval(-1)
def _rename(
    self: Core, w: cython.pointer(Where), x: cython.pointer(Where), src, dst, src_dir_fd, dst_dir_fd
) -> cython.int:
    r: cython.int
    other: cython.int
    if src_dir_fd is not None:
        w.dir = to_dir_fd(src_dir_fd)
    if dst_dir_fd is not None:
        x.dir = to_dir_fd(dst_dir_fd)
    py.PySys_Audit(
        b"os.rename", b"OOii", cython.cast(cython.pointer(py.PyObject), src),
        cython.cast(cython.pointer(py.PyObject), dst), _shown(w.dir), _shown(x.dir),
    )  # fmt: skip
    with cython.nogil:
        r = self.place(w, ENTRY)
        if r == 0:
            r = self.place(x, ENTRY)
            if r == 0:
                r = libc.renameat(w.dir, w.name, x.dir, x.name)
        other = settle(x, r)
        r = settle(w, r)
    return r or other
