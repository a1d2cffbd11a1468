"""State files: how what is written down of a kept rehearsal stands in its file, and is added to.

The first line is a state as a whole. It is followed by records, each of which says what has changed
since the one before, so that a point takes as long to be written down as one, however many there
are. A record is a line, with its length and its checksum before it:

    123 89abcdef {"history": {...}}

When they have grown to more than the state itself, the file is replaced, as a whole. Who is killed
while a record is added leaves a part of it as the last line, which is no record, and counts for
nothing; what has no sense and is followed by anything else was not made so.

Behind the end of the file the file system keeps some room for it, where it can: so on a full disk,
too, records can be added, and most of it can be given back for what they name.
"""

from __future__ import annotations

from collections import namedtuple

from ostler.core import mounts
from ostler.core.held import held
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STATE = "ostler-rehearsal.json"
_TIMES, _FEW = 2, 1 << 16  # a file is replaced when its records are so many times the state
_ROOM, _LEAST = 1 << 17, 1 << 13  # bytes behind the end; those that are not given back
_ADD = host.O_WRONLY | host.O_APPEND | host.O_NOFOLLOW | host.O_CLOEXEC

# What a file is known to be: which one, how long its first line is, and all of it.
Extent = namedtuple("Extent", "identity whole length")


class StateFile:
    """The state file of an upper, which is locked for us.

    - `extent`: what it is known to be, where it can be added to; else None
    - `sync`: whether what is written to it is on the disk then
    - `is_new`: whether what stands in it is another state than when this was set to False
    """

    def __init__(self, extent: Extent | None, sync: bool) -> None:
        self.extent = extent
        self.sync = sync
        self.is_new = False

    def is_grown(self) -> bool:
        """Whether it should be replaced rather than added to."""
        extent = self.extent
        if extent is None:
            return True
        return bool(extent.length - extent.whole > max(_FEW, _TIMES * extent.whole))

    def replace(self, stores: int, state: Any) -> None:
        """Write a state as a whole."""
        text = _json(state) + b"\n"
        extent, before = self.extent, _identity(stores)
        self.extent = None
        try:
            write(stores, text, self.sync)
        except BaseException:
            if _identity(stores) == before:
                self.extent = extent
            else:
                self.is_new = True
            raise
        self.is_new = True
        self.extent = Extent(_identity(stores), len(text), len(text))
        with held(host.open, STATE, _ADD, dir_fd=stores) as fd:
            mounts.keep_room(fd, len(text), _ROOM)

    def add(self, stores: int, record: Any) -> bool:
        """Add a record; False, and nothing is added, where the file is not the one that is known.

        After an error it is as it was, or can't be added to any more.
        """
        extent = self.extent
        with held(host.open, STATE, _ADD, dir_fd=stores) as fd:
            status = host.fstat(fd)
            known = (status.st_dev, status.st_ino), status.st_size
            if extent is None or known != (extent.identity, extent.length):
                return False
            line = _line(_json(record))
            self.extent, was_new, self.is_new = None, self.is_new, True
            try:
                _write(fd, line, self.sync)
            except BaseException:
                _take_back(fd, extent.length, self.sync)
                self.extent, self.is_new = extent, was_new
                raise
            if status.st_blocks * 512 - status.st_size - len(line) < _LEAST:
                mounts.keep_room(fd, extent.length + len(line), _ROOM)
        self.extent = extent._replace(length=extent.length + len(line))
        return True

    def give_room(self, stores: int) -> bool:
        """Give back what is kept behind the end but for what some records take; whether any was."""
        with held(host.open, STATE, _ADD, dir_fd=stores) as fd:
            status = host.fstat(fd)
            host.ftruncate(fd, status.st_size)
            host.fsync(fd)  # ext4 gives what is freed to nobody until its journal is written
            mounts.keep_room(fd, status.st_size, _LEAST)
            return bool(host.fstat(fd).st_blocks < status.st_blocks)


def write(stores: int, text: bytes, sync: bool) -> None:
    """Put a state file in its place, with this in it."""
    put(stores, STATE.encode(), text, sync)


def put(stores: int, name: bytes, text: bytes, sync: bool) -> None:
    """Have a file with this name in an open directory hold this, or what it held.

    An OSError names the directory.
    """
    place = b"/proc/self/fd/%d" % stores
    try:
        host.write_atomic(place + b"/" + name, text, mode=0o600, durable=sync)
    except OSError as error:
        error.filename = host.fsdecode(host.readlink(place))
        raise


def _identity(stores: int) -> tuple[int, int] | None:
    # Of the file that there is.
    try:
        status = host.stat(STATE, dir_fd=stores, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _take_back(fd: int, length: int, sync: bool) -> None:
    host.ftruncate(fd, length)
    if sync:
        host.fsync(fd)


def _json(value: Any) -> bytes:
    import json  # when it is needed: it brings much along

    return json.dumps(value).encode()


def _line(text: bytes) -> bytes:
    from binascii import crc32

    return b"%d %08x %s\n" % (len(text), crc32(text), text)


def _write(fd: int, line: bytes, sync: bool) -> None:
    at = 0
    while at < len(line):
        at += host.write(fd, line[at:])
    if sync:
        host.fdatasync(fd)


def lines(raw: bytes) -> tuple[bytes, list[bytes], int]:
    """(the state, the records, how much of it these are) of what stands in a file.

    ValueError where a line before the last one is none.
    """
    first, newline, _ = raw.partition(b"\n")
    records: list[bytes] = []
    at = len(first) + len(newline)
    while at < len(raw):
        end = raw.find(b"\n", at)
        text = None if end < 0 else _text_of(raw[at:end])
        if text is None:
            if 0 <= end < len(raw) - 1:
                raise ValueError("what stands in the middle of it is no record")
            break
        records.append(text)
        at = end + 1
    return first, records, at


def _text_of(line: bytes) -> bytes | None:
    parts = line.split(b" ", 2)
    return parts[2] if len(parts) == 3 and _line(parts[2]) == line + b"\n" else None
