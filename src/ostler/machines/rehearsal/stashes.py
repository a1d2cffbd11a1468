"""Stashes: directories of a commit beside the files, in which it prepares and keeps objects.

There is one in each file system that it goes to, since names can be moved only within one.
"""

from __future__ import annotations

import contextlib
import errno

from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.machines.rehearsal.check import Check
    from ostler.machines.rehearsal.places import AnyStatus, HeldTree
    from ostler.machines.rehearsal.selection import Selection
    from ostler.machines.rehearsal.steps import Times


class Stashes:
    """The stashes of one overlay.

    - `times`: of the directories in which they are, as a Work has them
    - `homes`: those of these directories that nobody else has changed; `theirs`: the others
    - `before`: {path: lstat} of all of them, as they were
    """

    def __init__(self, check: Check, selection: Selection, number: int) -> None:
        """`number`: of the overlay's directory, among the tops of the commit."""
        self.times: list[Times] = []
        self.homes: list[bytes] = []
        self.theirs: set[bytes] = set()
        self.before: dict[bytes, AnyStatus] = {}
        self._check = check
        self._selection = selection
        self._number = number
        self._lower = check.walk.lower
        self._paths: dict[int, bytes] = {}  # by device
        self._slots = 0

    def needed(self) -> list[tuple[int, str]]:
        """[(number of the top, path as text)] of those that are needed; makes none yet."""
        token = b".ostler-commit-" + host.urandom(8).hex().encode()
        places = (p for c in self._selection.chosen for p in (c._found.at, c._found.lower))
        for path in places:
            if not path:
                continue
            above = path.rpartition(b"/")[0]
            status = self._lower.status(above)
            if status is not None and status.st_dev not in self._paths:
                place = self._highest(above, status.st_dev)
                self._paths[status.st_dev] = place + b"/" + token if place else token
        return [(self._number, path.decode("latin-1")) for path in self._paths.values()]

    def _highest(self, path: bytes, device: int) -> bytes:
        # The highest directory in the same file system in which we may make one.
        ways = [path]
        while path:
            path = path.rpartition(b"/")[0]
            ways.append(path)
        for way in reversed(ways):
            if self._check.there(way).st_dev == device and host.access(
                self._lower.name(way), host.W_OK | host.X_OK
            ):
                return way
        return ways[0]

    def paths(self) -> tuple[bytes, ...]:
        """Where they are."""
        return tuple(self._paths.values())

    def slot(self, at: bytes | None) -> bytes:
        """A path that is free in the stash from which something can get to `at`."""
        above = self._lower.status(at.rpartition(b"/")[0]) if at is not None else None
        if above is None:
            stash = next(iter(self._paths.values()))
        else:
            stash = self._paths[above.st_dev]
        self._slots += 1
        return stash + b"/%d" % self._slots

    def make(self, place: HeldTree) -> None:
        """Make them all."""
        for stash in self._paths.values():
            above, name = place.parent(stash)
            path = stash.rpartition(b"/")[0]
            status = place.there(path)
            self.before[path] = status
            old = [status.st_atime_ns, status.st_mtime_ns]
            self.times.append((self._number, path, path, status.st_ino, old, None))
            host.mkdir(name, 0o700, dir_fd=above)
            with contextlib.suppress(PermissionError):  # a directory for all, such as /tmp
                # At once, for a commit that is killed before it says what it will do.
                host.utime(b".", ns=(old[0], old[1]), dir_fd=above)
            now = place.there(path)
            if self._check.changed(status):
                self.theirs.add(path)
            else:
                self._check.know(now)
                self.homes.append(path)

    def can_exchange(self, place: HeldTree) -> bool:
        """Whether two names in each of them can be exchanged in one step."""
        return all(_tried_exchange(place, stash) for stash in self._paths.values())


def _tried_exchange(place: HeldTree, stash: bytes) -> bool:
    above = place.directory(stash)
    for name in (b"a", b"b"):
        host.mkdir(name, 0o700, dir_fd=above)
    try:
        host.exchange(b"a", b"b", first_dir_fd=above, second_dir_fd=above)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        return False
    finally:
        for name in (b"a", b"b"):
            host.rmdir(name, dir_fd=above)
    return True
