"""Touched: the directories in which a commit moves names, and the times that they are to have."""

from __future__ import annotations

import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.machines.rehearsal.check import Check
    from ostler.machines.rehearsal.selection import Selection
    from ostler.machines.rehearsal.stage import Stage
    from ostler.machines.rehearsal.stashes import Stashes
    from ostler.machines.rehearsal.steps import Times


class Touched:
    """The touched directories of one overlay.

    - `paths`: {path after all steps: before them, or None}; a path that begins with a NUL is of a
      directory that will be gone
    - `others`: the inodes of those that somebody else has changed
    """

    def __init__(self, check: Check, selection: Selection) -> None:
        self.paths: dict[bytes, bytes | None] = {}
        self.others: set[int] = set()
        self._check = check
        self._selection = selection

    def add(self, after: bytes | None, before: bytes | None) -> None:
        """One more, by its path after all steps and before them; None where it isn't."""
        if after is not None:
            self.paths[after] = before
        elif before is not None:
            self.paths[b"\0" + before] = before

    def add_passed(self) -> None:
        """Those whose names are what they were, but have been touched in the rehearsal."""
        if self._selection.all:
            for found in self._check.walk.unchanged:
                if stat.S_ISDIR(found.own().st_mode):
                    self.paths.setdefault(found.path, found.lower)

    def times(self, number: int, stashes: Stashes, stage: Stage) -> list[Times]:
        """The times of all of them, and of the directories in which the stashes are."""
        check, stashed = self._check, stashes.before
        by_path = dict(self.paths)
        for path in stashed:
            if path not in by_path.values():
                by_path[b"\0" + path] = path
        found: list[Times] = []
        for after, before in by_path.items():
            gone = after.startswith(b"\0")
            old = new = None
            ours = True
            if before is not None:
                status = stashed.get(before) or check.there(before)
                inode = status.st_ino
                old = [status.st_atime_ns, status.st_mtime_ns]
                if gone and before in stashed:
                    after, new = before, old
                ours = before not in stashes.theirs
                if before not in stashed:
                    ours = not check.changed(status)
            else:
                inode = stage.made[after]
            if ours and not gone:
                now = check.walk.upper.status(after)
                if now is not None and stat.S_ISDIR(now.st_mode):
                    new = [now.st_atime_ns, now.st_mtime_ns]
            if not ours:
                self.others.add(inode)
            found.append((number, after, before or b"", inode, old, new))
        return found
