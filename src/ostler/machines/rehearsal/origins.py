"""Origins: which file of the base a new name in a rehearsal stands for.

The overlay marks what it copied from the base. Root's marks have the file handle of the original,
which is the file itself, whatever was done to it since, or else its path. An ordinary user's say
only that there is one: then it is known while size, modification time and content are the same.
"""

from __future__ import annotations

import stat

from ostler.machines.rehearsal.changes import Change, Found
from ostler.machines.rehearsal.hard_links import Pairs, is_as_it_was, noted, size_and_time
from ostler.points.stack import named_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from ostler.core.records import stat_result
    from ostler.machines.rehearsal.changes import Record
    from ostler.machines.rehearsal.places import AnyStatus
    from ostler.machines.rehearsal.walk import Walk


def find_renamed(walk: Walk) -> None:
    """Make pairs of what is gone and what is new into changes that are "renamed"."""
    homes = _find_homes(walk)
    gone, new = [], []
    for change in walk.found:
        before, after = change.before, change.after
        if before is not None and before.type != "directory":
            gone.append(change)
        if after is not None and after.type != "directory" and change.kind != "renamed":
            new.append(change)
    if not new:
        return
    gone += _covered(walk)
    known = _Known(walk, gone)
    taken: dict[int, tuple[Change, Change, Record, bytes]] = {}
    devices: dict[bytes, int | None] = {}

    def take(source: Change | None, change: Change) -> bool:
        if source is None or source is change or id(source) in taken:
            return False
        home = known.status(source)
        if not walk.one_device and _device(walk, change, devices) != home.st_dev:
            return False
        # All names of one file come from one file.
        if homes.setdefault(change._found.own().st_ino, home.st_ino) != home.st_ino:
            return False
        taken[id(source)] = source, change, source._old, source._found.base()
        return True

    stays = set(homes)
    for change in new:
        if _is_in_place(walk, change):
            homes.setdefault(change._found.own().st_ino, known.status(change).st_ino)
    rest = []  # without a mark of the kernel's own
    for change in new:
        mark = _mark(walk, change) if gone else None
        source = known.by_handle(mark) if mark else None
        if source is None and gone and _is_at_a_place(walk, change):
            mark = b""  # what it was copied from was a layer's, which is the base's by now
        if mark is None:
            rest.append(change)
        elif mark:
            take(source, change)
        elif change._found.own().st_ino not in stays:  # else it is one more name of that one
            take(known.by_look(change, taken, homes), change)
    pairs = Pairs(walk, gone, take)
    if pairs.needed():
        pairs.find(rest)
    for source, change, _, _ in taken.values():
        _vacate(walk, source, change)
    for source, change, before, lower in taken.values():
        _make_renamed(walk, source, change, before, lower)
    walk.found = [c for c in walk.found if c.kind != "removed" or id(c) not in taken]


def _covered(walk: Walk) -> list[Change]:
    # The files in whose place there is a renamed directory, which is all that is listed of it.
    found = []
    for change in walk.found:
        place = change._found
        if change.kind != "renamed" or place.at is None or place.at in walk.moved:
            continue
        status = walk.lower.status(place.at)
        if status is not None and not stat.S_ISDIR(status.st_mode):
            was = Found(place.top, place.path, place.at, place.at, None, False, True)
            found.append(Change("removed", walk.before(place.at, status), None, was))
    return found


def _find_homes(walk: Walk) -> dict[int, int]:
    """{inode in the upper layer: inode in the base} of the unchanged files with several names.

    What only looks unchanged, since its name is one of another file now, becomes "modified".
    """
    homes: dict[int, int] = {}
    kept = []
    for found in walk.unchanged:
        status = found.own()
        if not stat.S_ISDIR(status.st_mode):
            old = walk.lower.there(found.base())
            if _is_from_elsewhere(walk, found, old) or (
                status.st_nlink > 1 and homes.setdefault(status.st_ino, old.st_ino) != old.st_ino
            ):
                walk.add("modified", found, old, status)
                continue
        kept.append(found)
    walk.unchanged = kept
    return homes


def _is_from_elsewhere(walk: Walk, found: Found, old: AnyStatus) -> bool:
    # Whether a file that looks like the base's at its place, `old`, is known to be another one.
    origin = noted(walk, found.path, found.own())
    if origin is None:
        mark = None if walk.ordinary or found.own().st_nlink == 1 else _origin(walk, found)
        return bool(mark and not _is_handle(walk, found, mark))
    there = walk.lower.status(origin)
    return (
        there is not None
        and there.st_ino != old.st_ino
        and not stat.S_ISDIR(there.st_mode)
        and is_as_it_was(walk, found.path, found.own(), origin, there)
    )


def _is_in_place(walk: Walk, change: Change) -> bool:
    # Whether what a change leaves at its path is, as far as can be told, the base's own file.
    found = change._found
    if change.kind != "metadata" or noted(walk, found.path, found.own()) is not None:
        return False
    mark = None if walk.ordinary else _mark(walk, change)
    if mark:
        return _is_handle(walk, found, mark)
    return size_and_time(change._old) == size_and_time(change._new)


def _is_at_a_place(walk: Walk, change: Change) -> bool:
    # Whether the kernel takes a file's data from a place of the base that a mark names.
    path, status = change._found.path, change._found.own()
    if walk.ordinary or not stat.S_ISREG(status.st_mode):
        return False
    marks = (walk.mark(path, status, name) for name in ("metacopy", "redirect"))
    return all(mark is not None for mark in marks)


def _mark(walk: Walk, change: Change) -> bytes | None:
    return _origin(walk, change._found)


def _origin(walk: Walk, found: Found) -> bytes | None:
    if walk.ordinary and not stat.S_ISREG(found.own().st_mode):
        return None
    return walk.mark(found.path, found.own(), "origin")


def _is_handle(walk: Walk, found: Found, mark: bytes) -> bool:
    return walk.handle(found.base()) == named_by(mark)


class _Known:
    """The files of the base that are gone from their places, or may be."""

    def __init__(self, walk: Walk, gone: list[Change]) -> None:
        self.walk = walk
        self.gone = gone
        self._handles: dict[tuple[int, bytes], Change] | None = None
        self._looks: dict[tuple[int, int], list[Change]] | None = None
        self._found: dict[int, stat_result] = {}

    def status(self, change: Change) -> stat_result:
        """lstat of what the base has there."""
        found = self._found.get(id(change))
        if found is None:
            found = self._found[id(change)] = self.walk.lower.there(change._found.base())
        return found

    def by_handle(self, mark: bytes) -> Change | None:
        """The change at which the base has the object of a mark."""
        if self._handles is None:
            self._handles = {}
            for change in self.gone:
                handle = self.walk.handle(change._found.base())
                # A name that is gone comes before one that may only have been changed.
                if handle is not None and (handle not in self._handles or change.kind == "removed"):
                    self._handles[handle] = change
        return self._handles.get(named_by(mark))

    def by_look(self, new: Change, taken: Container[int], homes: dict[int, int]) -> Change | None:
        """A change at which the base had a file with the same time, size and content."""
        home = homes.get(new._found.own().st_ino)
        if not self.walk.ordinary and (redirect := self._redirect(new)) is not None:
            same = [c for c in self.gone if c._found.lower == redirect and id(c) not in taken]
            return same[0] if same else None
        if self._looks is None:
            self._looks = {}
            for change in self.gone:
                # What was changed itself is no source, but what something else replaced is.
                if change._old.type == "file" and (
                    change.after is None or _mark(self.walk, change) is None
                ):
                    self._looks.setdefault(size_and_time(change._old), []).append(change)
        name = new._found.path.rpartition(b"/")[2]
        same = [c for c in self._looks.get(size_and_time(new._new), ()) if id(c) not in taken]
        same = [c for c in same if home is None or self.status(c).st_ino == home]
        same.sort(key=lambda change: change._found.base().rpartition(b"/")[2] != name)
        for change in same:
            if self.walk.upper.same_content(new._found.path, self.walk.lower, change._found.base()):
                return change
        return None

    def _redirect(self, change: Change) -> bytes | None:
        # Where root's overlay finds the content, on file systems without handles.
        found = change._found
        mark = self.walk.mark(found.path, found.own(), "redirect")
        if mark is None or mark.startswith(b"/") or found.at is None:
            return mark if mark is None else mark.strip(b"/")
        above = found.at.rpartition(b"/")[0]
        return above + b"/" + mark if above else mark


def _device(walk: Walk, change: Change, known: dict[bytes, int | None]) -> int | None:
    """The file system that a name of the rehearsal would be in; `known`: of directories, so far."""
    path = change._found.path
    passed = []
    device = None
    while path and device is None:
        path = path.rpartition(b"/")[0]
        device = known.get(path)
        if device is None:
            passed.append(path)
            status = walk.lower.status(path)
            device = None if status is None else status.st_dev
    known.update(dict.fromkeys(passed, device))
    return device


def _vacate(walk: Walk, source: Change, change: Change) -> None:
    """The base's object leaves this place: what stands there now is new."""
    found = source._found
    walk.moved[found.base()] = change._found.path
    if source.kind not in ("removed", "renamed"):
        source.kind = "created"
        source.before = None
        found.lower = None


def _make_renamed(walk: Walk, source: Change, change: Change, before: Record, lower: bytes) -> None:
    found = change._found
    change.kind = "renamed"
    change.before = before
    found.lower = lower
    found.same = (
        before.type != "file"
        or walk.mark(found.path, found.own(), "metacopy") is not None
        or walk.same_content(found.path, lower, walk.lower.there(lower), found.own())
    )
