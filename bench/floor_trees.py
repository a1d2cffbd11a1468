"""The floor of the tree operations: the system calls they can't do without, in a tight loop.

Compiled by bench_trees.py. One thread, recursion, no errors handled, nothing but the work.
"""

import cython
from cython.cimports.ostler.core import libc


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _walk(
    fd: cython.int,
    what: cython.int,
    total: cython.p_long,
    buffers: cython.p_char,
    depth: cython.int,
    to: cython.int,
    data: cython.p_char,
    size: cython.long,
) -> cython.void:
    # what: 0 counts, 1 stats, 2 removes, 3 copies.
    buffer: cython.p_char = buffers + depth * 32768
    n: cython.long
    at: cython.long
    below: cython.int
    below_to: cython.int = -1
    entry: cython.pointer(libc.dirent)
    name: cython.p_char
    st: libc.stat_t
    while True:
        n = libc.getdents64(fd, buffer, size)
        if n <= 0:
            return
        at = 0
        while at < n:
            entry = cython.cast(cython.pointer(libc.dirent), buffer + at)
            at += entry.d_reclen
            name = cython.address(entry.d_name[0])
            if name[0] == 0x2E and (name[1] == 0 or (name[1] == 0x2E and name[2] == 0)):
                continue
            total[0] += 1
            if entry.d_type == libc.DT_DIR:
                below = libc.openat(fd, name, libc.O_RDONLY | libc.O_DIRECTORY)
                if what == 3:
                    libc.mkdirat(to, name, 0o755)
                    below_to = libc.openat(to, name, libc.O_RDONLY | libc.O_DIRECTORY)
                if what == 1:
                    libc.fstat(below, cython.address(st))
                _walk(below, what, total, buffers, depth + 1, below_to, data, size)
                libc.close(below)
                if what == 2:
                    libc.unlinkat(fd, name, libc.AT_REMOVEDIR)
                if what == 3:
                    libc.close(below_to)
            elif what == 1:
                libc.fstatat(fd, name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW)
            elif what == 2:
                libc.unlinkat(fd, name, 0)
            elif what == 3:
                _copy(fd, to, name, data)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _copy(fd: cython.int, to: cython.int, name: cython.p_char, data: cython.p_char) -> cython.void:
    st: libc.stat_t
    times: libc.timespec[2]
    n: cython.long
    source: cython.int = libc.openat(fd, name, libc.O_RDONLY | libc.O_NOFOLLOW)
    libc.fstat(source, cython.address(st))
    target: cython.int = libc.openat(
        to, name, libc.O_WRONLY | libc.O_CREAT | libc.O_EXCL, st.st_mode & 0o777
    )
    while True:
        n = libc.read(source, data, 262144)
        if n <= 0:
            break
        libc.write(target, data, n)
        if n < 262144:
            break
    times[0] = st.st_atim
    times[1] = st.st_mtim
    libc.futimens(target, times)
    libc.close(source)
    libc.close(target)


def run(paths, what, to=None):
    """Work through these directories; how many entries they held."""
    total: cython.long = 0
    kind: cython.int = what
    fd: cython.int
    target: cython.int = -1
    buffers: cython.p_char = cython.cast(cython.p_char, libc.malloc(64 * 32768))
    data: cython.p_char = cython.cast(cython.p_char, libc.malloc(262144))
    path: bytes
    here: cython.p_const_char
    there: cython.p_const_char
    for path in paths:
        here = path
        copy: bytes = to + b"/" + path.rpartition(b"/")[2] if to else b""
        there = copy
        with cython.nogil:
            fd = libc.openat(libc.AT_FDCWD, here, libc.O_RDONLY | libc.O_DIRECTORY)
            if kind == 3:
                libc.mkdirat(libc.AT_FDCWD, there, 0o755)
                target = libc.openat(libc.AT_FDCWD, there, libc.O_RDONLY | libc.O_DIRECTORY)
            _walk(fd, kind, cython.address(total), buffers, 0, target, data, 32768)
            libc.close(fd)
            if kind == 3:
                libc.close(target)
            if kind == 2:
                libc.unlinkat(libc.AT_FDCWD, here, libc.AT_REMOVEDIR)
    libc.free(buffers)
    libc.free(data)
    return total + len(paths)


def share(fd, what):
    """Read on in an open flat directory that others read as well; how many entries this one saw."""
    total: cython.long = 0
    kind: cython.int = what
    directory: cython.int = fd
    buffers: cython.p_char = cython.cast(cython.p_char, libc.malloc(64 * 32768))
    with cython.nogil:
        _walk(directory, kind, cython.address(total), buffers, 0, -1, buffers, 262144)
    libc.free(buffers)
    return total
