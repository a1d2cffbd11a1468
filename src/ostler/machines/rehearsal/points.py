"""Points of a rehearsal: what is made, in which order, when one is made or gone to.

What was changed until now is frozen, as one more layer that nobody writes to any more. Upon it, or
for a rollback upon the layers of another point, comes an empty upper, in a new overlay, and that
becomes the machine's root. So it takes as long for many changes as for few. Everything that takes
longer is left to the background: there the old overlay is closed, and layers are squashed.
"""

from __future__ import annotations

import errno
import time
from contextlib import suppress
from functools import partial

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rehearsal import layers, shares, unmounted, writers
from ostler.machines.rehearsal.kept_points import FULL, begin, check_command, remove
from ostler.machines.rehearsal.layered import stack_of, upper_tree
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.steps import copy_data
from ostler.points.squash import squash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.points.history import Frozen, History, Point, Squashed, Stores

    _T = TypeVar("_T")

CHILDREN = ("refuse", "kill", "leave")
_TRIES, _PAUSE = 20, 0.0005  # a call of another process that is just under way
_TIMES = 2  # that it is tried again on a full disk
_MANY = 250  # layers at which squashing is waited for; the kernel takes 500
_OFTEN = 16  # it is looked for what is not needed when one point of so many was dropped


def checkpoint(machine: Rehearsal, name: str | None, children: str, command: object) -> Point:
    """Make a point of a rehearsal as it is now."""
    with machine._busy:
        history = history_of(machine, children)
        check_command(machine, command)
        name = history.named(name)

        def note() -> Point:
            return history.note(name, history.at, command)

        if is_clean(machine):
            return history.change(note)
        exchange = _Exchange(machine, history, children, True)
        return exchange.forward(partial(_noted_anew, history, note))


def _noted_anew(history: History, note: Callable[[], _T]) -> _T:
    history.left.clear()
    return note()


def freeze(machine: Rehearsal, history: History, children: str) -> None:
    """What was changed is a layer from now on."""
    if not is_clean(machine):
        _Exchange(machine, history, children, True).forward(history.left.clear)


def noted(history: History) -> Point:
    """The point at which a machine is that was not changed since; one is made, if need be."""
    point = history.present
    if point is None or point._layer != history.at or not history.has(point):
        point = history.note(history.named(None), history.at)
    return point


def back(
    machine: Rehearsal,
    history: History,
    layer: int | None,
    children: str = "leave",
    abandon: bool = False,
) -> None:
    """Drop what was changed upon a layer; with `abandon` also what somebody still writes to."""
    exchange = _Exchange(machine, history, children)
    exchange.drops, exchange.abandons = True, abandon
    exchange.to(layer, lambda was: None)


def stand_anew(machine: Rehearsal, history: History) -> None:
    """Mount a machine again upon its layers, with nothing changed since the last one.

    Its writer is held.
    """
    number, chain = _free_number(history, machine._stores), history.chain(history.at)
    below = [history.stores_of(chain, overlay.target) for overlay in machine._overlays]
    layers.make_directory(machine._stores, history.place)
    overlays = layers.new_overlays(machine, b"%s/%d" % (history.place, number), below)
    with layers.mounted_again(machine, overlays, {}) as built:
        machine._overlays, history.top = tuple(overlays), number
        history.writer.write(True)
        layers.stand_on(machine, built)


def rollback(machine: Rehearsal, point: Point | str, children: str) -> Point:
    """Go to a point; return that of the state that is left."""
    with machine._busy:
        history = history_of(machine, children)
        point = history.find(point)
        return _go(machine, history, point, children, history.left.append)


def redo(machine: Rehearsal, children: str) -> Point:
    """Go to where the last rollback came from."""
    with machine._busy:
        history = history_of(machine, children)
        if not history.left:
            raise ValueError("there is nothing to redo")
        point = history.left[-1]
        _go(machine, history, point, children, lambda left: history.left.pop())
        return point


def _go(
    machine: Rehearsal,
    history: History,
    point: Point,
    children: str,
    then: Callable[[Point], object],
) -> Point:
    # To a point; the Point of where the machine was.
    def note(was: int | None) -> Point:
        left = history.present
        if left is None or left._layer != was or not history.has(left):
            left = history.note(history.named(None), was)
        history.present = point
        then(left)
        return left

    if point._layer == history.at and is_clean(machine):
        return history.change(partial(note, history.at))

    return _with_room(
        machine,
        history,
        lambda: _Exchange(machine, history, children).to(point._layer, note),
    )


def _with_room(machine: Rehearsal, history: History, function: Callable[[], _T]) -> _T:
    # What is kept on a disk that is full may need what the background removes, and the room that
    # is kept for it.
    for _ in range(_TIMES):
        try:
            return function()
        except OSError as error:
            keeper = machine._keeper
            if error.errno not in FULL or keeper is None or machine._closed:
                raise
            history.goes_on = False  # nothing is made ahead
            history.background.finish()
            keeper.give_room()
    return function()


def drop(machine: Rehearsal, point: Point | str) -> None:
    """Forget a point, and in the background the layers that nothing else is made of."""
    with machine._busy:
        history = begun(machine)
        history.change(partial(history.drop, history.find(point)))
        if history.dropped * _OFTEN < len(history.points):
            return  # to find out what is needed takes a while where there are very many
        with history.writer:
            gone = history.sweep(_used(machine))
            try:
                history.writer.write()  # before any of it is removed
            except OSError:
                # The point is forgotten. The next write leaves them out; who takes this up next
                # removes them.
                return
        stores = mounts.duplicate(machine._stores)
        history.background.add(partial(remove, stores, gone))


def _used(machine: Rehearsal) -> set[bytes]:
    return {path for o in machine._overlays for path in (o.store, *o.frozen)}


def begun(machine: Rehearsal) -> History:
    """The History of a machine that has had points; ValueError when it has none."""
    history = machine._history
    if history is None:
        raise ValueError("this machine has no points")
    history.check()
    return history


def history_of(machine: Rehearsal, children: str) -> History:
    """The History of a machine that may have points; `children` is looked at, too."""
    if children not in CHILDREN:
        one_of = ", ".join(map(repr, CHILDREN))
        raise ValueError(f"children should be one of {one_of}, not {children!r}")
    if not machine._plan:
        raise machine._without_points()
    if machine._history is None:
        kept = machine._keeper is not None
        machine._history = begin(machine) if kept else shares.new_history(machine)
    machine._history.check()
    return machine._history


def is_clean(machine: Rehearsal) -> bool:
    """Whether nothing was changed since the last layer."""
    return all(layers.is_clean(machine._stores, overlay) for overlay in machine._overlays)


def differs(machine: Rehearsal, point: Point) -> bool:
    """Whether anything may be different now from what it was at a point."""
    return point._layer != begun(machine).at or not is_clean(machine)


def _without(overlays: list[OverlayMount], known: Sequence[OverlayMount]) -> list[OverlayMount]:
    return [overlay for overlay in overlays if overlay not in known]


class _Exchange:
    """One step from the state that a machine is in to another one.

    - `was`: the uppermost layer of the state that is left, of which the last may be new
    - `drops`: whether nothing of that state is needed
    - `abandons`: whether who is at work in it may go on there, alone
    - `is_changed`: whether that is known to have been changed since its last layer
    """

    drops = abandons = False

    def __init__(
        self, machine: Rehearsal, history: History, children: str, is_changed: bool = False
    ) -> None:
        self.machine = machine
        self.history = history
        self.children = children
        self.is_changed = is_changed
        self.was = history.at
        self._had_children = machine._children_ns >= 0
        self._tops: list[int] = []
        self._shown: list[bool] = []  # whether the machine shows them
        self._still: list[int | None] = []  # what is read-only now: see _set_still
        self._clean: list[bool] = []
        self._new: list[bytes] = []  # directories that were made
        self._is_ahead = False  # whether those of the new layer were, in the background
        self._useless: list[bytes] = []
        self._works: list[bytes] = []  # of the overlay that is left

    def forward(self, note: Callable[[], _T]) -> _T:
        """What was changed becomes a layer, and the machine goes on upon it; `note` is called then.

        Return what it gives.
        """
        return self._run(None, True, note)

    def to(self, layer: int | None, note: Callable[[int | None], _T]) -> _T:
        """The same, but the machine goes on upon another layer; `note` is given the one it left."""
        return self._run(layer, False, lambda: note(self.was))

    def _run(self, goal: int | None, forward: bool, note: Callable[[], _T]) -> _T:
        machine, history = self.machine, self.history
        top = history.at if forward else goal
        history.background.wait_while(lambda: len(history.cover(history.chain(top))) > _MANY)
        with history.writer:
            overlays, standing = machine._overlays, history.standing()
            try:
                self._find_tops()
                unmounted.see_base(machine)
                if not self.abandons:
                    self._make_still()
                machine._catch_up(True)
                self._freeze()
                found, old, stores = self._goes_on(goal, forward, note)
            except BaseException:
                machine._overlays = overlays
                history.stand_again(standing)
                history.thaw()
                stands = history.writer.wrote_back()  # where it is closed, that is not to be had
                self._give_back()
                if not stands:
                    machine._close_because("how it stands could not be written down")
                elif not machine._closed:
                    layers.remove_stores(machine._stores, self._new)
                raise
        self._close_tops()
        if machine._share is not None:
            machine._share.had_children |= self._had_children
            shares.tell(machine)
        marks = machine._prefix_of_marks.decode()
        useless = {*self._useless, *self._works}
        if self.drops:
            gone = history.sweep(_used(machine))
            useless = gone | {path for path in useless if path.rpartition(b"/")[0] not in gone}
        jobs = [partial(_tidy, history, stores, old, marks, useless)]
        if self.drops and not history.writer.writes:
            # Another thread would take half as much again, for it, for handing over and waiting.
            with suppress(OSError):
                jobs.pop()()
        if history.writer.writes and history.goes_on:
            ahead = partial(_make_ahead, history, mounts.duplicate(machine._stores))
            jobs.insert(0, partial(ahead, len(machine._overlays)))  # the next point may come soon
        if jobs:
            history.background.add(*jobs)
        history.goes_on = True
        return found

    def _goes_on(
        self, goal: int | None, forward: bool, note: Callable[[], _T]
    ) -> tuple[_T, mounts.Made, mounts.Made]:
        # (what was noted, the root until now, the stores). It is written down before anybody can
        # change anything upon it.
        machine, history = self.machine, self.history
        goal = self.was if forward else goal
        try:
            built, overlays, number = self._mounted(history.chain(goal), forward)
        except OSError:
            unmounted.see_base(machine)  # which may be the reason
            raise
        with built:
            unmounted.see_base(machine)  # it was mounted upon what is there now
            layers.check_room(built, _without(overlays, machine._overlays))
            old = mounts.duplicate(machine._root)
            stores = mounts.duplicate(machine._stores)
            machine._overlays, history.top, history.at = tuple(overlays), number, goal
            found = note()
            history.writer.write(True)
            layers.stand_on(machine, built)
        return found, old, stores

    def _find_tops(self) -> None:
        for overlay in self.machine._overlays:
            top = writers.shown_top(self.machine, overlay)
            self._shown.append(top is not None)
            self._tops.append(writers.top_of(self.machine, overlay) if top is None else top)

    # Nobody writes

    def _make_still(self) -> None:
        machine, leaves = self.machine, self.children == "leave"
        if self._had_children and not leaves:
            self._see_children()
        if self._had_children and leaves:
            # The mounts of children are not ours: it is said for all of them at once.
            for top in self._tops:
                self._try_to_make_still(top)
        else:
            self._try_to_make_still(None)
        if machine._children_ns >= 0 and not self._had_children:
            machine._leave_namespace()  # another thread has started one just now
            if not leaves:
                self._see_children()

    def _see_children(self) -> None:
        found = writers.running(self._tops)
        if self.children == "kill":
            while found:
                writers.end([pid for pid, _, _ in found], self._tops)
                found = writers.running(self._tops)
        writers.refuse(self.machine, found)

    def _try_to_make_still(self, top: int | None) -> None:
        machine = self.machine
        for number_of_try in range(_TRIES):
            self._still.append(top)
            number = self._set_still(top, True)
            if not number:
                return
            self._still.pop()
            if number != errno.EBUSY:
                raise OSError(number, host.strerror(number), host.fsdecode(machine._base))
            if number_of_try:
                time.sleep(_PAUSE)
        writers.refuse(machine, writers.writers(self._tops))
        problem = "a file is open for writing, or one that was removed is open"
        raise OSError(errno.EBUSY, problem, host.fsdecode(machine._base))

    def _set_still(self, top: int | None, on: bool) -> int:
        # One file system as a whole; None: all mounts of the machine, which the kernel changes
        # together from the first of them, and one that lies within another not by itself.
        machine = self.machine
        spaces = machine._user_ns, machine._mount_ns
        if top is not None:
            return mounts.still(top, *spaces, on, True)
        root = machine._root if machine._mount < 0 else machine._mount
        return mounts.resize(root, *spaces, None, None, on, False)[0]

    def _give_back(self) -> None:
        while self._still:
            top = self._still.pop()
            if top is None and len(self.machine._plan) > 1:
                self._mount_as_it_was()  # some of them were read-only before
            else:
                self._set_still(top, False)
        self._close_tops()

    def _mount_as_it_was(self) -> None:
        machine = self.machine
        targets = (overlay.target for overlay in machine._overlays)
        kept = dict(zip(targets, self._tops, strict=True))
        try:
            try:
                built = layers.mounted_again(machine, machine._overlays, kept)
            except OSError:
                # What is shown of the host may not be there any more, but here it is.
                pairs = zip(kept.items(), self._shown, strict=True)
                built = unmounted.shown_again(machine, dict(pair for pair, shown in pairs if shown))
            layers.stand_on(machine, built)
        except OSError as error:
            machine._close_because(f"it can't be mounted as it was: {error}")

    def _close_tops(self) -> None:
        while self._tops:
            host.close(self._tops.pop())

    # The layers

    def _freeze(self) -> None:
        machine, history = self.machine, self.history
        if self.is_changed and len(machine._overlays) == 1:
            self._clean = [False]
        else:
            stores = machine._stores
            self._clean = [layers.is_clean(stores, overlay) for overlay in machine._overlays]
        if not all(self._clean):
            pairs = zip(machine._overlays, self._clean, strict=True)
            frozen = {overlay.target: overlay.store for overlay, same in pairs if not same}
            self.was = history.freeze(frozen)
            self._works = [store + b"/work" for store in frozen.values()]

    def _mounted(
        self, chain: list[int], forward: bool
    ) -> tuple[mounts.Made, list[OverlayMount], int]:
        number = self._number()
        overlays, kept = self._next(chain, number, forward)
        try:
            return layers.mounted_again(self.machine, overlays, kept), overlays, number
        except OSError as error:
            if not kept or error.errno != errno.EINVAL:
                raise
        # Before Linux 6.15 what is mounted on a machine can't be had twice: all of it is made anew.
        self._clean = [False] * len(self._clean)
        number = self._number()
        overlays, kept = self._next(chain, number, forward)
        return layers.mounted_again(self.machine, overlays, kept), overlays, number

    def _number(self) -> int:
        history = self.history
        number, history.ahead = history.ahead, None
        self._is_ahead = number is not None and number > history.top
        if number is not None and self._is_ahead:  # a layer has a later one than that below
            return number
        if number is not None:
            self._works.append(b"%s/%d" % (history.place, number))
        return _free_number(history, self.machine._stores)

    def _next(
        self, chain: list[int], number: int, forward: bool
    ) -> tuple[list[OverlayMount], dict[bytes, int]]:
        # The overlays that are wanted; of those that stay as they are, {target: descriptor}.
        machine = self.machine
        lowers = {target: lower for target, lower, overlaid, _ in machine._plan if overlaid}
        overlays: list[OverlayMount] = []
        kept: dict[bytes, int] = {}
        self._useless = []
        for place, overlay in enumerate(machine._overlays):
            target = overlay.target
            below = tuple(self.history.stores_of(chain, target))
            same = self._shown[place] and self._clean[place]
            if same and (forward or below == overlay.frozen):
                kept[target] = self._tops[place]
                overlays.append(overlay)
                continue
            if self._has_no_place(overlay, lowers[target], below):
                overlays.append(overlay)
                continue
            if self._clean[place]:
                self._useless.append(overlay.store)
            overlays.append(
                layers.new_store(
                    machine._stores,
                    self._made(number, place),
                    overlay.upon(b"%s/%d/%d" % (self.history.place, number, place), below),
                    below[0] if below else None,
                    lowers[target],
                    machine._has_roots_marks,
                )
            )
        return overlays, kept

    def _has_no_place(self, overlay: OverlayMount, lower: bytes, below: tuple[bytes, ...]) -> bool:
        # What is unmounted, and changed in neither state, stays as it is without being shown.
        stores = self.machine._stores
        return bool(overlay.target) and (
            unmounted.has_no_place(stores, overlay, lower)
            and not unmounted.has_changes(stores, overlay.upon(b"", below))
        )

    def _made(self, number: int, place: int) -> bytes:
        stores = self.machine._stores
        above = b"%s/%d" % (self.history.place, number)
        store = b"%s/%d" % (above, place)
        if not self._new or self._new[-1] != above:
            self._new.append(above)
        if not self._is_ahead:
            layers.make_directory(stores, self.history.place)
            layers.make_directory(stores, above)
            layers.make_store(stores, store)
        return store


# In the background


def _tidy(
    history: History, stores: mounts.Made, old: mounts.Made, marks: str, useless: set[bytes]
) -> None:
    """Close an overlay that was left, with what nobody needs of it, and squash what is full."""
    with stores:
        old.close()
        layers.remove_stores(stores.root, useless)
        _squash_all(history, stores.root, marks)


def _make_ahead(history: History, stores: mounts.Made, count: int) -> None:
    """Make the directories of the next layer: on a disk that takes a good part of a point."""
    with stores:
        if history.ahead is None and not history.is_closed:
            number = _free_number(history, stores.root)
            layers.make_stores(stores.root, b"%s/%d" % (history.place, number), count)
            history.ahead = number


def _squash_all(history: History, stores: int, marks: str) -> None:
    while (parts := history.to_squash()) is not None:
        number = _free_number(history, stores)
        place = b"%s/%d" % (history.place, number)
        try:
            found = _squashed(stores, parts, place, marks)
        except BaseException:
            layers.remove_stores(stores, [place])
            raise
        history.squashed(parts, number, found)


def new_directory(machine: Rehearsal, history: History) -> bytes:
    """A new directory for stores of layers."""
    above = b"%s/%d" % (history.place, _free_number(history, machine._stores))
    layers.make_directory(machine._stores, history.place)
    layers.make_directory(machine._stores, above)
    return above


def _free_number(history: History, stores: int) -> int:
    # What a process has left that did not live to write it down, or to remove it, has one, too.
    number = history.number()
    while layers.is_there(stores, b"%s/%d" % (history.place, number)):
        number = history.number()
    return number


def _squashed(stores: int, parts: Sequence[Frozen | Squashed], above: bytes, marks: str) -> Stores:
    found: Stores = {}
    targets = sorted({target for part in parts for target in part.stores})
    for place, target in enumerate(targets):
        paths = [part.stores[target] for part in reversed(parts) if target in part.stores]
        if len(paths) == 1:
            found[target] = paths[0]
            continue
        found[target] = b"%s/%d" % (above, place)
        layers.make_directory(stores, above)
        squash_into(stores, paths, found[target], marks)
    return found


def squash_into(
    stores: int,
    paths: Iterable[bytes],
    store: bytes,
    marks: str,
    open_below: Callable[[bytes], int] | None = None,
) -> None:
    """Make one store of several, the uppermost first; `open_below`: see squash()."""
    layers.make_directory(stores, store)
    layers.make_directory(stores, store + b"/upper")
    with upper_tree(stores, paths, marks) as source:
        top = host.open(store + b"/upper", host.O_PATH | host.O_DIRECTORY, dir_fd=stores)
        with OwnTree(top) as target:
            squash(stack_of(source, marks), target, copy_data, open_below)
