"""Files that somebody has named: a recording, a profile."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

from ostler.machine import host

if TYPE_CHECKING:
    from typing import BinaryIO


def opened(path: str) -> BinaryIO:
    """A regular file, open for reading; OSError where there is none, or something else.

    What it is is known before it is opened: to open a FIFO, which anybody may have put there, is to
    wait for who writes to it, and to open a device may do anything.
    """
    fd = host.open(path, host.O_PATH | host.O_CLOEXEC)
    try:
        mode = host.fstat(fd).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, host.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        try:
            return open(f"/proc/self/fd/{fd}", "rb")
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
    finally:
        host.close(fd)
