"""Calls about whole file systems that os lacks."""

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler._core import plain_failure


def sync_filesystem(fd: cython.int):
    """Write all that the file system of an open file holds back to its device; syncfs(2)."""
    r: cython.int
    number: cython.int
    with cython.nogil:
        r = libc.syncfs(fd)
        number = libc.errno
    if r < 0:
        raise plain_failure(number)
