"""Merge: what was changed in a branch, brought into another machine of its family.

Three states are compared: that of both, and the last one that both had. What only the branch has
changed is done here; what both have changed, and not alike, is a conflict. Layers can't be put upon
those of the other side: they say of a whole directory what only one side has done to it. So what
is to be done is written to the machine, object by object, out of a read-only view of the branch.
"""

from __future__ import annotations

import stat
from bisect import bisect_left
from itertools import count

from ostler.core.held import held
from ostler.machine import MergeConflict, host
from ostler.machines.below_root import RootedCore
from ostler.machines.rehearsal import authors, contents, moments, points, unmounted
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.steps import copy_data, give_metadata, metadata
from ostler.machines.rehearsal.writers import top_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostler.core import mounts
    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.places import AnyStatus
    from ostler.points.history import History

    _Changes = dict[bytes, Change]
    _Side = tuple[moments.AsideWalk, moments.AsideWalk, OwnTree, moments.SinceWalk | None]

PREFER = (None, "ours", "theirs")
_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW | host.O_CLOEXEC
_numbers = count()

_NOT_BACK = "the machine could not be taken back to where it was: rollback({!r}) does it"


def merge(machine: Rehearsal, other: Rehearsal, prefer: str | None, kids: str) -> list[Change]:
    """Bring what another machine of the family has changed into this one; what was applied."""
    if prefer not in PREFER:
        raise ValueError(f"prefer should be 'ours' or 'theirs', not {prefer!r}")
    if other is machine:
        raise ValueError("a machine can't be merged with itself")
    RootedCore._come_in(other)
    try:
        first, second = sorted((machine, other), key=id)  # the same order for all
        with first._busy, second._busy:
            return _merged(machine, other, prefer, kids)
    finally:
        RootedCore._leave(other)


def _merged(machine: Rehearsal, other: Rehearsal, prefer: str | None, kids: str) -> list[Change]:
    share, others = machine._share, other._share
    if share is None or others is None or share.family is not others.family:
        raise ValueError(f"{other!r} and this machine are no branches of one another")
    mine, theirs = points.history_of(machine, kids), points.history_of(other, kids)
    if mine.origin is not theirs.origin:
        raise ValueError("one of the two was committed or discarded since they have parted")
    unmounted.see_base(machine)
    points.freeze(other, theirs, kids)
    points.freeze(machine, mine, kids)
    point = points.noted(mine)
    with _States(machine, other) as sides:
        works, done = _decided(sides, prefer)
        try:
            _apply(works)
        except BaseException as error:
            try:
                points.back(machine, mine, mine.at)
            except OSError:
                error.add_note(_NOT_BACK.format(point.name))
            raise
    if theirs.at is not None:
        here = mine.top if done else mine.at
        mine.merges.append((next(_numbers), here, theirs.layers[theirs.at].key))
        theirs.hold(mine, theirs.at)
    authors.brought(machine, other, done)
    return done


def _decided(sides: Iterable[_Side], prefer: str | None) -> tuple[list[_Merging], list[Change]]:
    works = [_Merging(*side) for side in sides]
    conflicts = sorted({path for work in works for path in work.decide(prefer)})
    if conflicts and prefer is None:
        raise MergeConflict(conflicts)
    return works, [change for work in works for change in work.told()]


def _apply(works: Iterable[_Merging]) -> None:
    for work in works:
        work.apply()


def _last_common(mine: History, theirs: History) -> tuple[History, list[int]]:
    # The state that both have had last, as (the one that has it, its layers).
    number = mine.common(theirs)
    best, found = -1, (mine, mine.chain(mine.at)[:number])
    for one, another in ((mine, theirs), (theirs, mine)):
        known = [*one.chain(one.at), one.top, None]
        chain = another.chain(another.at)
        keys = {another.layers[layer].key: place for place, layer in enumerate(chain)}
        for when, here, key in one.merges:
            # What lies below where they have parted was merged before.
            if here in known and keys.get(key, -1) >= number and when > best:
                best, found = when, (another, chain[: keys[key] + 1])
    return found


class _States:
    """A context manager: what _Merging takes, for each overlay of both machines."""

    def __init__(self, machine: Rehearsal, other: Rehearsal) -> None:
        self.machine = machine
        self.other = other
        self._closed = False
        self._views: list[moments.View] = []
        self._open: list[moments.AsideWalk | moments.SinceWalk | OwnTree] = []

    def __enter__(self) -> list[_Side]:
        found: list[_Side] = []
        try:
            self._begin(found)
        except BaseException:
            self.__exit__()
            raise
        return found

    def _begin(self, found: list[_Side]) -> None:
        machine, other = self.machine, self.other
        mine, theirs = points.begun(machine), points.begun(other)
        for history in (mine, theirs):
            history.used_by(self, history.paths())
        whose, base = _last_common(mine, theirs)
        chains = [base, mine.chain(mine.at), theirs.chain(theirs.at)]
        histories = [whose, mine, theirs]
        for history, chain in zip(histories, chains, strict=True):
            self._views.append(moments.View(machine, history, chain))
        for overlay in machine._overlays:
            ours = self._walk(overlay, (whose, base, 0), (mine, chains[1], 1))
            branch = self._walk(overlay, (whose, base, 0), (theirs, chains[2], 2))
            place = OwnTree(top_of(machine, overlay))
            self._open.append(place)
            since = self._since(overlay.target, whose, base, chains[2])
            found.append((ours, branch, place, since))

    def _since(
        self, target: bytes, whose: History, base: list[int], chain: list[int]
    ) -> moments.SinceWalk | None:
        # The walk from the last common state up to the branch's, where that lies upon it: it knows
        # what was renamed.
        theirs, size = points.begun(self.other), len(base)
        keys = [[h.layers[number].key for number in numbers]
                for h, numbers in ((whose, base), (theirs, chain[:size]))]  # fmt: skip
        above = theirs.stores_of(chain[size:], target)
        if keys[0] != keys[1] or not above:
            return None
        overlay = next(known for known in self.other._overlays if known.target == target)
        top = self._views[0].top(target)
        below = whose.stores_of(base, target)
        walk = moments.SinceWalk(self.other, overlay, above, below, top)
        self._open.append(walk)
        return walk

    def _walk(
        self,
        overlay: OverlayMount,
        before: tuple[History, list[int], int],
        now: tuple[History, list[int], int],
    ) -> moments.AsideWalk:
        one, another = before[0], now[0]
        same = 0
        for first, second in zip(before[1], now[1], strict=False):
            if one.layers[first].key is not another.layers[second].key:
                break
            same += 1
        target = overlay.target
        touched = [history.stores_of(chain[same:], target) for history, chain, _ in (before, now)]
        tops = [self._views[now[2]].top(target)]
        tops.append(self._views[before[2]].top(target))
        walk = moments.AsideWalk(self.machine, overlay, touched, *tops)
        self._open.append(walk)
        return walk

    def __exit__(self, *exception: object) -> None:
        self._closed = True
        while self._open:
            self._open.pop().__exit__()
        while self._views:
            self._views.pop().close()


def _by_path(walk: moments.AsideWalk) -> _Changes:
    return {change._found.path: change for change in walk.changes()}


def _above(path: bytes) -> Iterator[bytes]:
    while path:
        path = path.rpartition(b"/")[0]
        yield path


def _is_directory(change: Change) -> bool:
    return change.after is not None and change.after.type == "directory"


def _is_touched(change: Change) -> bool:
    # Only the time of modification is another one.
    return change.kind == "metadata" and change._old.has_metadata(change._new, False)


def _in_order(path: bytes) -> bytes:
    return path.replace(b"/", b"\0")


class _Sorted:
    """Changes, of which those at a path and below it are found fast."""

    def __init__(self, changes: _Changes) -> None:
        self._paths = sorted(map(_in_order, changes))
        self._changes = {_in_order(path): change for path, change in changes.items()}

    def below(self, path: bytes) -> list[Change]:
        """The changes at a path, which comes first, and below it; none where that is none."""
        first = _in_order(path)
        if first not in self._changes:
            return []
        begin, end = bisect_left(self._paths, first), bisect_left(self._paths, first + b"\1")
        return [self._changes[each] for each in self._paths[begin:end]]

    def removed(self, path: bytes) -> list[Change]:
        """Those of them that are gone; none where there is something at the path itself."""
        found = self.below(path)
        if not found or found[0].after is not None:
            return []
        return [each for each in found if each.after is None]


class _Merging:
    """What is to be done in one overlay.

    - `ours`, `theirs`: the walks from the last common state to both
    - `place`: the tree that is written to
    - `since`: the walk that knows what the branch has renamed, or None
    - `take`: {path: Change} of what is done here
    """

    def __init__(
        self,
        ours: moments.AsideWalk,
        theirs: moments.AsideWalk,
        place: OwnTree,
        since: moments.SinceWalk | None,
    ) -> None:
        self.ours = ours
        self.theirs = theirs
        self.place = place
        self.since = since
        self.take: _Changes = {}
        self._mine: _Changes = {}
        self._all: _Changes = {}  # of the branch
        self._links: dict[int, bytes] = {}  # inode in the branch: a path that has it here
        self._ends: list[tuple[bytes, AnyStatus, dict[str, bytes]]] = []  # new directories
        self._touched: set[bytes] = set()

    # What is done

    def decide(self, prefer: str | None) -> set[str]:
        """Choose what is taken; the paths of what is in conflict, as os gives them."""
        self._mine = mine = _by_path(self.ours)
        self._all = theirs = _by_path(self.theirs)
        self.take = dict(theirs)
        conflicts: set[str] = set()
        for path in mine.keys() & theirs.keys():
            one, other = mine[path], theirs[path]
            if _is_touched(other) or self._is_same(one, other):
                del self.take[path]
            elif not _is_touched(one):
                conflicts.add(other.path)
                if prefer == "ours":
                    del self.take[path]
        for one, _, path in _without_a_place(theirs, mine):
            if not _is_touched(one):
                conflicts.add(one.path)
            if prefer == "ours" or _is_touched(one):
                self.take.pop(path, None)
        for one, other, _ in _without_a_place(mine, theirs):
            if _is_touched(one):
                continue
            conflicts.add(one.path)
            if prefer == "ours":
                self.take.pop(other._found.path, None)
        return conflicts

    def _is_same(self, one: Change, other: Change) -> bool:
        if one.after is None or other.after is None:
            return one.after is other.after
        before, after = one.after, other.after
        if before.type != after.type or not before.has_metadata(after, False):
            return False
        if (before.target, before.device) != (after.target, after.device):
            return False
        if before.type != "file":
            return True
        path = one._found.path
        if before.size != after.size:
            return False
        try:
            with held(self.ours.read, 1, path) as mine, held(self.theirs.read, 1, path) as another:
                return contents.same(mine, another)
        except PermissionError:
            return False

    def told(self) -> list[Change]:
        """What is done, in order; what the branch has renamed is told so, if all of it is done."""
        found = dict(self.take)
        if self.since is not None:
            changes = self.since.changes()
            theirs, others = _Sorted(self._all), _Sorted({c._found.path: c for c in changes})
            renamed = [change for change in changes if change.kind == "renamed"]
            # What was moved out of a directory comes after that.
            for change in sorted(renamed, key=lambda change: _in_order(change._found.base())):
                self._tell(change, found, theirs, others)
        return [found[path] for path in sorted(found, key=_in_order)]

    def _tell(self, change: Change, found: _Changes, theirs: _Sorted, others: _Sorted) -> None:
        # Tell one thing as renamed in `found`, and not as removed and created.
        gone = theirs.removed(change._found.base())
        made, instead = theirs.below(change._found.path), others.below(change._found.path)
        parts = [*gone, *made]
        for each in instead:
            if each.kind == "renamed":
                parts += theirs.removed(each._found.base())
        whole = all(self.take.get(each._found.path) is each for each in parts)
        if not whole or not gone or not made or made[0].kind != "created":
            taken = (each for each in gone if self.take.get(each._found.path) is each)
            found.update((each._found.path, each) for each in taken)
            return
        for each in (*gone, *made):
            found.pop(each._found.path, None)
        found.update((each._found.path, each) for each in instead)

    # Doing it

    def apply(self) -> None:
        """Do what was chosen."""
        paths = sorted(self.take, key=_in_order)
        for path in reversed(paths):
            change = self.take[path]
            if change.after is None:
                self._remove(path)
        for path in paths:
            change = self.take[path]
            if change.after is not None:
                self._bring(path, change)
        for path, status, xattrs in reversed(self._ends):
            give_metadata(self.place, path, metadata(status, xattrs))
        # Those that are told by nothing but what was changed in them.
        unchanged = self.theirs.unchanged
        self._touched.update(f.path for f in unchanged if stat.S_ISDIR(f.own().st_mode))
        self._give_times({path for path, _, _ in self._ends})

    def _remove(self, path: bytes) -> None:
        if self.place.status(path) is not None:
            self.place.remove(path)
            self._touched.add(path.rpartition(b"/")[0])

    def _bring(self, path: bytes, change: Change) -> None:
        status = change._found.own()
        now = self.place.status(path)
        kind = stat.S_IFMT(status.st_mode)
        same = now is not None and stat.S_IFMT(now.st_mode) == kind
        if same and (change.kind == "metadata" or kind == stat.S_IFDIR):
            if path not in self._mine or kind == stat.S_IFDIR:
                wanted = metadata(status, change._new.xattrs)
                give_metadata(self.place, path, wanted)
                return
        if now is not None:
            self.place.remove(path)
        self._make_above(path)
        self._make(path, status, change._new.xattrs)

    def _make_above(self, path: bytes) -> None:
        # The directories that it is in, where they are gone here.
        missing: list[bytes] = []
        for above in _above(path):
            if self.place.is_directory(above):
                break
            missing.append(above)
        tree = self.theirs.upper
        for above in reversed(missing):
            if self.place.status(above) is not None:
                self.place.remove(above)
            self._make(above, tree.there(above), tree.xattrs(above, "\0"))

    def _make(self, path: bytes, status: AnyStatus, xattrs: dict[str, bytes]) -> None:
        self._touched.add(path.rpartition(b"/")[0])
        above, name = self.place.parent(path)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            host.mkdir(name, 0o700, dir_fd=above)
            self._ends.append((path, status, xattrs))
            return
        if status.st_nlink > 1:
            known = self._links.setdefault(status.st_ino, path)
            if known != path:
                there, old = self.place.parent(known)
                with OwnTree(host.dup(there)) as held:
                    above, name = self.place.parent(path)
                    host.link(old, name, src_dir_fd=held.fd, dst_dir_fd=above,
                              follow_symlinks=False)  # fmt: skip
                return
        if kind == stat.S_IFREG:
            self._copy(path, status.st_size)
        elif kind == stat.S_IFLNK:
            target = host.fsencode(self.theirs.upper.target(path))
            host.symlink(target, name, dir_fd=above)
        else:
            host.mknod(name, kind | 0o600, status.st_rdev, dir_fd=above)
        give_metadata(self.place, path, metadata(status, xattrs))

    def _copy(self, path: bytes, size: int) -> None:
        source = self.theirs.read(1, path)
        try:
            above, name = self.place.parent(path)
            target = host.open(name, _NEW, 0o600, dir_fd=above)
            try:
                copy_data(source, target, size)
            finally:
                host.close(target)
        finally:
            host.close(source)

    def _give_times(self, new: set[bytes]) -> None:
        # A directory that was there has the time of the side that changed it; of both, the later.
        trees = self.ours.lower, self.ours.upper, self.theirs.upper
        for path in self._touched - new:
            before, *sides = [tree.status(path) for tree in trees]
            known = None if before is None else before.st_mtime_ns
            times = [side.st_mtime_ns for side in sides if side is not None]
            now = self.place.status(path)
            if times and now is not None:
                when = max([t for t in times if t != known] or times)
                if when != now.st_mtime_ns:
                    give_metadata(self.place, path, {"times": [now.st_atime_ns, when]})


def _without_a_place(some: _Changes, others: _Changes) -> Iterator[tuple[Change, Change, bytes]]:
    """(change, change of the other side, path): the directory it is in is none any more there."""
    for path, change in some.items():
        if change.after is None:
            continue
        for above in _above(path):
            other = others.get(above)
            if other is not None and not _is_directory(other):
                yield change, other, path
