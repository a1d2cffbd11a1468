"""Copies: a rehearsal on a real copy of a directory, for those who ask where mounts are refused.

What every file of the copy was when it was made is remembered. So it is known what was changed
there, whatever others do to the base meanwhile; what was changed is compared with the base, and
committed, as in any other rehearsal.
"""

from __future__ import annotations

import stat
import time
from collections import namedtuple

from ostler.core import mounts
from ostler.core.status import kept
from ostler.machine import MachineUnavailable, host
from ostler.machines import owned
from ostler.machines.rehearsal.clock import from_now_on
from ostler.machines.rehearsal.kind import Rehearsal
from ostler.machines.rehearsal.layout import OverlayMount
from ostler.machines.rehearsal.places import HeldTree, OwnTree
from ostler.machines.rehearsal.walk import Walk
from ostler.machines.rehearsal.writers import Quiet, Unneeded, refuse, writers_below
from ostler.machines.rooted import PATHS, staying
from ostler.machines.scratch_directory import NO_CHILDREN
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any

    from _typeshed import StrOrBytesPath

    from ostler.core.status import Status
    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.places import AnyStatus
    from ostler.machines.rehearsal.walk import _Waiting

_FREE = 4  # a copy takes at most this part of the memory that is free for it


class Copied(owned.Owned, Rehearsal):
    """A rehearsal whose files are a copy; see ostler.rehearsal.

    `_was`: {path in the base: what its copy was when it was made}, of everything copied.
    """

    __slots__ = ("_gone", "_was")

    def _walk(self, overlay: OverlayMount) -> CopyWalk:
        return CopyWalk(self, overlay)

    def keep(self, directory: StrOrBytesPath, *, points: bool = False) -> None:
        """Raise MachineUnavailable: what a copy differs in can't be taken up as an upper."""
        raise MachineUnavailable("a rehearsal on a copy can't be kept", "a place for mounts")

    def _quiet(self, leave_behind: bool) -> Quiet:
        return Unneeded(self, leave_behind)  # after a commit the copy is the same one

    @staying
    def discard(self, *, leave_behind: bool = False) -> None:
        """Drop all changes: the files here are copied anew.

        OSError (EBUSY) while a file is open for writing here, as for commit().
        """
        with self._busy:
            self._copy_anew(leave_behind)

    def _copy_anew(self, leave_behind: bool) -> None:
        here, gone = self.getcwdb(), self._gone
        if not leave_behind:
            refuse(self, writers_below(host.readlink(b"/proc/self/fd/%d" % self._root)))
        path, lock, copy, self._started, self._was = _copied(self._base)
        self._own = {}
        try:
            with copy:
                host.dup2(lock, self._stores, False)
                host.dup2(copy.root, self._root, False)
                host.dup2(copy.root, self._cwd, False)
        finally:
            mounts.close(lock)
        self._remove_at_end(path)
        self._prefixed(path + b"/root")
        gone()
        try:
            self.chdir(here)
        except OSError:
            pass  # the directory was one of the changes

    def _begin_again(self, keep: bool, done: Iterable[Change]) -> None:
        """What was committed is the base's, too, from now on."""
        with self._walk(self._overlays[0]) as walk:
            self._take_over(walk, done)

    def _take_over(self, walk: Walk, done: Iterable[Change]) -> None:
        for change in done:
            found = change._found
            status: AnyStatus | None = walk.upper.status(found.path)
            if found.status is not None:
                # What was written to it since it was looked at is a change.
                if status is None or _content(status) != _content(found.status):
                    status = found.status
                self._was[found.path] = _state(status)
            elif status is None:
                self._was.pop(found.path, None)


class CopyWalk(Walk):
    """The comparison of what was changed in a copy with the base."""

    def __init__(self, machine: Copied, overlay: OverlayMount) -> None:
        self.overlay = overlay
        self.machine = machine
        self.marks = "\0"  # no attribute is a mark
        self.ordinary = True
        self.base = self.top = machine._base
        self.upper = OwnTree(
            host.open(b"root", host.O_PATH | host.O_DIRECTORY, dir_fd=machine._stores)
        )
        try:
            self.lower = HeldTree(host.open(self.top, host.O_PATH | host.O_DIRECTORY))
        except BaseException:
            self.upper.close()
            raise
        self._merged = None
        self._narrowed = {}
        self._was = machine._was
        self._start()

    def mark(self, path: bytes, status: AnyStatus, name: str) -> bytes | None:
        """None: there are no marks in a copy."""

    def origin(self, path: bytes, status: AnyStatus, parent: bytes) -> bytes | None:
        """None: what was renamed is removed here and created there."""

    def _untouched(self, lower: bytes, status: AnyStatus) -> bool:
        known = self._was.get(lower)
        return known is not None and known == _state(status)

    def _compare_top(self) -> None:
        status = self.upper.there(b"")
        if not self._untouched(b"", status):
            self._compare(b"", b"", self.lower.there(b""), kept(status))

    def _directory(self, waiting: _Waiting, path: bytes, lower: bytes | None, opaque: bool) -> None:
        names = set()
        for name, status, child, below in self._children(path, lower):
            names.add(name)
            if below is not None and self._untouched(below, status):
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((child, below, True))
                continue
            old = None if below is None else self.lower.status(below)
            if stat.S_ISDIR(status.st_mode):
                self._subdirectory(waiting, child, below, old, status, lower, True)
            else:
                self._other(child, below, old, status)
            if old is None and below in self._was:
                self.found[-1]._found.stale = True  # somebody else has removed it
        if lower is None:
            return
        for name in self._names(lower) - names:
            below = child_of(lower, name)
            old = self.lower.status(below)
            if old is not None:
                self._removed(child_of(path, name), below, old)

    def _names(self, directory: bytes) -> set[bytes]:
        # The names that a directory of the base had when it was copied.
        if self._by_directory is None:
            self._by_directory = {}
            for path in self._was:
                if path:
                    above, _, name = path.rpartition(b"/")
                    self._by_directory.setdefault(above, set()).add(name)
        return self._by_directory.get(directory, set())

    _by_directory: dict[bytes, set[bytes]] | None = None

    def names_of(self, inodes: Collection[int]) -> Iterator[tuple[bytes, AnyStatus]]:
        """[(path in the base, lstat)] of the names that these files had when all was copied."""
        for path, look in self._was.items():
            if not stat.S_ISDIR(look.mode):
                status = self.lower.status(path)
                if status is not None and status.st_ino in inodes:
                    yield path, status

    def _compare(self, path: bytes, lower: bytes, old: AnyStatus, new: Status) -> None:
        known = self._was.get(lower)
        if known is not None and known.inode == new.st_ino:
            # What an ordinary user's copy could not be given is as it was.
            same: dict[str, int] = {}
            if (known.user, known.group) == (new.st_uid, new.st_gid):
                same.update(st_uid=old.st_uid, st_gid=old.st_gid)
            if known.mode == new.st_mode and stat.S_IFMT(old.st_mode) == stat.S_IFMT(known.mode):
                same.update(st_mode=old.st_mode)
            new = kept(new, **same)
        super()._compare(path, lower, old, new)


_State = namedtuple("_State", "inode changed user group mode")


def _state(status: AnyStatus) -> _State:
    """What an object of a copy is: enough to tell whether anybody has touched it."""
    return _State(status.st_ino, status.st_ctime_ns, status.st_uid, status.st_gid, status.st_mode)


def _content(status: AnyStatus) -> _State:
    # What a commit itself changes nothing of: it may open what its mode keeps closed.
    return _state(status)._replace(changed=(status.st_size, status.st_mtime_ns))


def _states(place: HeldTree) -> dict[bytes, _State]:
    found = {b"": _state(place.there(b""))}
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        for name, status in place.entries(path):
            child = child_of(path, name)
            found[child] = _state(status)
            if stat.S_ISDIR(status.st_mode):
                waiting.append(child)
    return found


def copied_rehearsal(
    refusal: MachineUnavailable, base: StrOrBytesPath | None, upper: StrOrBytesPath | None
) -> Copied:
    """The rehearsal that can be had where mounts are refused, as `refusal` says."""
    base = host.path.realpath(host.fsencode("/" if base is None else base), strict=True)
    if base == b"/" or upper is not None:
        what = "of / can't be on a copy" if base == b"/" else "on a copy has no upper"
        raise MachineUnavailable(
            f"a rehearsal {what}; {refusal.reason}", refusal.what_would_help, refusal.errno
        )
    path, lock, root, began, was = _copied(base)
    machine = Copied._empty()
    machine._remove_at_end(path)
    guarantees = {
        "files": f"a copy in {host.fsdecode(host.path.dirname(path))}, removed with the machine; "
        "what others change in the base meanwhile is not seen, but found by a commit",
        "paths": PATHS,
        "children": NO_CHILDREN,
        "points": "none: there are no layers to make them of",
        "weaker": refusal.reason,
    }
    machine._become(root.root, -1, -1, guarantees, lock, root)
    machine._prefixed(path + b"/root")
    machine._base = base
    machine._directory = machine._history = machine._share = machine._keeper = None
    machine._plan = ()
    machine._overlays = (OverlayMount(b"", b"", base),)
    machine._prefix_of_marks = b""
    machine._started = began
    machine._own = {}
    machine._was = was
    machine._stand_as_process(base)
    return machine


def _copied(base: bytes) -> tuple[bytes, int, mounts.Made, int, dict[bytes, _State]]:
    """Copy a directory: (path, its lock, the copy, when it began, what everything was then)."""
    path, lock = owned.made(_places(base))
    try:
        began = from_now_on(time.time_ns())
        try:
            host.trees.copy(base, path + b"/root")
        except OSError as error:
            reason = f"{host.fsdecode(base)} can't be copied: {error}"
            raise MachineUnavailable(reason, "", error.errno) from error
        root = mounts.directory(path + b"/root", "rehearsal")
        with OwnTree(host.open(path + b"/root", host.O_PATH | host.O_DIRECTORY)) as place:
            return path, lock, root, began, _states(place)
    except BaseException:
        owned.remove(path, owned.identity(lock), host.getpid())
        mounts.close(lock)
        raise


def _places(base: bytes) -> list[bytes]:
    """Where a copy may be: in memory when it is small for that, else on a disk."""
    places: list[bytes] = owned.places()
    try:
        room = host.statvfs(places[0])
        if host.trees.size(base).disk * _FREE > room.f_bavail * room.f_frsize:
            places.append(places.pop(0))
    except OSError:
        pass
    return places
