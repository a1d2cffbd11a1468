"""Calls: what os lacks of the system and a rehearsal needs."""

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


def adopt_orphans():
    """From now on what our children leave behind becomes our child; prctl(2), CHILD_SUBREAPER."""
    if libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0:
        raise plain_failure(libc.errno)
