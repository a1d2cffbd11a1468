"""A helper: a process that works for this thread, with its memory and its descriptors.

What it does to itself (enter namespaces, give up rights) this process does not do.
"""

import cython
from cython.cimports.ostler.core import libc

_EVERY = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)


def stacks(count):
    room: cython.p_char = cython.cast(cython.p_char, libc.mmap(
        cython.NULL, count * STACK, libc.PROT_READ | libc.PROT_WRITE,
        libc.MAP_PRIVATE | libc.MAP_ANONYMOUS | libc.MAP_STACK, -1, 0,
    ))  # fmt: skip
    return cython.NULL if room == libc.MAP_FAILED else room


def give_stacks_back(lowest, count):
    return libc.munmap(lowest, count * STACK)


def in_helper(work, argument, stack):
    before: cython.ulonglong = 0
    number: cython.int = 0
    pid: cython.int
    libc.syscall(
        libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(_EVERY), cython.address(before), 8
    )
    pid = libc.clone(
        work, stack + STACK, libc.CLONE_VM | libc.CLONE_VFORK | libc.CLONE_FILES, argument
    )
    if pid < 0:
        number = libc.errno
    else:
        wait_for_end(pid)
    libc.syscall(libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(before), cython.NULL, 8)
    libc.errno = number
    return -1 if pid < 0 else 0


def wait_for_end(pid):
    status: cython.int
    while libc.waitpid(pid, cython.address(status), libc.__WALL) < 0:
        if libc.errno != libc.EINTR:
            break
    return 0


def write_text(dir, path, text):
    fd: cython.int = libc.openat(dir, path, libc.O_WRONLY | libc.O_CLOEXEC)
    if fd < 0:
        return -1
    r: cython.long = libc.write(fd, text, libc.strlen(text))
    number: cython.int = libc.errno
    libc.close(fd)
    libc.errno = number
    return 0 if r >= 0 else -1
