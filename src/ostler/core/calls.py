"""Calls: what os lacks of the system and a rehearsal needs."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import plain_failure

from ostler.core.crossing import the_host


@cython.cclass
class held:
    """with held(call, ...) as fd: the descriptor that a call returns, closed in any case.

    Between a call and the `try` that follows it Ctrl-C can strike: then what it has opened would be
    nobody's. Here it is an object's, which goes with the last reference to it.
    """

    def __cinit__(self, call, *args, **kwargs):
        self._fd = -1
        self._fd = call(*args, **kwargs)

    def __dealloc__(self):
        self._end()

    def __enter__(self):
        return self._fd

    def __exit__(self, *exception):
        self._end()

    def _end(self):
        fd: cython.int = self._fd
        self._fd = -1
        return libc.close(fd) if fd >= 0 else 0


def sync_filesystem(fd: cython.int):
    """Write all that the file system of an open file holds back to its device; syncfs(2)."""
    r: cython.int
    number: cython.int
    with cython.nogil:
        r = libc.syncfs(fd)
        number = libc.errno
    if r < 0:
        raise plain_failure(number)


def adopt_orphans(on: cython.bint):
    """Whether what our children leave behind becomes our child from now on; prctl(2).

    Returns whether it did until now.
    """
    before: cython.int = 0
    if (
        libc.prctl(libc.PR_GET_CHILD_SUBREAPER, cython.address(before), 0, 0, 0) < 0
        or libc.prctl(libc.PR_SET_CHILD_SUBREAPER, cython.cast(cython.ulong, on), 0, 0, 0) < 0
    ):
        raise plain_failure(libc.errno)
    return before != 0


def file_handle(dir_fd: cython.int, name: bytes):
    """What the file system itself knows an object by: (type, bytes), name_to_handle_at(2).

    None where it gives none. No other object of it ever has the same, unlike an inode number.
    """
    room: cython.uint[40]  # its two numbers, and the kernel's MAX_HANDLE_SZ
    handle: cython.pointer(libc.file_handle) = cython.cast(
        cython.pointer(libc.file_handle), cython.address(room[0])
    )
    mount: cython.int
    handle.handle_bytes = 128
    if libc.name_to_handle_at(dir_fd, name, handle, cython.address(mount), 0) < 0:
        return None
    data: cython.p_char = cython.cast(cython.p_char, cython.address(room[2]))
    return handle.handle_type, data[: handle.handle_bytes]


def told_of_us(name):
    """What the kernel tells of this process, in a file of /proc/self."""
    host = the_host()
    # By the host's own calls: open() acts on the machine that may be installed where this is run.
    fd = host.open(f"/proc/self/{name}", host.O_RDONLY | host.O_CLOEXEC)
    try:
        told = b""
        while more := host.read(fd, 65536):
            told += more
        return told
    finally:
        host.close(fd)
