"""Moments: the time from which on what is changed can be told from what was there."""

from __future__ import annotations

import time

from ostler.core import mounts
from ostler.core.procfs import devices
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# With time stamps as fine as they must be for two changes to be told apart (Linux 6.13).
_FINE = frozenset((b"ext4", b"tmpfs", b"xfs"))


def instant(memory: int, tops: Iterable[bytes]) -> int | None:
    """As `from_now_on`, at once, where the kernel's time stamps are fine; else None.

    A fine time stamp that one file has been given is the least that any other gets from then on.
    """
    fine = {host.makedev(*device) for device in devices(_FINE)}
    if not all(host.stat(top).st_dev in fine for top in tops):
        return None
    fd = host.open(b"clock", host.O_CREAT | host.O_RDWR | host.O_CLOEXEC, 0o600, dir_fd=memory)
    try:
        return _fine_stamp(fd)
    finally:
        host.close(fd)
        host.unlink(b"clock", dir_fd=memory)


def _fine_stamp(fd: int) -> int | None:
    for _ in range(4):
        host.fstat(fd)
        now = time.time_ns()
        host.fchmod(fd, 0o600)
        stamp = host.fstat(fd).st_ctime_ns
        if stamp > now:
            return stamp
    return None


def from_now_on(moment: int) -> int:
    """A time of the files' clock that nothing has which was changed before `moment` (ns).

    That clock goes in steps of a few milliseconds, and stands still for a while.
    """
    while True:
        now = mounts.file_clock()
        if now > moment:
            return now
        time.sleep(0.0002)
