"""Moments: the state at a point, seen while the machine goes on, and what differs between two.

What was changed from a point to a later one upon it are the layers between them: these are
compared with the state at the first as all changes are with the base. Of two points neither of
which lies upon the other, the states are compared at all paths at which a layer of either has
anything.
"""

from __future__ import annotations

import stat
from itertools import chain
from operator import attrgetter

from ostler.core import mounts
from ostler.core.held import held
from ostler.core.status import file_handle, kept
from ostler.machine import host
from ostler.machines.read_only import ReadOnly
from ostler.machines.rehearsal import contents, layers
from ostler.machines.rehearsal.changes import Found
from ostler.machines.rehearsal.hard_links import MOVED
from ostler.machines.rehearsal.layered import stack_of, upper_tree
from ostler.machines.rehearsal.places import HeldTree, OwnTree
from ostler.machines.rehearsal.points import begun
from ostler.machines.rehearsal.walk import Walk
from ostler.machines.rehearsal.writers import top_of
from ostler.machines.rooted import PATHS, children_in
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

    from ostler.core.status import Status
    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.places import AnyStatus
    from ostler.points.history import History, Point

_STORE = attrgetter("store")
_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


def at(machine: Rehearsal, point: Point | str) -> ReadOnly:
    """A read-only machine of the state at a point."""
    with machine._busy:
        history = begun(machine)
        point = history.find(point)
        with View(machine, history, history.chain(point._layer)) as view:
            made = _own(machine, view.made)
        try:
            found = ReadOnly._made(
                made,
                {
                    "files": f"the state at {point!r}: EROFS for every change (kernel)",
                    "paths": PATHS,
                    "children": children_in(made),
                    "not covered": "the base is not frozen; sockets, FIFOs and devices can be "
                    "written to: they are no files",
                },
            )
        finally:
            made.close()
        found._mounted = False
        history.used_by(found, history.paths_of(point._layer))
        found._stand_as_process(machine._base)
        return found


def _own(machine: Rehearsal, view: mounts.Made) -> mounts.Made:
    # With the namespaces that belong to it.
    spaces = machine._user_ns, machine._mount_ns
    fds: list[int] = []
    try:
        _duplicate((view.root, *spaces), fds)
    except BaseException:
        for fd in fds:
            if fd >= 0:
                host.close(fd)
        raise
    return mounts.Made(*fds)


def _duplicate(fds: Iterable[int], duplicates: list[int]) -> None:
    for fd in fds:
        duplicates.append(host.dup(fd) if fd >= 0 else -1)


def changes(
    machine: Rehearsal, since: Point | str | None, until: Point | str | None
) -> list[Change]:
    """The changes from one point to another, or to now: a list of Change."""
    with TwoStates(machine, since, until) as walks:
        return list(chain.from_iterable(walk.changes() for walk in walks))


def diff(machine: Rehearsal, since: Point | str | None, until: Point | str | None) -> str:
    """The same, in text files, as a unified diff."""
    from ostler.machines.rehearsal import pictures

    with TwoStates(machine, since, until) as walks:
        return pictures.difference(walks, machine._tell_authors(since, until))


class View:
    """A read-only view of the state that these layers of a machine are: `made`, to be closed."""

    def __init__(self, machine: Rehearsal, history: History, chain: list[int]) -> None:
        self._machine = machine
        self._overlays = {
            o.target: o.upon(b"", history.stores_of(chain, o.target)) for o in machine._overlays
        }
        self.made = layers.mounted_again(machine, list(self._overlays.values()), {}, True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; what was opened of it stays."""
        self.made.close()

    def top(self, target: bytes) -> int:
        """A descriptor of the top of the overlay of this target."""
        overlay = self._overlays[target]
        if overlay.place is None:
            with layers.alone(self._machine, overlay, overlay.frozen) as made:
                return host.open(b".", _OPEN, dir_fd=made.root)
        return host.open(overlay.place or b".", _OPEN, dir_fd=self.made.root)


class TwoStates:
    """A context manager whose value are the walks that compare two states, of all overlays."""

    def __init__(
        self, machine: Rehearsal, since: Point | str | None, until: Point | str | None
    ) -> None:
        self.machine = machine
        self.since = since
        self.until = until
        self._closed = False
        self._views: list[View] = []
        self._walks: list[Walk] = []

    def __enter__(self) -> Sequence[Walk]:
        machine = self.machine
        try:
            with machine._busy:
                self.history = history = begun(machine)
                first = None if self.since is None else history.find(self.since)._layer
                last = history.at if self.until is None else history.find(self.until)._layer
                before, after = history.chain(first), history.chain(last)
                history.used_by(self, history.paths().union(map(_STORE, machine._overlays)))
                view = self._view(first)
                if after[: len(before)] == before:
                    self._upon(view, before, after[len(before) :])
                else:
                    self._aside(view, before, after)
        except BaseException:
            self.__exit__()
            raise
        return self._walks

    def __exit__(self, *exception: object) -> None:
        self._closed = True
        while self._walks:
            self._walks.pop().__exit__()
        while self._views:
            self._views.pop().close()

    def _view(self, layer: int | None) -> View:
        self._views.append(View(self.machine, self.history, self.history.chain(layer)))
        return self._views[-1]

    def _upon(self, view: View, before: list[int], between: list[int]) -> None:
        machine, history = self.machine, self.history
        for overlay in machine._overlays:
            above = history.stores_of(between, overlay.target)
            if self.until is None:
                above.insert(0, overlay.store)
            if above:
                below = history.stores_of(before, overlay.target)
                top = view.top(overlay.target)
                self._walks.append(SinceWalk(machine, overlay, above, below, top))

    def _aside(self, view: View, before: list[int], after: list[int]) -> None:
        machine, history = self.machine, self.history
        same = 0
        while same < min(len(before), len(after)) and before[same] == after[same]:
            same += 1
        other = None if self.until is None else self._view(after[-1] if after else None)
        for overlay in machine._overlays:
            target = overlay.target
            touched = [history.stores_of(chain[same:], target) for chain in (before, after)]
            if other is None:
                touched[1].insert(0, overlay.store)
            if any(touched):
                top = view.top(target)
                now = top_of(machine, overlay) if other is None else other.top(target)
                self._walks.append(AsideWalk(machine, overlay, touched, now, top))


class _PointWalk(Walk):
    """A comparison of which what was before is no real directory, but a state of the machine."""

    def _is_others(self, change: Change) -> bool:
        # What lies in a layer is not changed by anybody else.
        if not super()._is_others(change):
            return False
        with HeldTree(self.machine._open_base(self.top)) as base:
            status = base.status(change._found.base())
        return status is not None and status.st_mtime_ns == change._old.times[1]


class SinceWalk(_PointWalk):
    """The comparison of what was changed after a point with the state at that point.

    `above`: the stores that were changed since, the uppermost first; `below`: those of the point;
    `top`: a descriptor of the state at the point, which it owns.
    """

    def __init__(
        self,
        machine: Rehearsal,
        overlay: OverlayMount,
        above: Iterable[bytes],
        below: Sequence[bytes],
        top: int,
    ) -> None:
        lower = HeldTree(top)
        self._prepare(machine, overlay)
        self.one_device = True
        self.upper = upper_tree(machine._stores, above, self.marks)
        self.lower = lower
        self._below = upper_tree(machine._stores, below, self.marks) if below else None
        self._stack = None if self._below is None else stack_of(self._below, self.marks)
        self._places: dict[bytes, bytes] | None = None
        self._start()

    def __exit__(self, *exception: object) -> None:
        super().__exit__()
        if self._below is not None:
            self._below.close()

    def handle(self, lower: bytes) -> tuple[int, bytes] | None:
        """The file handle of what there was at a path, which an overlay itself has not got."""
        if self._stack is not None:
            seen = self._stack.seen(lower)
            if seen is not None:
                tree: OwnTree = self._stack.trees[seen.layer]
                return file_handle(*tree.parent(seen.path))
            at = self._stack.below(lower)
            if at is None:
                return None
            lower = at
        with HeldTree(self.machine._open_base(self.top)) as base:
            try:
                return file_handle(*base.parent(lower))
            except OSError:
                return None

    def mark(self, path: bytes, status: AnyStatus, name: str) -> bytes | None:
        """A mark; what was noted of the base is told of the state at the point."""
        found = super().mark(path, status, name)
        if name != MOVED or found is None or self._below is None:
            return found
        if self._places is None:
            self._places = moved_before(self._below, self.marks)
        return b"/" + place_at(self._places, found.strip(b"/"))


def moved_before(below: OwnTree, marks: str) -> dict[bytes, bytes]:
    """{path in the base: path at a point} of the directories that were renamed before it."""
    found: dict[bytes, bytes] = {}
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        for name, status in below.entries(path):
            child = child_of(path, name)
            if stat.S_ISDIR(status.st_mode):
                waiting.append(child)
                noted = below.xattr(child, marks + MOVED)
                if noted is not None:
                    found[noted.strip(b"/")] = child
    return found


def place_at(places: dict[bytes, bytes], path: bytes) -> bytes:
    """Where what the base has at a path was at the point of which these are the renames."""
    at, rest = path, b""
    while at and at not in places:
        at, _, last = at.rpartition(b"/")
        rest = b"/" + last + rest
    return places[at] + rest if at else path


class AsideWalk(_PointWalk):
    """The comparison of two states at all paths at which layers have anything.

    `touched`: the layers of both sides above what they have in common; `now`, `before`:
    descriptors of the two states, which it owns. What was renamed is removed and created.
    """

    def __init__(
        self,
        machine: Rehearsal,
        overlay: OverlayMount,
        touched: Iterable[Sequence[bytes]],
        now: int,
        before: int,
    ) -> None:
        self.upper, self.lower = OwnTree(now), HeldTree(before)
        self._prepare(machine, overlay)
        marks, self.marks = self.marks, "\0"  # no attribute is a mark: the kernel shows none
        self.ordinary = True
        self._sides = [
            upper_tree(machine._stores, side, marks) if side else None for side in touched
        ]
        self._trees = [tree for tree in self._sides if tree is not None]
        self._marks = marks
        self._start()

    def __exit__(self, *exception: object) -> None:
        super().__exit__()
        for tree in self._trees:
            tree.close()

    def current(self, found: Found) -> tuple[HeldTree, bytes]:
        """(place, path) at which the content of an object can be read now."""
        return self.upper, found.path

    def same_content(self, path: bytes, lower: bytes, old: AnyStatus, new: AnyStatus) -> bool:
        """Whether a file has the content that it had; what can't be read differs."""
        if old.st_size != new.st_size:
            return False
        try:
            with held(self.read, 0, lower) as one, held(self.read, 1, path) as other:
                return contents.same(one, other)
        except PermissionError:
            return False

    def read(self, side: int, path: bytes) -> int:
        """Open a file of the state before, or now: of what its mode keeps shut, the layers' own."""
        tree, raw = (self.lower, self.upper)[side], self._sides[side]
        try:
            return tree.open(path)
        except PermissionError:
            if raw is None or raw.status(path) is None:
                raise
        return raw.open(path)

    def mark(self, path: bytes, status: AnyStatus, name: str) -> bytes | None:
        """None: there are no marks in what is mounted."""
        return None

    def _changes(self) -> list[Change]:
        self._compare(b"", b"", self.lower.there(b""), kept(self.upper.there(b"")))
        waiting = [(b"", False)]
        while waiting:
            path, whole = waiting.pop()
            for name in sorted(self._names(path, whole)):
                child = child_of(path, name)
                old, new = self.lower.status(child), self.upper.status(child)
                if old is None and new is None:
                    continue
                if (
                    new is None
                    or old is None
                    or stat.S_IFMT(old.st_mode) != stat.S_IFMT(new.st_mode)
                ):
                    self._gone_or_new(child, old, None if new is None else kept(new))
                    continue
                self._compare(child, child, old, kept(new))
                if stat.S_ISDIR(new.st_mode):
                    waiting.append((child, whole or self._is_whole(child)))
        self._leave_out_touched()
        self.found.sort(key=lambda change: change._found.path.replace(b"/", b"\0"))
        return self.found

    def _names(self, path: bytes, whole: bool) -> set[bytes]:
        if whole:
            return {name for tree in (self.upper, self.lower) for name, _ in tree.entries(path)}
        return {name for tree in self._having(path) for name, _ in tree.entries(path)}

    def _is_whole(self, path: bytes) -> bool:
        # Whether all in a directory may differ, though no layer says so of each name.
        return any(
            tree.xattr(path, self._marks + "opaque") == b"y"
            or tree.xattr(path, self._marks + "redirect") is not None
            for tree in self._having(path)
        )

    def _having(self, path: bytes) -> Iterator[OwnTree]:
        # The trees of layers in which there is a directory at a path.
        for tree in self._trees:
            if tree.is_directory(path):
                yield tree

    def _gone_or_new(self, path: bytes, old: AnyStatus | None, new: Status | None) -> None:
        if old is not None and new is not None:
            self.add("retyped", Found(self.top, path, path, path, new), old, new)
            self._removed_below(path, path, old, True)
        elif old is not None:
            self._removed(path, path, old)
        elif new is not None:
            self.add("created", Found(self.top, path, path, None, new), None, new)
        if new is not None and stat.S_ISDIR(new.st_mode):
            for child, status in self._all_below(path):
                self.add("created", Found(self.top, child, None, None, status), None, status)

    def _all_below(self, path: bytes) -> Iterator[tuple[bytes, Status]]:
        waiting = [path]
        while waiting:
            path = waiting.pop()
            for name, status in self.upper.entries(path):
                child = child_of(path, name)
                yield child, status
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(child)
