"""Reading directories: names and entries from blocks of getdents64(2)."""

import sys

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py

# Whether bytes under 128 mean themselves in file names, so that they need no decoder.
_ASCII = sys.getfilesystemencoding() in ("utf-8", "ascii", "iso8859-1")


def decoded(name):
    """A file name as text: surrogates stand for the bytes that do not decode."""
    size: cython.size_t = libc.strlen(name)
    if _ASCII and _is_ascii(name, size):
        return py.ascii_text(name, size)
    return py.PyUnicode_DecodeFSDefaultAndSize(name, size)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _is_ascii(name: cython.p_const_char, size: cython.size_t) -> cython.bint:
    i: cython.size_t
    seen: cython.uchar = 0
    for i in range(size):
        seen |= cython.cast(cython.uchar, name[i])
    return seen < 128


def list_names(names, fd, text):
    """Append the names in an open directory but "." and ".."; 0, or the errno that ended it."""
    block: cython.char[BLOCK]
    size: cython.long = 0
    at: cython.long
    error: cython.int = 0
    entry: cython.pointer(libc.dirent)
    while True:
        with cython.nogil:
            size = libc.getdents64(fd, block, BLOCK)
            if size < 0:
                error = libc.errno
        if size <= 0:
            # A directory that was removed meanwhile is at its end.
            return 0 if error == libc.ENOENT else error
        at = 0
        while at < size:
            entry = cython.cast(cython.pointer(libc.dirent), cython.address(block[at]))
            at += entry.d_reclen
            if is_dots(entry.d_name):
                continue
            names.append(decoded(entry.d_name) if text else py.PyBytes_FromString(entry.d_name))


def is_dots(name):
    return name[0] == b"." and (name[1] == 0 or (name[1] == b"." and name[2] == 0))
