"""Up to a point: what was changed until then is committed, what was changed since stays.

The layers of the point become, for as long as the commit takes, one store, beside a read-only view
of that state. When it is done, the base is what they were, so the layers above lie upon the base:
they stay as they are, but for notes of where a directory or a file comes from, which name places of
the base that it was.
"""

from __future__ import annotations

import stat

from ostler.core.held import held
from ostler.machine import host
from ostler.machines.rehearsal import layers, moments, points, shares
from ostler.machines.rehearsal.flat import Flat
from ostler.machines.rehearsal.hard_links import MOVED, write_note
from ostler.machines.rehearsal.layered import upper_tree
from ostler.machines.rehearsal.moments import moved_before, place_at
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.steps import copy_data, give_metadata, metadata
from ostler.points.history import Frozen, Squashed
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostler.core import mounts
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.points.history import Point, Stores

_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW | host.O_CLOEXEC


class UpTo(Flat):
    """A context manager: inside, the machine's overlays are the state at a point of its past.

    go_on() leaves what lies above upon the base, when that has become what the point was.
    """

    def __init__(self, machine: Rehearsal, point: Point | str, leave_behind: bool) -> None:
        super().__init__(machine)
        self.history = history = points.begun(machine)
        self.point = history.find(point)
        self.chain = list(history.chain(self.point._layer))
        if history.chain(history.at)[: len(self.chain)] != self.chain:
            raise ValueError(f"the machine does not lie upon {self.point!r}: see rollback()")
        points.freeze(machine, history, "leave" if leave_behind else "refuse")
        self._before = machine._overlays
        self._view: moments.View | None = None
        self._moved: dict[bytes, dict[bytes, bytes]] = {}

    def __enter__(self) -> UpTo:
        machine, history = self.machine, self.history
        history.background.finish()
        try:
            self._view = moments.View(machine, history, self.chain)
            self._flatten(self._view)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _flatten(self, view: moments.View) -> None:
        machine, history = self.machine, self.history
        marks = machine._prefix_of_marks.decode()
        flat = []
        for overlay in machine._overlays:
            store = layers.new_name(machine._stores)
            self._made.append(store)
            paths = history.stores_of(self.chain, overlay.target)
            if paths:
                points.squash_into(machine._stores, paths, store, marks)
                with upper_tree(machine._stores, [store], marks) as tree:
                    self._moved[overlay.target] = moved_before(tree, marks)
            else:
                lower = machine._base.rstrip(b"/") + b"/" + overlay.target
                roots = machine._has_roots_marks
                layers.make_store(machine._stores, store)
                layers.new_store(
                    machine._stores, store, overlay.upon(store, ()), None, lower, roots
                )
            upon = overlay.upon(store, ())
            upon.shown = view.top(overlay.target)
            flat.append(upon)
        machine._overlays = tuple(flat)

    def __exit__(self, *exception: object) -> None:
        if self.machine._overlays is not self._before:
            _close(self.machine._overlays)
        self.machine._overlays = self._before
        layers.remove_stores(self.machine._stores, self._made)
        if self._view is not None:
            self._view.close()

    def go_on(self) -> None:
        """The machine goes on upon the base that its past has become."""
        machine, history = self.machine, self.history
        _close(machine._overlays)
        machine._overlays = self._before
        old = history.paths().union(overlay.store for overlay in self._before)
        with history.writer:
            above = self._above()
            history.begin_at(self.point, above, self._blocks_of(above))
            points.stand_anew(machine, history)
        self._before = machine._overlays
        shares.tell(machine)
        old -= history.paths().union(overlay.store for overlay in machine._overlays)
        layers.remove_stores(machine._stores, history.let_go(old))

    def _above(self) -> dict[int, Frozen]:
        # The layers that lie upon the point, as they are upon the new base.
        history, size = self.history, len(self.chain)
        found: dict[int, Frozen] = {}
        for number, layer in history.layers.items():
            chain = history.chain(number)
            if len(chain) > size and chain[:size] == self.chain:
                parent = layer.parent if len(chain) > size + 1 else None
                stores = self._with_new_notes(layer.stores)
                found[number] = Frozen(number, parent, len(chain) - size - 1, stores)
                found[number].key = layer.key
        return found

    def _blocks_of(self, above: dict[int, Frozen]) -> list[Squashed]:
        # What is made of these layers, of which some are nowhere else: so the notes there, too.
        return [
            Squashed(
                block.number, block.first, block.last, block.length,
                self._with_new_notes(block.stores),
            )
            for block in self.history.blocks.values()
            if block.first in above
        ]  # fmt: skip

    def _with_new_notes(self, stores: Stores) -> Stores:
        machine, marks = self.machine, self.machine._prefix_of_marks.decode()
        found = {}
        for target, store in stores.items():
            found[target] = store
            moved = self._moved.get(target)
            if not moved:
                continue
            with upper_tree(machine._stores, [store], marks) as tree:
                notes = dict(_notes(tree, marks))
            places = {path: place_at(moved, note) for path, note in notes.items()}
            if any(places[path] != note for path, note in notes.items()):
                above = points.new_directory(machine, self.history)
                found[target] = above + b"/0"
                points.squash_into(machine._stores, [store], found[target], marks)
                with upper_tree(machine._stores, [found[target]], marks) as tree:
                    _write(tree, marks, places)
        return found


def _close(overlays: Iterable[OverlayMount]) -> None:
    for overlay in overlays:
        if overlay.shown is not None:
            shown, overlay.shown = overlay.shown, None
            host.close(shown)


def _notes(tree: OwnTree, marks: str) -> list[tuple[bytes, bytes]]:
    found = []
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        for name, status in tree.entries(path):
            child = child_of(path, name)
            if stat.S_ISDIR(status.st_mode):
                waiting.append(child)
            elif stat.S_ISLNK(status.st_mode) or stat.S_ISCHR(status.st_mode):
                continue
            note = tree.xattr(child, marks + MOVED)
            if note is not None:
                found.append((child, note.strip(b"/")))
    return found


def _write(tree: OwnTree, marks: str, places: dict[bytes, bytes]) -> None:
    done: dict[int, bytes] = {}
    for path, place in places.items():
        status = tree.there(path)
        if not stat.S_ISDIR(status.st_mode):
            # The file is that of the old layer, too.
            known = done.setdefault(status.st_ino, path)
            if known == path:
                _make_anew(tree, path)
            else:
                _link(tree, known, path)
        write_note(tree, path, marks, place)


def _make_anew(tree: OwnTree, path: bytes) -> None:
    status, xattrs = tree.there(path), tree.xattrs(path, "\0")
    with held(tree.open, path) as source:
        above, name = tree.parent(path)
        host.unlink(name, dir_fd=above)
        with held(host.open, name, _NEW, 0o600, dir_fd=above) as target:
            copy_data(source, target, status.st_size)
    for attribute, value in xattrs.items():
        tree.put_xattr(path, attribute, value)
    wanted = {key: value for key, value in metadata(status, {}).items() if key != "xattrs"}
    give_metadata(tree, path, wanted)


def _link(tree: OwnTree, known: bytes, path: bytes) -> None:
    above, name = tree.parent(path)
    host.unlink(name, dir_fd=above)
    there, old = tree.parent(known)
    with OwnTree(host.dup(there)) as other:
        above, name = tree.parent(path)
        host.link(old, name, src_dir_fd=other.fd, dst_dir_fd=above, follow_symlinks=False)
