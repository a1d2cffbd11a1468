"""Contents of files by their descriptors: compared piece by piece, and holes never read."""

from __future__ import annotations

import errno

from ostler.machine import host

_BLOCK = 1 << 18


def same(one: int, two: int) -> bool:
    """Whether two open files have the same bytes; little memory, however large they are."""
    size = host.fstat(one).st_size
    if host.fstat(two).st_size != size:
        return False
    if size == 0:
        # Also the size of files that the kernel makes up, as in /proc.
        return _same_range(one, two, 0, None)
    at = 0
    while at < size:
        first, second = _data(one, at, size), _data(two, at, size)
        start = min(first[0], second[0])
        if start >= size:
            return True  # nothing but holes in both
        end = max(end for begin, end in (first, second) if begin == start)
        if not _same_range(one, two, start, end):
            return False
        at = end
    return True


def _data(fd: int, at: int, size: int) -> tuple[int, int]:
    """(beginning, end) of the next data from a position on; (size, size) when there is none."""
    try:
        start = host.lseek(fd, at, host.SEEK_DATA)
        return start, min(host.lseek(fd, start, host.SEEK_HOLE), size)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size, size
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return at, size  # holes are not told here
        raise


def _same_range(one: int, two: int, at: int, end: int | None) -> bool:
    while end is None or at < end:
        wanted = _BLOCK if end is None else min(_BLOCK, end - at)
        block, other = host.pread(one, wanted, at), host.pread(two, wanted, at)
        if block != other:
            return False
        if not block:
            return True
        at += len(block)
    return True
