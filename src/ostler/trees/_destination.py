"""The new root of a copied tree: where it may be made, and making it."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import failure
from cython.cimports.ostler.trees._metadata import fresh_mode
from cython.cimports.ostler.trees._run import open_holder, open_root, split, verify

from ostler.trees._place import Place


def _inside(directory, st):
    # Whether this directory is the one that `st` is of, or lies below it.
    here: libc.stat_t
    above: libc.stat_t
    up: cython.int
    at: cython.int = libc.openat(directory, b".", libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
    libc.fstat(directory, cython.address(here))
    while at >= 0:
        if here.st_dev == st.st_dev and here.st_ino == st.st_ino:
            libc.close(at)
            return True
        up = libc.openat(at, b"..", libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
        libc.close(at)
        at = up
        if at < 0 or libc.fstat(at, cython.address(above)) < 0:
            break
        if above.st_dev == here.st_dev and above.st_ino == here.st_ino:
            break
        here = above
    if at >= 0:
        libc.close(at)
    return False


def make_directory(machine, to, source, kept, merge, mask):
    # The new root of a copy, open; refused where it is the source, or lies in it. With a mask
    # (else -1) what is made has the mode of a new directory already.
    made: libc.stat_t
    number: cython.int = 0
    new: cython.int
    fd: cython.int = -1
    path = py.PyOS_FSPath(to)
    head, name = split(path)
    text: bytes = name if isinstance(name, bytes) else py.PyUnicode_EncodeFSDefault(name)
    base: cython.p_const_char = text
    below: cython.bint = isinstance(to, Place) and len(to.names) > 0
    parent: cython.int
    if below:
        parent = open_root(machine, to.above(), "copy", False)
    else:
        parent = open_holder(machine, head, "copy", path)
    try:
        if _inside(parent, source):
            raise OSError(libc.EINVAL, "the destination lies inside the source", kept, None, path)
        with cython.nogil:
            new = libc.mkdirat(parent, base, 0o700)
            if new < 0 and not (libc.errno == libc.EEXIST and merge):
                number = libc.errno
            else:
                fd = libc.openat(
                    parent,
                    base,
                    libc.O_RDONLY | libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_CLOEXEC,
                )
                if fd < 0 or libc.fstat(fd, cython.address(made)) < 0:
                    number = libc.errno
                elif new == 0 and mask >= 0:
                    libc.fchmod(fd, fresh_mode(fd, 0o777, mask) | 0o700)
    finally:
        libc.close(parent)
    if number:
        raise failure(number, path)
    try:
        if made.st_dev == source.st_dev and made.st_ino == source.st_ino:
            raise OSError(libc.EINVAL, "the destination is the source", kept, None, path)
        if isinstance(to, Place) and not below:
            verify(fd, to)
    except BaseException:
        libc.close(fd)
        raise
    return fd


def prepare(machine, top, to_machine, to, merge, mask):
    """Make the directory that the tree `top` is copied to, or a Place below it."""
    st: libc.stat_t
    source: cython.int = open_root(machine, top, "copy", True)
    try:
        libc.fstat(source, cython.address(st))
        kept = py.PyOS_FSPath(top)
        libc.close(make_directory(to_machine, to, cython.address(st), kept, merge, mask))
    finally:
        libc.close(source)
