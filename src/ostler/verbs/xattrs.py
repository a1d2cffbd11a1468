"""Extended attributes of files: small named values beside the content; xattr(7)."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    ALLOW_NONE,
    LOOK,
    TARGET,
    Core,
    Where,
    failure,
    must_follow,
    named,
    settle,
    take,
)
from cython.cimports.ostler.core.numbers import to_int

CONSTANTS = {
    "XATTR_CREATE": libc.XATTR_CREATE,
    "XATTR_REPLACE": libc.XATTR_REPLACE,
    "XATTR_SIZE_MAX": libc.XATTR_SIZE_MAX,
}
TYPES = {}

# "/proc/self/fd/N/" and a path; see _spell().
_ROOM = cython.declare(cython.int, 4128)


@cython.cclass
class Xattrs(Core):
    """The calls of os that are about extended attributes."""

    def getxattr(self, path, attribute, *, follow_symlinks=True):
        """The value of an extended attribute, as bytes; getxattr(2). `path` may be a descriptor."""
        w: Where
        a: Where
        r: cython.int
        size: cython.Py_ssize_t
        kept = take(cython.address(w), path, "getxattr", "path", ALLOW_FD)
        kept2 = take(cython.address(a), attribute, "getxattr", "attribute", 0)
        follow: cython.bint = follow_symlinks
        _check(self, cython.address(w), "getxattr", follow)
        _audit(b"os.getxattr", named(kept), named(kept2))
        spelled: cython.char[4128]
        name: cython.p_const_char
        few: cython.char[128]
        again: Where = w
        with cython.nogil:
            name = _spell(self, cython.address(w), follow, spelled)
            size = _get(name, cython.address(w), a.name, few, 128, follow)
            r = settle(cython.address(w), size)
        if r == 0:
            return py.PyBytes_FromStringAndSize(few, size)
        if r == libc.ERANGE:
            many = bytearray(libc.XATTR_SIZE_MAX)
            room = cython.cast(cython.p_char, many)
            w = again
            with cython.nogil:
                name = _spell(self, cython.address(w), follow, spelled)
                size = _get(name, cython.address(w), a.name, room, libc.XATTR_SIZE_MAX, follow)
                r = settle(cython.address(w), size)
            if r == 0:
                return py.PyBytes_FromStringAndSize(room, size)
        raise failure(r, kept)

    def setxattr(self, path, attribute, value, flags=0, *, follow_symlinks=True):
        """Set an extended attribute to these bytes; setxattr(2).

        `path` may be a descriptor; `flags`: XATTR_CREATE or XATTR_REPLACE.
        """
        w: Where
        a: Where
        r: cython.int
        kept = take(cython.address(w), path, "setxattr", "path", ALLOW_FD)
        kept2 = take(cython.address(a), attribute, "setxattr", "attribute", 0)
        view = py.PyMemoryView_FromObject(value) if py.PyObject_CheckBuffer(value) else None
        if view is None or not view.c_contiguous:
            _refuse(value, view)
        data = value if type(value) is bytes else bytes(view)
        how: cython.int = to_int(flags)
        follow: cython.bint = follow_symlinks
        _check(self, cython.address(w), "setxattr", follow)
        first = named(kept)
        second = named(kept2)
        py.audit3(b"os.setxattr", b"OOOi", first, second, data, how)
        bytes_: cython.p_const_char = py.PyBytes_AS_STRING(data)
        size: cython.Py_ssize_t = py.PyBytes_GET_SIZE(data)
        spelled: cython.char[4128]
        name: cython.p_const_char
        with cython.nogil:
            name = _spell(self, cython.address(w), follow, spelled)
            if w.fd != -1:
                r = libc.fsetxattr(w.fd, a.name, bytes_, size, how)
            elif name == cython.NULL and w.name != cython.NULL:
                r = -1
            elif follow:
                r = libc.setxattr(name, a.name, bytes_, size, how)
            else:
                r = libc.lsetxattr(name, a.name, bytes_, size, how)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def removexattr(self, path, attribute, *, follow_symlinks=True):
        """Remove an extended attribute; removexattr(2). `path` may be a descriptor."""
        w: Where
        a: Where
        r: cython.int
        kept = take(cython.address(w), path, "removexattr", "path", ALLOW_FD)
        kept2 = take(cython.address(a), attribute, "removexattr", "attribute", 0)
        follow: cython.bint = follow_symlinks
        _check(self, cython.address(w), "removexattr", follow)
        _audit(b"os.removexattr", named(kept), named(kept2))
        spelled: cython.char[4128]
        name: cython.p_const_char
        with cython.nogil:
            name = _spell(self, cython.address(w), follow, spelled)
            if w.fd != -1:
                r = libc.fremovexattr(w.fd, a.name)
            elif name == cython.NULL and w.name != cython.NULL:
                r = -1
            elif follow:
                r = libc.removexattr(name, a.name)
            else:
                r = libc.lremovexattr(name, a.name)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)

    def listxattr(self, path=None, *, follow_symlinks=True):
        """The names of a file's extended attributes, a list of str; listxattr(2).

        `path` may be a descriptor; None is the working directory.
        """
        w: Where
        r: cython.int
        size: cython.Py_ssize_t
        kept = take(cython.address(w), path, "listxattr", "path", ALLOW_FD | ALLOW_NONE)
        follow: cython.bint = follow_symlinks
        _check(self, cython.address(w), "listxattr", follow)
        first = named(kept)
        py.audit1(b"os.listxattr", b"(O)", first)
        if w.name == cython.NULL and w.fd == -1:
            w.name = b"."
        spelled: cython.char[4128]
        name: cython.p_const_char
        few: cython.char[256]
        again: Where = w
        with cython.nogil:
            name = _spell(self, cython.address(w), follow, spelled)
            size = _list(name, cython.address(w), few, 256, follow)
            r = settle(cython.address(w), size)
        if r == 0:
            return _split(few, size)
        if r == libc.ERANGE:
            many = bytearray(libc.XATTR_LIST_MAX)
            room = cython.cast(cython.p_char, many)
            w = again
            with cython.nogil:
                name = _spell(self, cython.address(w), follow, spelled)
                size = _list(name, cython.address(w), room, libc.XATTR_LIST_MAX, follow)
                r = settle(cython.address(w), size)
            if r == 0:
                return _split(room, size)
        raise failure(r, kept)


@cython.cfunc
@cython.exceptval(-1)
def _check(self: Core, w: cython.pointer(Where), function: str, follow: cython.bint) -> cython.int:
    if must_follow(w.fd) and not follow:
        raise ValueError(f"{function}: cannot use fd and follow_symlinks together")
    if w.fd < 0 and py.PY_VERSION_HEX < 0x030F0000:
        w.fd = -1  # a negative number is no path at all, and none is taken for AT_FDCWD
    elif w.fd == libc.AT_FDCWD and self._names is None:
        w.fd = -2  # which some kernels take for the working directory, and that is the host's
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _audit(event: cython.p_const_char, first, second) -> cython.int:
    return py.audit2(event, b"OO", first, second)


@cython.cfunc
@cython.exceptval(-1)
def _refuse(value, view) -> cython.int:
    if view is None:
        shown = "NoneType" if value is None else py.type_named(value)
        raise TypeError(f"a bytes-like object is required, not '{shown}'")
    raise BufferError("memoryview: underlying buffer is not C-contiguous")


def _get(name, w, attribute, room, size, follow):
    if w.fd != -1:
        return libc.fgetxattr(w.fd, attribute, room, size)
    if name == cython.NULL and w.name != cython.NULL:
        return -1
    if follow:
        return libc.getxattr(name, attribute, room, size)
    return libc.lgetxattr(name, attribute, room, size)


def _list(name, w, room, size, follow):
    if w.fd != -1:
        return libc.flistxattr(w.fd, room, size)
    if name == cython.NULL:
        return -1
    if follow:
        return libc.listxattr(name, room, size)
    return libc.llistxattr(name, room, size)


def _spell(self, w, follow, room):
    """Place the path and spell it for a call that takes no directory descriptor.

    Where place() answers with a directory and a name in it, the directory is named through
    /proc: the l... calls do not follow the last component, but those before it. NULL: it failed,
    or there was no path.
    """
    length: cython.int
    if w.name == cython.NULL:
        return cython.NULL
    if self.place(w, TARGET if follow else LOOK) != 0:
        return cython.NULL
    if w.dir == libc.AT_FDCWD or w.name[0] == b"/":
        return w.name
    length = libc.snprintf(room, _ROOM, b"/proc/self/fd/%d/%s", w.dir, w.name)
    if length >= _ROOM:
        libc.set_errno(libc.ENAMETOOLONG)
        return cython.NULL
    return room


@cython.cfunc
def _split(text: cython.p_const_char, size: cython.Py_ssize_t) -> list:
    # Names, each with a NUL after it.
    names = []
    start: cython.Py_ssize_t = 0
    length: cython.Py_ssize_t
    while start < size:
        length = libc.strlen(text + start)
        names.append(py.PyUnicode_DecodeFSDefaultAndSize(text + start, length))
        start += length + 1
    return names
