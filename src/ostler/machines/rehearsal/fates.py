"""Fates: what became of a commit that a kept rehearsal has noted, as its own journal tells.

A journal says whether its commit was done, which nothing in the base can: there anybody may have
renamed, removed or made something since. So the journal of a commit that is done stays until what
is kept is settled, and that of one that was taken back, which has changed the times of much in the
base. One that is not there any more has nothing to tell: its commit had not begun, or everything is
settled. Where it can't be had, or does not know it either, nobody knows.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import stat

from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal import looks
from ostler.machines.rehearsal.begun import COMMITTING
from ostler.machines.rehearsal.journal_reader import Damaged, read
from ostler.machines.rehearsal.places import HeldTree
from ostler.machines.rehearsal.work import Work
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ostler.core.records import stat_result
    from ostler.machines.rehearsal.journal_reader import Written
    from ostler.machines.rehearsal.steps import Metadata

    _Place = tuple[int, bytes]  # (number of a top, path below it)

_LARGEST = 1 << 28
_NAME = re.compile(r"[0-9]+-[0-9a-f]{16}\.commit")


class Unknown(Exception):
    """Nobody can tell whether a commit was done."""


class Note:
    """What a note says.

    - `place`, `name`: the directory of the commit's journal, and its name there
    - `started`: when the rehearsal began, of which all was committed if that was done; else None
    - `moved`: [(the overlay's directory, path before, path after)] of what it renames
    - `names`: [(the overlay's directory, path after, inode, size, time)] of files of which it
      changes other names
    """

    def __init__(self, said: Any) -> None:
        """ValueError, TypeError or KeyError where it is no note."""
        self.place, self.name = said["journal"]
        self.started = said["started"]
        self.moved = [tuple(map(host.fsencode, row)) for row in said["moved"]]
        rows = said.get("names", [])
        self.names = [(*map(host.fsencode, row[:2]), *row[2:]) for row in rows]
        good = (
            isinstance(self.place, str)
            and self.place.startswith("/")
            and "\0" not in self.place
            and _is_name(self.name)
            and (self.started is None or type(self.started) is int)
            and all(map(_is_row, self.moved))
            and all(len(row) == 5 and _is_row((*row[:2], b"")) for row in self.names)
            and all(type(number) is int for row in self.names for number in row[2:])
        )
        if not good:
            raise ValueError


def _is_row(row: tuple[bytes, ...]) -> bool:
    parts = [part for path in row for part in path.split(b"/")]
    return len(row) == 3 and not any(b"\0" in part or part in (b".", b"..") for part in parts)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def noted(stores: int, shown: str) -> Note | None:
    """The note in an upper, None where there is none; see Note for what one that is bad raises."""
    import json  # when it is needed: it brings much along

    try:
        file = open(trust.own_file(COMMITTING, stores, shown), "rb")  # noqa: SIM115
    except FileNotFoundError:
        return None
    with file:
        return Note(json.loads(file.read(_LARGEST)))


def over(stores: int) -> None:
    """Nobody needs to know any more what became of a commit: what is kept is dropped."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError, Unknown):
        found = noted(stores, host.fsdecode(COMMITTING))
        if found is not None:
            settled(found, known(found.place, found.name))


def settled(found: Note, written: Written | None) -> None:
    """Nobody needs to know any more what became of the commit of a note: its journal is removed.

    One by which something can still be done stays. `written`: what stands in it.
    """
    if written is not None and not {"done", "undone"}.isdisjoint(written.notes):
        forget(found.place, found.name)


def known(place: str, name: str) -> Written | None:
    """What stands in the journal of a commit; None: it had not begun, or is settled.

    Its notes tell whether it was done, else it was taken back, as far as that could be.

    It is called when recover() has done what it can. Unknown where that was not enough.
    """
    try:
        directory = trust.directory(place, 2)
    except OSError as error:
        reason = error.why if isinstance(error, trust.Refused) else error.strerror
        raise Unknown(f"{place}, where its journal is, can't be had: {reason}") from None
    try:
        return _known_in(directory, name, host.path.join(place, name))
    finally:
        host.close(directory)


def _known_in(directory: int, name: str, shown: str) -> Written | None:
    try:
        fd = trust.own_file(host.fsencode(name), directory, shown, host.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unknown(f"its journal {shown} can't be read: {error.strerror}") from None
    with open(fd, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unknown(f"its journal {shown} is in use") from None
        try:
            written = read(file)
        except Damaged as error:
            raise Unknown(f"its journal {shown} is damaged: {error}") from None
    if written is None or "go" not in written.notes:
        return None
    if {"done", "back", "undone", "kept"}.isdisjoint(written.notes):
        raise Unknown(f"recover() could neither finish it nor take it back, see {shown}")
    return written


def forget(place: str, name: str) -> None:
    """Remove the journal of a commit of which nobody needs to know any more that it was done."""
    with contextlib.suppress(FileNotFoundError):
        directory = trust.directory(place, 2)
        try:
            host.unlink(name, dir_fd=directory)
        finally:
            host.close(directory)


def own(written: Written) -> dict[int, int]:
    """{inode: ctime} of what stands in the base by such a commit's doing, and nobody else's since.

    As far as that can be told: of everything else, it was somebody else.
    """
    with Work(written.tops, written.steps, written.times) as work:
        if not _are_there(work, written.tops):
            return {}
        return _own(work, written) if "done" in written.notes else _own_again(work, written)


def _are_there(work: Work, tops: Iterable[bytes]) -> bool:
    for number, top in enumerate(tops):
        try:
            work._places[number] = HeldTree(trust.plain_directory(top))
        except OSError:
            return False
    return True


def _own(work: Work, written: Written) -> dict[int, int]:
    found: dict[int, int] = {}
    stashes = set(written.stashes)
    renamed: set[int] = set()  # the inodes of what was in the base before
    for step, (_, comes) in zip(written.steps, written.looks, strict=True):
        if step.brings is None:
            _know_changed(work, step, step.new, found)
        elif (step.top, step.to.rpartition(b"/")[0]) in stashes:
            renamed.add(step.inode)
        elif work.is_at(step.top, step.to, step.inode):
            _know_brought(work, step, comes, step.inode in renamed, found)
    for top, path, _, inode, _, new in written.times:
        _know_times(work, (top, path), inode, new, found)
    return found


def _own_again(work: Work, written: Written) -> dict[int, int]:
    # What has its place again, and looks as it did before.
    found: dict[int, int] = {}
    for step, (leaves, _) in zip(written.steps, written.looks, strict=True):
        if step.brings is None:
            _know_changed(work, step, step.old, found)
            continue
        status = _status(work, step.top, step.leaves)
        if status is None:
            continue
        if leaves is None:
            same = stat.S_ISDIR(status.st_mode) and status.st_ino == step.inode
        else:
            same = looks.fits(work.place(step.top), step.leaves, looks.without_change(leaves))
        if same:
            found[status.st_ino] = status.st_ctime_ns
    for top, _, path, inode, old, _ in written.times:
        _know_times(work, (top, path), inode, old, found)
    return found


def _know_times(
    work: Work, at: _Place, inode: int, times: Sequence[int] | None, found: dict[int, int]
) -> None:
    # A directory that has the times which the commit, or what took it back, has given it.
    if times is None:
        return
    status = _status(work, *at)
    if status is not None and (status.st_ino, status.st_mtime_ns) == (inode, times[1]):
        found[inode] = status.st_ctime_ns


def _status(work: Work, top: int, path: bytes) -> stat_result | None:
    try:
        found: stat_result | None = work.place(top).status(path)
    except OSError:
        return None
    return found


def _know_changed(work: Work, step: Any, given: Metadata, found: dict[int, int]) -> None:
    # What was given metadata, where it has these.
    status = _status(work, step.top, step.to)
    if status is None or status.st_ino != step.inode:
        return
    if (
        given.get("mode", status.st_mode) & 0o7777 == stat.S_IMODE(status.st_mode)
        and tuple(given.get("owner", (status.st_uid, status.st_gid)))
        == (status.st_uid, status.st_gid)
        and (stat.S_ISDIR(status.st_mode) or "times" not in given
             or given["times"][1] == status.st_mtime_ns)
    ):  # fmt: skip
        found[step.inode] = status.st_ctime_ns


def _know_brought(
    work: Work, step: Any, comes: str | None, renamed: bool, found: dict[int, int]
) -> None:
    # What has got a name, and if it is new, what is below it and no younger.
    place = work.place(step.top)
    status = place.there(step.to)
    fits = comes is not None and looks.fits(place, step.to, looks.without_change(comes))
    if not fits and not (renamed and comes is None):
        return
    found[step.inode] = status.st_ctime_ns
    waiting = [step.to] if stat.S_ISDIR(status.st_mode) and not renamed else []
    while waiting:
        path = waiting.pop()
        for name, below in place.entries(path):
            if below.st_ctime_ns <= status.st_ctime_ns:
                found[below.st_ino] = below.st_ctime_ns
            if stat.S_ISDIR(below.st_mode):
                waiting.append(child_of(path, name))
