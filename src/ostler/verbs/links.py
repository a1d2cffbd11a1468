"""Links: the names of files: making them, moving them, taking them away."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    ENTRY,
    LOOK,
    TARGET,
    Core,
    Where,
    dir_shown,
    failure,
    failure2,
    named,
    settle,
    take,
    verb,
)
from cython.cimports.ostler.core.numbers import to_dir_fd

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Links(Core):
    """The calls of os that are about the names of files."""

    def remove(self, path, *, dir_fd=None):
        """Remove a name of a file; unlinkat(2)."""
        w: Where
        kept = take(cython.address(w), path, "remove", "path", 0)
        r: cython.int = _unlink(self, cython.address(w), kept, dir_fd)
        if r:
            raise failure(r, kept)

    def unlink(self, path, *, dir_fd=None):
        """Remove a name of a file, as remove() does; unlinkat(2)."""
        w: Where
        kept = take(cython.address(w), path, "unlink", "path", 0)
        r: cython.int = _unlink(self, cython.address(w), kept, dir_fd)
        if r:
            raise failure(r, kept)

    def rename(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """Rename a file or directory, replacing a file at dst; renameat(2)."""
        w: Where
        x: Where
        kept = take(cython.address(w), src, "rename", "src", 0)
        kept2 = take(cython.address(x), dst, "rename", "dst", 0)
        r: cython.int = _rename(
            self, cython.address(w), cython.address(x), kept, kept2, src_dir_fd, dst_dir_fd
        )
        if r:
            raise failure2(r, kept, kept2)

    def replace(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """Rename a file or directory, replacing a file at dst, as rename() does; renameat(2)."""
        w: Where
        x: Where
        kept = take(cython.address(w), src, "replace", "src", 0)
        kept2 = take(cython.address(x), dst, "replace", "dst", 0)
        r: cython.int = _rename(
            self, cython.address(w), cython.address(x), kept, kept2, src_dir_fd, dst_dir_fd
        )
        if r:
            raise failure2(r, kept, kept2)

    def link(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True):
        """Give a file another name, a hard link; linkat(2).

        As with os, up to 3.13 a link at `src` is followed only where a dir_fd is given too.
        """
        w: Where
        x: Where
        r: cython.int
        kept = take(cython.address(w), src, "link", "src", 0)
        kept2 = take(cython.address(x), dst, "link", "dst", 0)
        if src_dir_fd is not None:
            w.dir = to_dir_fd(src_dir_fd)
        if dst_dir_fd is not None:
            x.dir = to_dir_fd(dst_dir_fd)
        follow: cython.bint = follow_symlinks
        if py.PY_VERSION_HEX < 0x030E0000:
            # Without a dir_fd os calls link(2), which on Linux does not follow.
            follow = follow and (w.dir != libc.AT_FDCWD or x.dir != libc.AT_FDCWD)
        _audit_two(b"os.link", kept, kept2, w.dir, x.dir)
        with cython.nogil:
            r = self.place(cython.address(w), TARGET if follow else ENTRY)
            if r == 0:
                r = place_second(self, cython.address(w), cython.address(x), True)
            if r == 0:
                r = libc.linkat(
                    w.dir, w.name, x.dir, x.name, libc.AT_SYMLINK_FOLLOW if follow else 0
                )
            r = settle(cython.address(w), r)
            settle(cython.address(x), 0)
        if r:
            raise failure2(r, kept, kept2)

    def symlink(self, src, dst, target_is_directory=False, *, dir_fd=None):
        """Make a symbolic link at dst that holds src; symlinkat(2)."""
        target: Where
        w: Where
        r: cython.int
        kept = take(cython.address(target), src, "symlink", "src", 0)
        kept2 = take(cython.address(w), dst, "symlink", "dst", 0)
        py.PyObject_IsTrue(target_is_directory)  # of no meaning on Linux
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        first = named(kept)
        second = named(kept2)
        py.audit2(b"os.symlink", b"OOi", first, second, dir_shown(w.dir))
        with cython.nogil:
            r = self.place(cython.address(w), ENTRY)
            if r == 0:
                r = libc.symlinkat(target.name, w.dir, w.name)
            r = settle(cython.address(w), r)
        if r:
            raise failure2(r, kept, kept2)

    def readlink(self, path, *, dir_fd=None):
        """What a symbolic link holds, as str, or as bytes for a path of bytes; readlinkat(2)."""
        w: Where
        r: cython.int
        size: cython.Py_ssize_t = 0
        room: cython.char[4096]  # PATH_MAX
        kept = take(cython.address(w), path, "readlink", "path", 0)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        with cython.nogil:
            r = self.place(cython.address(w), LOOK)
            if r == 0:
                size = libc.readlinkat(w.dir, w.name, room, cython.sizeof(room))
                r = -1 if size < 0 else 0
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)
        if py.PyUnicode_Check(named(kept)):
            return py.PyUnicode_DecodeFSDefaultAndSize(room, size)
        return py.PyBytes_FromStringAndSize(room, size)

    # --- built on these --------------------------------------------------------------------------

    def renames(self, old, new):
        """rename(), making the directories that the new name needs and removing those of the old
        one that are empty then."""
        path = self.path
        head, tail = path.split(new)
        if head and tail and not path.exists(head):
            verb(self, "makedirs")(head)
        verb(self, "rename")(old, new)
        head, tail = path.split(old)
        if head and tail:
            try:
                verb(self, "removedirs")(head)
            except OSError:
                pass


@cython.cfunc
@cython.exceptval(-1)
def _audit_two(
    event: cython.p_const_char, kept, kept2, src_dir: cython.int, dst_dir: cython.int
) -> cython.int:
    first = named(kept)
    second = named(kept2)
    return py.audit2(event, b"OOii", first, second, dir_shown(src_dir), dir_shown(dst_dir))


def place_second(machine, w, x, is_looked_for):
    # The kernel has searched the directory of the first name before it comes to the second one, and
    # for the name itself where that is to be there (`is_looked_for`): errors of that come first.
    status: libc.stat_t
    number: cython.int
    flags: cython.int = libc.AT_SYMLINK_NOFOLLOW | libc.AT_EMPTY_PATH
    if machine.place(x, ENTRY) == 0:
        return 0
    number = libc.errno
    if libc.fstatat(w.dir, w.name, cython.address(status), flags) == 0 or not (
        is_looked_for or libc.errno == libc.EACCES
    ):
        libc.errno = number
    return -1


@cython.cfunc
@cython.exceptval(-1)
def _unlink(self: Core, w: cython.pointer(Where), kept, dir_fd) -> cython.int:
    r: cython.int
    if dir_fd is not None:
        w.dir = to_dir_fd(dir_fd)
    name = named(kept)
    py.audit1(b"os.remove", b"Oi", name, dir_shown(w.dir))
    with cython.nogil:
        r = self.place(w, ENTRY)
        if r == 0:
            r = self.may_go(w, False)
        if r == 0:
            r = libc.unlinkat(w.dir, w.name, 0)
        r = settle(w, r)
    return r


@cython.cfunc
@cython.exceptval(-1)
def _rename(
    self: Core,
    w: cython.pointer(Where),
    x: cython.pointer(Where),
    kept,
    kept2,
    src_dir_fd,
    dst_dir_fd,
) -> cython.int:
    r: cython.int
    if src_dir_fd is not None:
        w.dir = to_dir_fd(src_dir_fd)
    if dst_dir_fd is not None:
        x.dir = to_dir_fd(dst_dir_fd)
    _audit_two(b"os.rename", kept, kept2, w.dir, x.dir)
    with cython.nogil:
        r = self.place(w, ENTRY)
        if r == 0:
            r = place_second(self, w, x, False)
        if r == 0:
            r = self.may_move(w, x, 0)
        if r == 0:
            r = libc.renameat(w.dir, w.name, x.dir, x.name)
        r = settle(w, r)
        settle(x, 0)
    return r
