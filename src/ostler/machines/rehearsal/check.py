"""Check: whether the base is still what a rehearsal has seen, but for its own commits."""

from __future__ import annotations

import errno
import stat

from ostler.machines.rehearsal.steps import Lost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostler.core.status import Status
    from ostler.machines.rehearsal.changes import Change, Found
    from ostler.machines.rehearsal.places import AnyStatus
    from ostler.machines.rehearsal.walk import Walk

_INODE = (1 << 48) - 1  # of a number that an overlay shows; above it may say which layer


class Check:
    """What somebody else has changed in the base of one overlay.

    `mine`: {inode: ctime} of what stands there by our doing.
    """

    def __init__(self, walk: Walk, started: int, own: dict[int, int]) -> None:
        self.walk = walk
        self.mine = dict(own)
        self._started = started

    def conflicts(self, chosen: Iterable[Change]) -> Iterator[tuple[str, str]]:
        """(path in the base, path now) of what somebody else has changed since the beginning."""
        for change in chosen:
            found = change._found
            if change.kind == "renamed" and self._is_covered_anew(found):
                yield self.walk.real(found.at or b""), change.path
            elif self._in_conflict(change):
                base = found.lower
                if change.before is None:
                    base = self._origin(found) or found.at  # moved away by somebody else, or made
                yield self.walk.real(base or b""), change.path

    def _is_covered_anew(self, found: Found) -> bool:
        # Whether what stands at the name that something takes is changed, or new.
        covered = self.covered(found)
        return covered is not None and self.changed(covered)

    def _in_conflict(self, change: Change) -> bool:
        found = change._found
        if change.before is None:
            return found.at is not None and self._made_twice(found)
        status = self.status(change)
        if status is None:
            return True
        if not self.changed(status):
            return False
        if stat.S_ISDIR(status.st_mode) and change.kind in ("renamed", "metadata"):
            # What was put into it or taken out does not concern us.
            return status.st_ctime_ns != status.st_mtime_ns
        return True

    def covered(self, found: Found) -> AnyStatus | None:
        """lstat of what the base has at the name that something takes, unless that is vacated."""
        if found.at is None or found.at in self.walk.moved:
            return None
        return self.walk.lower.status(found.at)

    def _made_twice(self, found: Found) -> bool:
        walk = self.walk
        assert found.at is not None and found.status is not None
        if found.stale:
            return True
        if self.covered(found) is not None:
            return True
        if not stat.S_ISREG(found.status.st_mode):
            return False
        above = walk.lower.status(found.at.rpartition(b"/")[0])
        if above is None:
            return True
        if not self.changed(above) or walk.mark(found.path, found.status, "origin") is None:
            return False
        # A copy of a file of the base: was that removed here, or by somebody else?
        try:
            shown = walk.merged.status(found.path)
        except OSError as error:
            if error.errno != errno.EIO or not self.is_without_data(found):
                raise
            return True
        return shown is None or not self._is_removed_here(shown.st_ino)

    def _is_removed_here(self, inode: int) -> bool:
        for other in self.walk.found:
            if other._found.status is None and other.kind == "removed":
                status = self.status(other)
                if status is not None and (status.st_ino ^ inode) & _INODE == 0:
                    return True
        return False

    def is_without_data(self, found: Found) -> bool:
        """Whether a file's data are the base's, which has them no longer: the kernel says EIO."""
        origin = self._origin(found)
        return origin is not None and self.walk.lower.status(origin) is None

    def _origin(self, found: Found) -> bytes | None:
        above = (found.at or found.path).rpartition(b"/")[0]
        status: Status | None = found.status
        return None if status is None else self.walk.origin(found.path, status, above)

    def status(self, change: Change) -> AnyStatus | None:
        """lstat of what the base has where a change has it from; None when it is gone."""
        return self.walk.lower.status(change._found.base())

    def old(self, change: Change) -> AnyStatus:
        """As `status`; Lost when it is gone."""
        return self.there(change._found.base())

    def there(self, path: bytes) -> AnyStatus:
        """lstat of what the base has had; Lost when it is gone."""
        status = self.walk.lower.status(path)
        if status is None:
            raise Lost(errno.ESTALE, "changed while it was committed", self.walk.real(path))
        return status

    def changed(self, status: AnyStatus) -> bool:
        """Whether somebody else has changed an object of the base since the beginning."""
        return (
            status.st_ctime_ns >= self._started
            and self.mine.get(status.st_ino) != status.st_ctime_ns
        )

    def know(self, status: AnyStatus) -> None:
        """What this object is now is our doing."""
        self.mine[status.st_ino] = status.st_ctime_ns
