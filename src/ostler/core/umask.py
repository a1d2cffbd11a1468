"""This process's umask, which umask(2) tells only who sets another one.

That is not done even for a moment: another thread might be making a file.
"""

import cython
from cython.cimports.ostler.core import libc

_ROOM = cython.declare(cython.int, 1024)  # the mask is told in one of the first lines
_NOBODY = cython.declare(cython.int, 0o077)


def process_umask():
    """The process's umask. Where it can't be known it is the one that keeps all others out."""
    mask: cython.int = _told()
    return mask if mask >= 0 else umask_by_thread()


def _told():
    # What /proc tells; -1 where there is none, or it doesn't.
    text: cython.char[1024]
    line: cython.p_char
    end: cython.p_char = cython.NULL
    mask: cython.int
    n: cython.long
    fd: cython.int = libc.openat(
        libc.AT_FDCWD, b"/proc/self/status", libc.O_RDONLY | libc.O_CLOEXEC
    )
    if fd < 0:
        return -1
    n = libc.read(fd, text, _ROOM - 1)
    while n < 0 and libc.errno == libc.EINTR:
        n = libc.read(fd, text, _ROOM - 1)
    libc.close(fd)
    if n < 0:
        return -1
    text[n] = 0
    line = libc.strstr(text, b"\nUmask:")  # in a name there is no newline
    if line == cython.NULL:
        return -1
    mask = libc.strtoul(line + 7, cython.address(end), 8)
    return mask if end[0] == b"\n" else -1


def umask_by_thread():
    """As process_umask(): a thread that has parted from the others may set its own; umask(2)."""
    thread: libc.pthread_t
    mask: cython.int = _NOBODY
    if libc.pthread_create(cython.address(thread), cython.NULL, _found, cython.address(mask)) == 0:
        libc.pthread_join(thread, cython.NULL)
    return mask


@cython.profile(False)
@cython.linetrace(False)
def _found(mask):
    if libc.unshare(libc.CLONE_FS) == 0:
        cython.cast(cython.p_int, mask)[0] = libc.umask(_NOBODY)
    return cython.NULL
