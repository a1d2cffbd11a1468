"""Histories: which layers there are, upon which each lies, and which of them a point is made of.

A layer that is frozen lies upon one other, its parent, or upon the base. So the layers of a state
are those on the way from one of them down to the base, and a point needs to know nothing but that
one. Eight layers one upon the other are squashed into one, and so are eight of these: what is
mounted stays few, and the layers themselves stay, as long as a point needs them.

    layers   number: Frozen
    blocks   number: Squashed, of which the layers are `first` to `last`

Numbers are never used twice. What is stored of a layer is `stores`: {target of an overlay: the path
of its directory in the machine's stores}; an overlay in which nothing was changed is not there.

A branch has a History of its own, with the same layers, points and blocks to begin with.
"""

from __future__ import annotations

import errno
import weakref
from _thread import allocate_lock
from time import time

from ostler.machine import host
from ostler.points.background import Background
from ostler.points.family import is_gone
from ostler.points.unwritten import Unwritten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeGuard, TypeVar

    from ostler.points.family import Family

    _T = TypeVar("_T")
    _Now = tuple[int | None, int, "Point | None", int, int]
    _Standing = tuple[_Now, list["Point"], list["Point"], "Unsaved"]
    Stores = dict[bytes, bytes]

_LONGEST = 10  # seconds that the background waits for who changes the points
BLOCK = 8  # layers that are squashed into one, then such blocks, then blocks of these


class Point:
    """One moment of a machine; it is equal to the same one of a branch, which has its own.

    - `name`: a str, by which rollback() and the like know it, too
    - `time`: when it was made, in seconds since the epoch, as time.time() has it
    - `parent`: the Point from which the machine had come to this one, or None
    - `command`: what was about to be run, as who made it has said, or None
    - `status`: how that has ended, an int, where its exit status was told by `ended()`; else None
    - `counts`: what it has changed, {kind: number}, where that was told; else None
    """

    __slots__ = (
        "__weakref__", "_history", "_key", "_layer", "command", "counts", "name", "parent",
        "status", "time",
    )  # fmt: skip
    _history: History
    _key: object  # of the moment
    _layer: int | None  # the uppermost one that belongs to it; None: nothing was changed

    def __init__(
        self, history: History, name: str, layer: int | None, parent: Point | None, command: object
    ) -> None:
        self._history = history
        self._key = object()
        self._layer = layer
        self.name = name
        self.time = time()
        self.parent = parent
        self.command = command
        self.status: int | None = None
        self.counts: dict[str, int] | None = None

    def ended(self, status: int, counts: dict[str, int] | None = None) -> None:
        """Keep with the point how its command has ended: its exit status, and what it changed.

        `counts`: {kind: number} of the changes.
        """
        before = self.status, self.counts

        def note() -> None:
            self.status, self.counts = status, counts
            self._history.changed.points[self] = None

        try:
            self._history.change(note)
        except BaseException:
            self.status, self.counts = before
            raise

    def _in(self, history: History, parent: Point | None) -> Point:
        # The same moment, of a branch.
        other = Point(history, self.name, self._layer, parent, self.command)
        other._key, other.time = self._key, self.time
        other.status, other.counts = self.status, self.counts
        return other

    def __eq__(self, other: object) -> bool:
        return self._key is other._key if isinstance(other, Point) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<Point {self.name!r}>"


class Frozen:
    """A layer that nobody writes to any more: its number, parent (None: the base) and depth."""

    __slots__ = ("depth", "first", "key", "last", "number", "parent", "stores")
    length = 1

    def __init__(self, number: int, parent: int | None, depth: int, stores: Stores) -> None:
        self.number = self.first = self.last = number
        self.key = object()  # by which it is known in branches
        self.parent = parent
        self.depth = depth
        self.stores = stores

    def without_stores(self) -> Frozen:
        """The same, of which nothing is left: a branch may still have it."""
        other = Frozen(self.number, self.parent, self.depth, {})
        other.key = self.key
        return other


class Squashed:
    """The layers from `first` to `last`, one upon the other, made into one."""

    __slots__ = ("first", "last", "length", "number", "stores")

    def __init__(self, number: int, first: int, last: int, length: int, stores: Stores) -> None:
        self.number = number
        self.first = first
        self.last = last
        self.length = length
        self.stores = stores


class Unsaved:
    """What is not as it was when it was written down last; see amended.py.

    - `layers`, `blocks`: the numbers of those that are new, others or gone
    - `points`: those that are new or others, in their order; `gone`: the names of those that were
      dropped, though one may have that name again
    - `whole`: whether all is to be written
    """

    __slots__ = ("blocks", "gone", "layers", "points", "whole")

    def __init__(self) -> None:
        self.layers: set[int] = set()
        self.blocks: set[int] = set()
        self.points: dict[Point, None] = {}
        self.gone: set[str] = set()
        self.whole = False

    def copy(self) -> Unsaved:
        """The same, as it is now."""
        other = Unsaved()
        other.layers, other.blocks = set(self.layers), set(self.blocks)
        other.points, other.gone, other.whole = dict(self.points), set(self.gone), self.whole
        return other


class History:
    """The layers of one machine, its points, and where it is.

    - `at`: the number of the layer upon which what is changed now lies; None: upon the base
    - `top`: the number that what is changed now has, and will have as a layer
    - `present`: the point that was made or gone to last; `left`: those that rollback() has left
    - `background`: where squashing, closing and removing are done
    - `place`: the directory of the stores below which its layers are
    - `writer`: what writes all of this down, where anything does; `changed`: what is to be written
    - `origin`: the same in branches, until a commit; `merges`: [(number, the layer in which what
      was merged is, key of the layer of the other machine up to which it was)]
    - `family`: of machines that share layers, or None; `begun`: the point at which a branch began

    Who changes any of this is the machine's Busy, but for the background: that asks to_squash() and
    says squashed().
    """

    def __init__(self, place: bytes = b"layers", writer: Unwritten | None = None) -> None:
        self.place = place
        self.writer = Unwritten() if writer is None else writer
        self.changed = Unsaved()
        self.origin = object()
        self.merges: list[tuple[int, int | None, object]] = []
        self.family: Family | None = None
        self.begun: Point | None = None
        self.is_closed = False  # the machine is
        self.background = Background()
        self._process = host.getpid()
        self.layers: dict[int, Frozen] = {}
        self.blocks: dict[int, Squashed] = {}
        self.points: list[Point] = []
        self.at: int | None = None
        self.top = 0
        self.present: Point | None = None
        self.left: list[Point] = []
        self.next = 1
        self.dropped = 0  # points, since sweep() was called
        self.goes_on = False  # whether there was more than one step from one state to another
        self.ahead: int | None = None  # a number whose directories are made
        self._names = 0
        self._by_name: dict[str, Point] = {}
        self._parents: list[tuple[Point, Point | None]] = []  # of before, since standing()
        self._numbers = allocate_lock()
        self._sweeping = allocate_lock()  # held by who decides what is given up, or is squashed
        self._squashing: list[Frozen | Squashed] = []  # what the background makes one of now
        self.users: list[tuple[weakref.ref[Any], set[bytes]]] = []
        self._branches: list[tuple[weakref.ref[History], int]] = []  # and where each of them began
        self._first: dict[int, list[Squashed]] = {}  # blocks by their first layer
        self._chain: tuple[int | None, list[int]] = (None, [])  # of the layer asked for last

    def check(self) -> None:
        """RuntimeError in another process than the one that has made the points."""
        if self._process != host.getpid():
            raise RuntimeError("the points of a machine belong to the process that has made them")

    def number(self) -> int:
        """A number that none has had."""
        with self._numbers:
            number, self.next = self.next, self.next + 1
        return number

    def change(self, note: Callable[[], _T]) -> _T:
        """Change the points by a function, and write that down: both or neither."""
        with self.writer:
            standing = self.standing()
            try:
                found = note()
                self.writer.write()
            except BaseException:
                self.stand_again(standing)
                self.writer.wrote_back()
                raise
        return found

    def standing(self) -> _Standing:
        """How it stands, for stand_again()."""
        if not self.writer.writes:
            self.changed = Unsaved()  # nobody asks for it
        self._parents = []
        now = self.at, self.top, self.present, self._names, self.dropped
        return now, list(self.points), list(self.left), self.changed.copy()

    def stand_again(self, standing: _Standing) -> None:
        """Have it as it stood when standing() was called last."""
        now, points, left, changed = standing
        self.at, self.top, self.present, self._names, self.dropped = now
        self._have(points)
        self.left[:] = left
        self.changed = changed
        while self._parents:
            point, parent = self._parents.pop()
            point.parent = parent

    def _have(self, points: list[Point]) -> None:
        # These are the points.
        self.points[:] = points
        self._by_name = {point.name: point for point in points}

    def paths(self) -> set[bytes]:
        """The directories of all layers and blocks in the machine's stores."""
        parts = [*self.layers.values(), *self.blocks.values()]
        return {path for part in parts for path in part.stores.values()}

    def freeze(self, stores: Stores) -> int:
        """What is changed now, in these directories, is a layer from now on: its number.

        Nothing stands upon it yet: `at` and `top` are to be set, or thaw() takes it back.
        """
        self.add_layer(self.top, stores)
        return self.top

    def add_layer(self, number: int, stores: Stores) -> None:
        """There is one more layer, upon the uppermost one that is frozen."""
        depth = 0 if self.at is None else self.layers[self.at].depth + 1
        self.layers[number] = Frozen(number, self.at, depth, stores)
        self.changed.layers.add(number)

    def remove_layer(self, number: int) -> None:
        """The opposite of add_layer(); nothing, where there is none of this number."""
        if self.layers.pop(number, None) is not None:
            self.changed.layers.add(number)
            self._chain = (None, [])

    def thaw(self) -> None:
        """The opposite of freeze(); nothing, where that was not called."""
        self.remove_layer(self.top)

    def named(self, name: str | None) -> str:
        """The name for a new point: this one, or the next number; ValueError if one has it."""
        taken = self._by_name
        if name is None:
            while name is None or name in taken:
                self._names += 1
                name = str(self._names)
        if not isinstance(name, str):
            raise TypeError(f"name should be a str, not {type(name).__name__}")
        if not is_name(name):
            raise ValueError(f"{name!r} is no name for a point")
        if name in taken:
            raise ValueError(f"there is a point {name!r} already")
        return name

    def note(self, name: str, layer: int | None, command: object = None) -> Point:
        """Make a point of the state of which this is the uppermost layer."""
        point = Point(self, name, layer, self.present, command)
        self.add_point(point)
        self.present = point
        return point

    def add_point(self, point: Point) -> None:
        """There is one more point, the last one."""
        self.points.append(point)
        self._by_name[point.name] = point
        self.changed.points[point] = None

    def has(self, point: Point | None) -> bool:
        """Whether this is one of the points that there are."""
        return point is not None and self._by_name.get(point.name) == point

    def find(self, point: Point | str) -> Point:
        """A point of this machine by itself or its name; ValueError when it is none, or dropped."""
        if isinstance(point, str):
            if point not in self._by_name:
                raise ValueError(f"there is no point {point!r}")
            return self._by_name[point]
        if not isinstance(point, Point):
            raise TypeError(f"a Point or its name is needed, not {type(point).__name__}")
        if self.has(point):
            return self._by_name[point.name]
        if point._history is not self:
            raise ValueError(f"{point!r} is a point of another machine")
        raise ValueError(f"{point!r} is dropped")

    def chain(self, layer: int | None) -> list[int]:
        """The numbers of the layers from the base up to this one; not to be changed."""
        known, chain = self._chain
        if layer == known:
            return chain
        found, at = [], layer
        while at is not None:
            if at == known:
                break
            found.append(at)
            at = self.layers[at].parent
        found.reverse()
        if at is not None:
            found = chain + found
        self._chain = layer, found
        return found

    def cover(self, chain: list[int]) -> list[Frozen | Squashed]:
        """As few layers and blocks as there are that together are this chain, the lowest first."""
        found: list[Frozen | Squashed] = []
        at = 0
        while at < len(chain):
            best: Squashed | None = None
            for block in self._first.get(chain[at], ()):
                end = at + block.length
                if end <= len(chain) and chain[end - 1] == block.last:
                    if best is None or block.length > best.length:
                        best = block
            found.append(self.layers[chain[at]] if best is None else best)
            at += 1 if best is None else best.length
        return found

    def paths_of(self, layer: int | None) -> set[bytes]:
        """The directories that together are the state of which this is the uppermost layer."""
        cover = self.cover(self.chain(layer))
        return {path for part in cover for path in part.stores.values()}

    def stores_of(self, chain: list[int], target: bytes) -> list[bytes]:
        """The directories of an overlay that together are this chain, the uppermost first."""
        cover = self.cover(chain)
        return [part.stores[target] for part in reversed(cover) if target in part.stores]

    def used_by(self, user: Any, paths: set[bytes]) -> None:
        """Something shows these directories: until it is `_closed`, or gone, they stay."""
        self.users[:] = [(known, used) for known, used in self.users if not is_gone(known)]
        self.users.append((weakref.ref(user), paths))

    def drop(self, point: Point) -> None:
        """Forget a point; what came of it came of the one before, then."""
        self.points.remove(point)
        del self._by_name[point.name]
        self.changed.points.pop(point, None)
        self.changed.gone.add(point.name)
        self.dropped += 1
        for other in self.points:
            if other.parent is point:
                self._parents.append((other, point))
                other.parent = point.parent
                self.changed.points[other] = None
        self.left = [left for left in self.left if left is not point]
        if self.present is point:
            self.present = point.parent

    def begin_at(self, point: Point, above: dict[int, Frozen], blocks: list[Squashed]) -> None:
        """This point is the base now: of the layers these are left, and of the points theirs."""
        self.layers, self.blocks = above, {block.number: block for block in blocks}
        self._first = {}
        for block in blocks:
            self._first.setdefault(block.first, []).append(block)
        self._chain = (None, [])
        self._branches = [each for each in self._branches if each[1] in above]
        self.origin, self.merges = object(), []
        # It comes first, though it may be a later one of that state: all others lie upon it.
        point._layer, point.parent = None, None
        others = [known for known in self.points if known._layer in above and known is not point]
        self._have([point, *others])
        self.changed.whole = True
        for known in others:
            if not self.has(known.parent):
                known.parent = point
        self.left = [left for left in self.left if self.has(left)]
        if not self.has(self.present):
            self.present = point
        if not self.has(self.begun):
            self.begun = None
        if self.at not in above:
            self.at = None

    def let_go(self, paths: set[bytes]) -> set[bytes]:
        """Of the directories that are needed no more: those that are to be removed now."""
        if self.family is not None:
            return self.family.let_go(paths)
        for known, used in self.users:
            if not is_gone(known):
                paths = paths - used
        return paths

    def sweep(self, stay: set[bytes]) -> set[bytes]:
        """Forget the layers and blocks of which nothing is made; their directories, but these."""
        with self._sweeping:
            return self._sweep(stay)

    def _sweep(self, stay: set[bytes]) -> set[bytes]:
        self.dropped = 0
        needed, on_the_way = self._needed()
        parts = [*self.layers.values(), *self.blocks.values()]
        stay = stay.union(*(part.stores.values() for part in parts if part.number in needed))
        for known, paths in self.users:
            if not is_gone(known):
                stay |= paths
        gone: set[bytes] = set()
        for part in parts:
            if part.number not in needed and stay.isdisjoint(part.stores.values()):
                gone.update(part.stores.values())
                if isinstance(part, Squashed):
                    self._remove_block(part)
                elif part.number not in on_the_way:
                    del self.layers[part.number]
                    self.changed.layers.add(part.number)
                elif part.stores:
                    self.layers[part.number] = part.without_stores()
                    self.changed.layers.add(part.number)
        self._chain = (None, [])
        return gone if self.family is None else self.family.let_go(gone)

    def _needed(self) -> tuple[set[int], set[int]]:
        # The numbers of what the states are made of, and of what leads from one to a later one; of
        # all layers on the way to them from the base.
        self._branches = [each for each in self._branches if _goes_on(each[0]())]
        ends = {point._layer for point in self.points} | {self.at}
        ends.update(layer for _, layer in self._branches)
        needed = {part.number for part in self._squashing}
        on_the_way: set[int] = set()
        for end in ends:
            chain = self.chain(end)
            on_the_way.update(chain)
            at = 0
            for part in self.cover(chain):
                needed.add(part.number)
                for place in range(at, at + part.length - 1):
                    if chain[place] in ends:
                        between = self.cover(chain[place + 1 : at + part.length])
                        needed.update(each.number for each in between)
                at += part.length
        return needed, on_the_way

    def branch(self, place: bytes) -> History:
        """A History with the same layers, blocks and points, of a machine that begins now."""
        other = History(place)
        other.family, other.users = self.family, self.users
        other.origin, other.merges = self.origin, list(self.merges)
        other.layers, other.blocks = dict(self.layers), dict(self.blocks)
        for block in other.blocks.values():
            other._first.setdefault(block.first, []).append(block)
        known: dict[Point | None, Point | None] = {None: None}
        for point in self.points:
            copy = known[point] = point._in(other, known.get(point.parent))
            other.add_point(copy)
        other.begun = other.present = known.get(self.present)
        other.at, other._names = self.at, self._names
        with self._numbers:
            other.next = self.next
        other.top = other.number()
        if self.at is not None:
            other._branches = [*self._branches, (weakref.ref(other), self.at)]
            self.hold(other, self.at)
        return other

    def hold(self, other: History, layer: int) -> None:
        """What was changed since this layer can be told for as long as another one is there."""
        self._branches.append((weakref.ref(other), layer))

    def common(self, other: History) -> int:
        """How many layers this one and another one of the family have in common, from the base."""
        mine, others = self.chain(self.at), other.chain(other.at)
        number = 0
        for one, two in zip(mine, others, strict=False):
            if self.layers[one].key is not other.layers[two].key:
                break
            number += 1
        return number

    def to_squash(self) -> list[Frozen | Squashed] | None:
        """Layers, or blocks of one length, as many as should become one; None: there are not.

        The lowest comes first. They stay until squashed() is called.
        """
        # Not waited for: who holds these may wait for the background, as in a signal's handler.
        if not self.writer.enter(0):
            return None
        try:
            if not self._sweeping.acquire(False):
                return None
            try:
                self._squashing = self._full() or []
            finally:
                self._sweeping.release()
        finally:
            self.writer.__exit__()
        return self._squashing or None

    def _full(self) -> list[Frozen | Squashed] | None:
        run: list[Frozen | Squashed] = []
        depth = 0
        for part in self.cover(self.chain(self.at)):
            if run and part.length != run[0].length:
                run = []
            if not run and (depth % (BLOCK * part.length) or part.length >= BLOCK**3):
                depth += part.length
                continue
            run.append(part)
            depth += part.length
            if len(run) == BLOCK:
                return run
        return None

    def squashed(self, parts: list[Frozen | Squashed], number: int, stores: Stores) -> None:
        """These have become a block; OSError, and they have not, where it can't be written down."""
        length = sum(part.length for part in parts)
        block = Squashed(number, parts[0].first, parts[-1].last, length, stores)
        try:
            if not self.writer.enter(_LONGEST):  # a signal's handler waits for us, perhaps
                raise TimeoutError(errno.ETIMEDOUT, "the points are being changed all the time")
            try:
                self.add_block(block)
                self._write_block(block)
            finally:
                self.writer.__exit__()
        finally:
            self._squashing = []

    def _write_block(self, block: Squashed) -> None:
        try:
            self.writer.write(True)
        except BaseException:
            self._remove_block(block)
            raise

    def add_block(self, block: Squashed) -> None:
        """There is one more block."""
        # In this order: a sweep that finds it among the blocks finds it here, too.
        self._first.setdefault(block.first, []).append(block)
        self.blocks[block.number] = block
        self.changed.blocks.add(block.number)

    def _remove_block(self, block: Squashed) -> None:
        del self.blocks[block.number]
        self.changed.blocks.add(block.number)
        self._first[block.first].remove(block)


def _goes_on(history: History | None) -> bool:
    return history is not None and not history.is_closed


def is_name(name: object) -> TypeGuard[str]:
    """Whether a point may be called so."""
    return isinstance(name, str) and bool(name) and "/" not in name and name.isprintable()
