"""Where a copy has its files with several names: paths below the root, and links to them."""

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler.trees._output import path_length, path_write


def below_root(task, node, name):
    # The path from the root of the tree to a name, to be freed.
    length: cython.int = path_length(node)
    size: cython.int = libc.strlen(name) + 1
    path: cython.p_char = cython.cast(cython.p_char, libc.malloc(length + size))
    whole: cython.p_char
    if path == cython.NULL:
        return cython.NULL
    path_write(node, path, length)
    libc.memcpy(path + length, name, size)
    whole = path
    length += size - task.prefix
    for size in range(length):
        path[size] = whole[task.prefix + size]
    return path


def link_first(task, path, dir, name):
    # A further name for what was copied to `path` below the root; the errno.
    part: cython.char[256]
    at: cython.int = libc.openat(task.to, b".", libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
    next: cython.int
    size: cython.int
    number: cython.int = 0
    while at >= 0:
        size = 0
        while path[size] and path[size] != 0x2F and size < 255:
            part[size] = path[size]
            size += 1
        part[size] = 0
        if path[size] == 0:
            if libc.linkat(at, part, dir, name, 0) < 0:
                number = libc.errno
            libc.close(at)
            return number
        path += size + 1
        next = libc.openat(
            at, part, libc.O_PATH | libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_CLOEXEC
        )
        if next < 0:
            number = libc.errno
        libc.close(at)
        at = next
    return number if number else libc.errno
