"""Clearing: all that is below a directory of our own is removed, fast where that is little."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.creating import is_point
from cython.cimports.ostler.core.crossing import failure, plain_failure


def clear(above: cython.int, name: bytes):
    """Remove all that is in the directory `name`, however deep, with one descriptor at a time.

    The modes of what is ours don't keep anybody out. The way up is the kernel's "..", and must
    lead to where the way down came from: OSError (ESTALE) where a directory was moved meanwhile.
    OSError (EBUSY) where something is mounted.
    """
    fd: cython.int = _entered(above, name)
    other: cython.int
    here: Identity
    levels: list = []  # on the way down: (device, inode, names of directories still to be removed)
    try:
        while True:
            names: list = _without_files(fd)
            if _identity(fd, cython.address(here)) < 0:
                raise plain_failure(libc.errno)
            levels.append((here.dev, here.ino, names))
            while not names:
                levels.pop()
                if not levels:
                    return
                other = libc.openat(fd, b"..", _LIST)
                if other < 0:
                    raise plain_failure(libc.errno)
                libc.close(fd)
                fd = other
                dev, ino, names = levels[-1]
                if _identity(fd, cython.address(here)) < 0:
                    raise plain_failure(libc.errno)
                if here.dev != dev or here.ino != ino:
                    raise OSError(libc.ESTALE, "a directory was moved while it was removed")
                last: bytes = names.pop()
                if libc.unlinkat(fd, last, libc.AT_REMOVEDIR) < 0:
                    raise failure(libc.errno, last)
            other = _entered(fd, names[-1])
            libc.close(fd)
            fd = other
    finally:
        libc.close(fd)


@cython.cfunc
@cython.exceptval(-1)
def _entered(above: cython.int, name: bytes) -> cython.int:
    # A directory of ours open for listing, with the mode that removing what is in it takes.
    fd: cython.int
    text: cython.p_const_char = name
    with cython.nogil:
        fd = _enter(above, text)
    if fd == _MOUNTED:
        raise OSError(
            libc.EBUSY, "something is mounted there",
            py.PyUnicode_DecodeFSDefaultAndSize(text, len(name)),
        )  # fmt: skip
    if fd < 0:
        raise failure(libc.errno, name)
    return fd


def _enter(above, name):
    # The descriptor, -1 with errno, or that something is mounted there, which is nothing of ours.
    st: libc.stat_t
    place: cython.char[32]
    fd: cython.int
    held: cython.int
    if is_point(above, name):
        return _MOUNTED
    fd = libc.openat(above, name, _LIST)
    if fd < 0:
        if libc.errno != libc.EACCES:
            return -1
        held = libc.openat(
            above, name, libc.O_PATH | libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_CLOEXEC
        )
        if held < 0:
            return -1
        libc.snprintf(place, 32, b"/proc/self/fd/%d", held)
        if libc.fchmodat(libc.AT_FDCWD, place, 0o700, 0) == 0:
            fd = libc.openat(held, b".", _LIST)
        number: cython.int = libc.errno
        libc.close(held)
        libc.errno = number
        return fd
    if (
        libc.fstat(fd, cython.address(st)) == 0
        and st.st_mode & 0o700 != 0o700
        and st.st_uid == libc.geteuid()
        and libc.fchmod(fd, 0o700) < 0
    ):
        libc.close(fd)
        return -1
    return fd


def _identity(fd, found):
    st: libc.stat_t
    if libc.fstat(fd, cython.address(st)) < 0:
        return -1
    found.dev = st.st_dev
    found.ino = st.st_ino
    return 0


@cython.cfunc
def _without_files(fd: cython.int) -> list:
    # Remove everything in a directory but the directories, of which the names are returned.
    names: Names
    failed: cython.p_const_char = cython.NULL
    entry: cython.pointer(libc.dirent)
    at: cython.size_t = 0
    found: list = []
    number: cython.int = 0
    try:
        with cython.nogil:
            if _read(fd, cython.address(names)) < 0:
                number = libc.errno
            elif _remove_files(fd, cython.address(names), cython.address(failed)) < 0:
                number = libc.errno
        if number:
            if failed is cython.NULL:
                raise plain_failure(number)
            raise failure(number, cython.cast(bytes, failed))
        while at < names.size:
            entry = cython.cast(cython.pointer(libc.dirent), names.block + at)
            at += entry.d_reclen
            if entry.d_type == libc.DT_DIR:
                found.append(cython.cast(bytes, cython.address(entry.d_name[0])))
    finally:
        libc.free(names.block)
    return found


def _read(fd, names):
    # All of it first: what is removed while it is listed may hide something else.
    room: cython.size_t = _BLOCK
    told: cython.long
    more: cython.p_char
    names.size = 0
    names.block = cython.cast(cython.p_char, libc.malloc(room))
    if names.block == cython.NULL:
        libc.errno = libc.ENOMEM
        return -1
    while True:
        told = libc.getdents64(fd, names.block + names.size, room - names.size)
        if told <= 0:
            return cython.cast(cython.int, told)
        names.size += told
        if room - names.size < _BLOCK // 2:
            room *= 2
            more = cython.cast(cython.p_char, libc.realloc(names.block, room))
            if more == cython.NULL:
                libc.errno = libc.ENOMEM
                return -1
            names.block = more


def _remove_files(fd, names, failed):
    # Also the entries of "." and "..", and what is a directory by another look, are told apart.
    st: libc.stat_t
    entry: cython.pointer(libc.dirent)
    name: cython.p_const_char
    at: cython.size_t = 0
    while at < names.size:
        entry = cython.cast(cython.pointer(libc.dirent), names.block + at)
        at += entry.d_reclen
        name = cython.address(entry.d_name[0])
        if libc.strcmp(name, b".") == 0 or libc.strcmp(name, b"..") == 0:
            entry.d_type = libc.DT_LNK
            continue
        if entry.d_type == libc.DT_UNKNOWN:
            failed[0] = name
            if libc.fstatat(fd, name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
                return -1
            entry.d_type = libc.DT_DIR if st.st_mode & libc.S_IFMT == libc.S_IFDIR else libc.DT_REG
        if entry.d_type != libc.DT_DIR:
            failed[0] = name
            if libc.unlinkat(fd, name, 0) < 0:
                return -1
    failed[0] = cython.NULL
    return 0
