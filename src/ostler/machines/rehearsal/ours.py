"""Ours: what stands in the base by a commit's own doing, so that no later one takes it for others'.

The change time of a file tells that somebody has worked on it. A commit changes many of them, also
of files that it only passes: these are remembered by inode number and change time.
"""

from __future__ import annotations

import itertools
import stat

from ostler.core.held import held
from ostler.machine import host
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostler.machines.rehearsal.check import Check
    from ostler.machines.rehearsal.places import AnyStatus, HeldTree
    from ostler.machines.rehearsal.selection import Selection
    from ostler.machines.rehearsal.stashes import Stashes
    from ostler.machines.rehearsal.steps import Step
    from ostler.machines.rehearsal.touched import Touched


class Ours:
    """What one overlay's part of a commit has changed, or will have.

    - `place`: the overlay's directory, as soon as something is prepared in it
    - `covered`: {path in the base: lstat} of what something renamed replaces
    """

    place: HeldTree

    def __init__(
        self, check: Check, selection: Selection, stashes: Stashes, touched: Touched
    ) -> None:
        self.covered: dict[bytes, AnyStatus] = {}
        self._check = check
        self._selection = selection
        self._stashes = stashes
        self._touched = touched
        self._other_names: list[bytes] = []
        self._several: dict[int, tuple[int, int]] = {}  # inode in the base: (size, time)

    def find_other_names(self) -> None:
        """Find the names that are not chosen, of files that are changed through a chosen one."""
        check, walk = self._check, self._check.walk
        for change in self._selection.chosen:
            if change.before is not None and change.before.links > 1:
                self._know_several(check.old(change))
            if change.kind == "renamed":
                covered = check.covered(change._found)
                if covered is not None and covered.st_nlink > 1:
                    self._know_several(covered)
        inodes = set(self._several)
        if not inodes:
            return
        chosen = {id(change) for change in self._selection.chosen}
        for change in walk.found:
            if id(change) not in chosen and change.before is not None and change.before.links > 1:
                status = check.status(change)
                if status is not None and status.st_ino in inodes and not check.changed(status):
                    self._other_names.append(change._found.base())
        for lower, status in walk.names_of(inodes):
            if not check.changed(status):
                self._other_names.append(lower)

    def other_names(self) -> Iterator[tuple[bytes, AnyStatus]]:
        """(path in the base, lstat) of the names that were found."""
        for lower in self._other_names:
            status = self._check.walk.lower.status(lower)
            if status is not None:
                yield lower, status

    def _know_several(self, status: AnyStatus) -> None:
        if not stat.S_ISDIR(status.st_mode):
            self._several[status.st_ino] = status.st_size, status.st_mtime_ns

    def part(self, steps: Iterable[Step]) -> None:
        """Remove from the stashes the old names of files that go on under others.

        That changes the files' change times, which are no work of anybody else's.
        """
        if not self._several:
            return
        stashes = self._stashes.paths()
        for step in steps:
            old = step.keeps
            if old is not None and old.startswith(stashes):
                self._part_at(old)

    def _part_at(self, old: bytes) -> None:
        # One thing in a stash, and all that is below it.
        waiting = [old]
        while waiting:
            try:
                waiting += self._part_one(waiting.pop())
            except PermissionError:
                pass  # another user's directory

    def _part_one(self, path: bytes) -> list[bytes]:
        # The same; what is in it, where it is a directory.
        status = self.place.status(path)
        if status is None:
            return []
        if stat.S_ISDIR(status.st_mode):
            if status.st_mode & 0o700 != 0o700:
                above, name = self.place.parent(path)
                flags = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW
                with held(host.open, name, flags, dir_fd=above) as fd:
                    host.chmod(b"/proc/self/fd/%d" % fd, 0o700)  # it is removed anyway
            return [child_of(path, name) for name, _ in self.place.entries(path)]
        if self._several.get(status.st_ino) == (status.st_size, status.st_mtime_ns):
            above, name = self.place.parent(path)
            with held(host.open, name, host.O_PATH | host.O_NOFOLLOW, dir_fd=above) as fd:
                host.unlink(name, dir_fd=above)
                self._check.know(host.fstat(fd))
        return []

    def when_done(self) -> dict[int, int]:
        """{inode: ctime} of what stands in the base by our doing, once all is done."""
        found = dict(self._check.mine)
        paths = {path.lstrip(b"\0") for path in self._touched.paths}
        paths.update(c._found.path.rpartition(b"/")[0] for c in self._selection.chosen)
        for lower in self._other_names:
            before, _, name = lower.rpartition(b"/")
            above = self._selection.after(before)
            if above is not None:
                paths.add(above + b"/" + name if above else name)
        for path in itertools.chain((c._found.path for c in self._selection.chosen), paths):
            try:
                status = self.place.status(path)
            except PermissionError:  # the commit has given a directory on the way such a mode
                continue
            if status is not None:
                found[status.st_ino] = status.st_ctime_ns
        found.update(self._homes())
        return found

    def when_taken_back(self) -> dict[int, int]:
        """As `when_done`, of what stands there again after all was taken back."""
        found = self._homes()
        lower = self._check.walk.lower
        known = (
            (change._found.base(), change.before.size, change.before.times[1])
            for change in self._selection.chosen
            if change.before is not None
        )
        covered = ((path, was.st_size, was.st_mtime_ns) for path, was in self.covered.items())
        for path, size, time in itertools.chain(known, covered):
            status = lower.status(path)
            if status is not None and (status.st_size, status.st_mtime_ns) == (size, time):
                found[status.st_ino] = status.st_ctime_ns
        for before in self._touched.paths.values():
            status = lower.status(before) if before is not None else None
            if status is not None and status.st_ino not in self._touched.others:
                found[status.st_ino] = status.st_ctime_ns
        return found

    def _homes(self) -> dict[int, int]:
        # Of the directories that held the stashes and nobody else has changed.
        found = {}
        for path in self._stashes.homes:
            status = self.place.status(path)
            if status is not None:
                found[status.st_ino] = status.st_ctime_ns
        return found
