"""Numbers: descriptors of this process, by name (/dev/fd/N) and out of the way; text of paths."""

import cython
from cython.cimports.ostler.core import libc


def high(fd):
    # Out of the way: of standard input, output and error, and of ranges that a program closes.
    moved: cython.int
    if fd < 0 or fd >= _HIGH:
        return fd
    moved = libc.fcntl(fd, libc.F_DUPFD_CLOEXEC, _HIGH)
    if moved < 0:
        moved = libc.fcntl(fd, libc.F_DUPFD_CLOEXEC, 3)  # a low limit on descriptors
    if moved < 0:
        return fd
    libc.close(fd)
    return moved


def is_dots(name, size):
    return name[0] == b"." and (size == 1 or (size == 2 and name[1] == b"."))


def is_root(path, size):
    i: cython.size_t
    for i in range(size):
        if path[i] != b"/":
            return False
    return True


# ---- a path that may lead to /proc/self/fd/N, one name after the other ----


def begin(name, path):
    # 0, or -1: it is too long.
    size: cython.size_t = libc.strlen(path)
    name.held = -1
    if size >= _PATH_MAX:
        return -1
    libc.memcpy(name.path, path, size + 1)
    return 0


def split(name):
    # The path into its parent and the last name; -1 where there is none that can be a link.
    size: cython.size_t = libc.strlen(name.path)
    start: cython.size_t = size
    while start > 0 and name.path[start - 1] != b"/":
        start -= 1
    if start == size or size - start > 255:
        return -1
    libc.memcpy(name.last, name.path + start, size - start + 1)
    libc.memcpy(name.parent, name.path, start)
    name.parent[start] = 0
    if start == 0:
        libc.memcpy(name.parent, b".", 2)
    return 0


def step_to(name, fd):
    # Its parent was opened.
    if name.held >= 0:
        libc.close(name.held)
    name.held = fd
    return fd


def follow(name):
    # The path becomes what the link says; -1: it is no link.
    size: cython.long = libc.readlinkat(name.held, name.last, name.path, _PATH_MAX - 1)
    if size <= 0:
        return -1
    name.path[size] = 0
    return 0


def finish(name, number, flags):
    # Open what was found, a descriptor's number or -1.
    if name.held >= 0:
        libc.close(name.held)
    if number < 0:
        libc.errno = libc.ELOOP
        return -1
    return _open_again(number, flags)


def is_own_fd_directory(fd):
    # The host's /proc shows this process there; a link in it is one of our descriptors.
    own: libc.stat_t
    found: libc.stat_t
    return (
        libc.fstatat(libc.AT_FDCWD, b"/proc/self/fd", cython.address(own), 0) == 0
        and libc.fstat(fd, cython.address(found)) == 0
        and own.st_dev == found.st_dev
        and own.st_ino == found.st_ino
    )


def decimal(text):
    # A descriptor's number, -1: it is none.
    number: cython.int = 0
    i: cython.int = 0
    while text[i] >= b"0" and text[i] <= b"9" and i < 9:
        number = number * 10 + (text[i] - 48)
        i += 1
    return number if i > 0 and text[i] == 0 else -1


def _open_again(number, flags):
    # An open file of ours, as open("/dev/fd/N") gives it, but with no right that it lacks.
    link: cython.char[32]
    status: libc.stat_t
    has: cython.int = libc.fcntl(number, libc.F_GETFL)
    mode: cython.int = has & libc.O_ACCMODE
    if has < 0:
        libc.errno = libc.ENOENT
        return -1
    if libc.fstat(number, cython.address(status)) < 0:
        return -1
    if status.st_mode & 0o170000 == 0o040000:
        libc.errno = libc.ELOOP  # directories lead on, perhaps out
        return -1
    if not flags & libc.O_PATH:
        if flags & libc.O_CREAT and flags & libc.O_EXCL:
            libc.errno = libc.EEXIST
            return -1
        if (
            has & libc.O_PATH
            or (mode != libc.O_RDWR and flags & libc.O_ACCMODE != mode)
            or (mode == libc.O_RDONLY and flags & libc.O_TRUNC)
        ):
            libc.errno = libc.EACCES
            return -1
    libc.sprintf(link, b"/proc/self/fd/%d", number)
    return libc.openat(libc.AT_FDCWD, link, flags & ~libc.O_CREAT)
