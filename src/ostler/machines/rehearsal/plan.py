"""Plans: the steps that bring the chosen changes of one overlay into the base."""

from __future__ import annotations

import stat

from ostler.machine import host
from ostler.machines.rehearsal.check import Check
from ostler.machines.rehearsal.looks import of_steps
from ostler.machines.rehearsal.ours import Ours
from ostler.machines.rehearsal.packed import Rows
from ostler.machines.rehearsal.stage import Stage
from ostler.machines.rehearsal.stashes import Stashes
from ostler.machines.rehearsal.steps import Meta, Move, StepRows, Swap, metadata
from ostler.machines.rehearsal.touched import Touched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ostler.machines.rehearsal.changes import Change, Found
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.places import AnyStatus, HeldTree
    from ostler.machines.rehearsal.selection import Selection
    from ostler.machines.rehearsal.steps import Expected, Metadata, Step, Times
    from ostler.machines.rehearsal.walk import Walk
    from ostler.machines.rehearsal.work import Work


class Plan:
    """What a commit does in one overlay's directory; `stage` prepares it.

    - `steps`, and `times`, as a Work has them
    - `old` has for each step (inode, ctime) of the file that it replaces, or None
    - `looks` what a recovery needs to know of what the step takes away and of what it puts there:
      [look, look] as looks.py has them, or None
    - `place`: the overlay's directory, in which it is done
    """

    place: HeldTree
    _stage: Stage

    def __init__(self, machine: Rehearsal, walk: Walk, number: int, selection: Selection) -> None:
        self.walk = walk
        self.selection = selection
        self.check = Check(walk, machine._started, machine._own)
        self.stashes = Stashes(self.check, selection, number)
        self.touched = Touched(self.check, selection)
        self.ours = Ours(self.check, selection, self.stashes, self.touched)
        self.steps = StepRows()
        self.times: list[Times] = self.stashes.times  # until those of all others are known
        self.old = Rows()
        self.looks = Rows()
        self._number = number
        self._replaced: list[bytes | None] = []  # paths in the base, of what the steps replace
        self._ends: list[Meta] = []
        self._waiting: dict[bytes, bytes] = {}  # path: the slot of what is to get it again
        self._unlocked: set[bytes] = set()
        self._can_exchange = False

    def forget(self) -> None:
        """Give back the descriptors that can be had again, where there may be no more."""
        for place in (self.walk.lower, self.walk.upper, self.walk._merged):
            if place is not None:
                place.forget()

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """(path in the base, path now) of what somebody else has changed since the beginning."""
        return self.check.conflicts(self.selection.chosen)

    def stage(self, work: Work) -> None:
        """Make the stashes and every new object in them, and the list of steps."""
        self.place = self.ours.place = work.place(self._number)
        self.stashes.make(self.place)
        self._can_exchange = self.stashes.can_exchange(self.place)
        self._stage = Stage(self.place, self.check, self.selection, self._number)
        self._ends = self._stage.ends
        self.ours.find_other_names()
        self._take_out_renamed()
        self._go_through()
        for end in sorted(self._ends, key=_deepest_first):
            self.steps.append(end)
            self._replaced.append(None)
        self.touched.add_passed()
        self.times = self.touched.times(self._number, self.stashes, self._stage)
        seen = set(self._stage.anchors)  # their new names are moved
        self.old = Rows(None if p is None else self._state(p, seen) for p in self._replaced)
        self.looks = Rows(of_steps(self, self._replaced, self._stage.anchors))
        self._replaced = []

    def _state(self, path: bytes, seen: set[int]) -> Expected:
        # (inode, ctime) now that all is prepared; a step changes the ctime of a file's other names.
        status = self.walk.lower.status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return None
        known = status.st_ino in seen
        if status.st_nlink > 1:
            seen.add(status.st_ino)
        return status.st_ino, None if known else status.st_ctime_ns

    def _add(self, step: Step, old: bytes | None = None) -> None:
        self.steps.append(step)
        self._replaced.append(old)

    def _move(self, source: bytes, target: bytes, inode: int, old: bytes | None = None) -> None:
        self._add(Move(self._number, source, target, inode), old)

    def other_names(self) -> Iterator[tuple[bytes, AnyStatus]]:
        """(path after all steps, lstat) of files of the base of which other names come or go."""
        for lower, status in self.ours.other_names():
            path = self.selection.after(lower)
            if path is not None:
                yield path, status
        for step in self.steps:
            if step.brings is not None and step.inode in self._stage.anchors:
                yield step.to, self.place.there(step.brings)

    # The steps, in the order in which they are done

    def _take_out_renamed(self) -> None:
        renamed = [change for change in self.selection.chosen if change.kind == "renamed"]
        renamed.sort(key=lambda change: -change._found.base().count(b"/"))
        for change in renamed:
            found = change._found
            lower = found.base()
            status = self.check.old(change)
            slot = self.stashes.slot(lower)
            self._waiting[found.path] = slot
            above = lower.rpartition(b"/")[0]
            now = self.selection.after(above)
            self._unlock(now, above, above)
            old: bytes | None = lower
            if stat.S_ISDIR(status.st_mode):
                old = None
                if host.geteuid() != 0:
                    self._open_up(lower, status, found.path)
            self._move(lower, slot, status.st_ino, old)
            self.touched.add(now, above)

    def _go_through(self) -> None:
        # Directories on the way that were dealt with as a whole, and how, the outermost first.
        owners: list[tuple[bytes, str]] = []
        for change in self.selection.chosen:
            found = change._found
            while owners and not found.path.startswith(owners[-1][0] + b"/"):
                owners.pop()
            owner = owners[-1][1] if owners else None
            if owner == "gone" or found.whole:
                continue
            if owner == "staged" and change.kind != "renamed":
                continue
            if found.path:
                above = found.path.rpartition(b"/")[0]
                before = None if found.at is None else found.at.rpartition(b"/")[0]
                if change.kind != "metadata":
                    self.touched.add(above, before)
                    self._unlock(above, before, above)
            how = self._apply(change, found)
            if how is not None:
                owners.append((found.path, how))

    def _apply(self, change: Change, found: Found) -> str | None:
        """The steps of one change; how what lies below it was dealt with, if it was."""
        return _APPLY[change.kind](self, change, found)

    def _created(self, change: Change, found: Found) -> str | None:
        slot = self.stashes.slot(found.at)
        self._move(slot, found.path, self._stage.make(change, slot))
        return "staged" if change._new.type == "directory" else None

    def _removed(self, change: Change, found: Found) -> str | None:
        status = self.check.old(change)
        self._unlock_itself(found, status)
        self._move(found.path, self.stashes.slot(found.at), status.st_ino, found.lower)
        return "gone"

    def _retyped(self, change: Change, found: Found) -> str | None:
        self._unlock_itself(found, self.check.old(change))
        self._replace(change, found)
        if change._new.type != "directory":
            return "gone"
        # XFS gives a directory that is exchanged another time.
        self.touched.add(found.path, None)
        return "staged"

    def _modified(self, change: Change, found: Found) -> str | None:
        self._replace(change, found)
        return None

    def _metadata(self, change: Change, found: Found) -> str | None:
        several = change._old.links > 1 and change._old.type != "directory"
        if several or self._stage.is_elsewhere(change):
            # The copy that has the new metadata is a file of its own, here as in the rehearsal.
            self.touched.add(found.path.rpartition(b"/")[0], found.base().rpartition(b"/")[0])
            self._replace(change, found)
            return None
        step = self._given(change, found)
        if change._new.type != "directory":
            self._add(step, found.lower)
        else:
            self._ends.append(step)
        return None

    def _renamed(self, change: Change, found: Found) -> str | None:
        covered = self.check.covered(found)
        if covered is not None and found.at is not None:
            self.ours.covered[found.at] = covered
            self._move(found.path, self.stashes.slot(found.at), covered.st_ino, found.at)
        if not found.same or change.parts or self._stage.is_elsewhere(change):
            # The old file stays in the stash.
            slot = self.stashes.slot(found.at)
            self._move(slot, found.path, self._stage.make(change, slot))
            return None
        self._move(self._waiting[found.path], found.path, self.check.old(change).st_ino)
        before, after = change._old, change._new
        if after.type != "directory":
            if not before.has_metadata(after):
                self._add(self._given(change, found))
            return None
        if not before.has_metadata(after, False):
            self._ends.append(self._given(change, found))
        if before.times[1] != after.times[1]:
            self.touched.add(found.path, found.lower)
        return "renamed"

    def _replace(self, change: Change, found: Found) -> None:
        slot = self.stashes.slot(found.at)
        inode = self._stage.make(change, slot)
        old, status = found.lower, self.check.old(change)
        if self._can_exchange:
            self._add(Swap(self._number, slot, found.path, inode), old)
        else:
            self._move(found.path, self.stashes.slot(found.at), status.st_ino, old)
            self._move(slot, found.path, inode)

    def _given(self, change: Change, found: Found) -> Meta:
        # The step that gives what stays in the base its new metadata.
        status, walk = self.check.old(change), self.walk
        old = metadata(status, walk.lower.xattrs(found.base(), walk.marks))
        new = metadata(found.own(), change._new.xattrs)
        return Meta(self._number, found.path, status.st_ino, old, new)

    # Rights

    def _unlock(self, after: bytes | None, before: bytes | None, now: bytes) -> None:
        """Where it takes a right that a directory's owner does not have: give it for a while.

        `after`, `before`: its path after all steps and before them; `now`: at this step.
        """
        if before is None or before in self._unlocked or host.geteuid() == 0:
            return
        self._unlocked.add(before)
        self._open_up(now, self.check.there(before), after)

    def _unlock_itself(self, found: Found, status: AnyStatus) -> None:
        # A directory goes to another one only when it can be written to.
        if stat.S_ISDIR(status.st_mode) and host.geteuid() != 0:
            self._open_up(found.path, status)

    def _open_up(self, path: bytes, status: AnyStatus, after: bytes | None = None) -> None:
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o300 == 0o300 or status.st_uid != host.geteuid():
            return
        old: Metadata = {"mode": mode}
        new: Metadata = {"mode": mode | 0o700}
        self._add(Meta(self._number, path, status.st_ino, old, new))
        if after is not None:
            # Before a mode that it is to have.
            self._ends.insert(0, Meta(self._number, after, status.st_ino, new, old))


_APPLY: dict[str, Callable[[Plan, Change, Found], str | None]] = {
    "created": Plan._created,
    "removed": Plan._removed,
    "retyped": Plan._retyped,
    "modified": Plan._modified,
    "metadata": Plan._metadata,
    "renamed": Plan._renamed,
}


def _deepest_first(end: Meta) -> int:
    return -end.path.count(b"/")
