"""A path below a root, one name after the other, where the kernel has no openat2.

No link is followed unseen, and ".." is the directory that we came from, so that nothing leads
out, whoever moves things meanwhile.
"""

import cython
from cython.cimports.ostler.core import libc


def step_by_step(root, path, flags, mode):
    # A descriptor of what the path means below this root, or -1 with errno.
    rest: cython.char[8192]
    name: cython.char[256]
    target: cython.char[4096]
    way: cython.int[_DEEP]
    top: cython.int = 0
    links: cython.int = 0
    fd: cython.int = -1
    size: cython.long
    left: cython.size_t = libc.strlen(path)
    pos: cython.size_t = 0
    end: cython.size_t
    after: cython.size_t
    last: cython.bint
    status: libc.stat_t
    number: cython.int = 0
    if left == 0 or left >= _PATH_MAX:
        libc.errno = libc.ENAMETOOLONG if left else libc.ENOENT
        return -1
    libc.memcpy(rest, path, left + 1)
    way[0] = root
    while number == 0:
        while rest[pos] == b"/":
            pos += 1
        if rest[pos] == 0:
            # The way ends in a directory.
            if flags & libc.O_CREAT:
                number = libc.EISDIR
            elif flags & libc.O_PATH:
                fd = libc.fcntl(way[top], libc.F_DUPFD_CLOEXEC, 3)
            else:
                fd = libc.openat(way[top], b".", flags)
            if fd < 0 and number == 0:
                number = libc.errno
            break
        end = pos
        while rest[end] != b"/" and rest[end] != 0:
            end += 1
        if end - pos > 255:
            number = libc.ENAMETOOLONG
            break
        libc.memcpy(name, rest + pos, end - pos)
        name[end - pos] = 0
        last = rest[end] == 0
        pos = end
        if libc.strcmp(name, b".") == 0:
            continue
        if libc.strcmp(name, b"..") == 0:
            if top > 0:
                libc.close(way[top])
                top -= 1
            continue
        if last:
            fd = libc.openat(way[top], name, flags | libc.O_NOFOLLOW, mode)
            number = libc.errno if fd < 0 else 0
        else:
            fd = libc.openat(way[top], name, libc.O_PATH | libc.O_NOFOLLOW | libc.O_CLOEXEC)
            number = libc.errno if fd < 0 else 0
        if last and flags & libc.O_NOFOLLOW:
            break
        if last and fd >= 0 and not flags & libc.O_PATH:
            break
        if last and fd < 0 and number != libc.ELOOP and number != libc.ENOTDIR:
            break
        size = libc.readlinkat(way[top], name, target, _PATH_MAX - 1)
        if size < 0:
            # No link: what was opened is it, or what failed has failed.
            if fd < 0 or last:
                break
            if libc.fstat(fd, cython.address(status)) < 0:
                number = libc.errno
            elif status.st_mode & 0o170000 != 0o040000:
                number = libc.ENOTDIR
            elif top + 1 >= _DEEP:
                number = libc.ENAMETOOLONG
            if number == 0:
                top += 1
                way[top] = fd
                fd = -1
            continue
        if fd >= 0:
            libc.close(fd)
            fd = -1
        number = 0
        links += 1
        left = libc.strlen(rest + pos)
        after = cython.cast(cython.size_t, size)
        if links > _LINKS:
            number = libc.ELOOP
        elif after + left >= _PATH_MAX:
            number = libc.ENAMETOOLONG
        else:
            libc.memmove(rest + after, rest + pos, left + 1)
            libc.memcpy(rest, target, after)
            pos = 0
            while target[0] == b"/" and top > 0:
                libc.close(way[top])
                top -= 1
    while top > 0:
        libc.close(way[top])
        top -= 1
    if number:
        if fd >= 0:
            libc.close(fd)
        libc.errno = number
        return -1
    return fd
