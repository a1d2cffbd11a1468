"""Flat: a rehearsal with points for a while as if it had none, each overlay with one store.

So it is committed, and kept. The stores have more names of the same files: that takes little room.
"""

from __future__ import annotations

from functools import partial

from ostler.machines.rehearsal import layers, points
from ostler.machines.rehearsal.kept_points import FULL
from ostler.machines.rehearsal.places import HeldTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount


def _open_below(machine: Rehearsal, overlay: OverlayMount, path: bytes) -> int:
    # It is seldom needed.
    with HeldTree(machine._open_base(machine._base.rstrip(b"/") + b"/" + overlay.target)) as base:
        return base.open(path)


class Flat:
    """A context manager: inside, no overlay has layers of points; over() leaves it so."""

    def __init__(self, machine: Rehearsal) -> None:
        self.machine = machine
        self._before = machine._overlays
        self._made: list[bytes] = []
        self._stays = False

    def __enter__(self) -> Self:
        machine = self.machine
        assert machine._history is not None
        machine._history.background.finish()
        try:
            self._flatten_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _flatten_all(self) -> None:
        machine, keeper = self.machine, self.machine._keeper
        try:
            machine._overlays = self._squashed()
        except OSError as error:
            if error.errno not in FULL or keeper is None:
                raise
            keeper.give_room()  # what it keeps of the disk may do
            layers.remove_stores(machine._stores, self._made)
            self._made.clear()
            machine._overlays = self._squashed()

    def _squashed(self) -> tuple[OverlayMount, ...]:
        machine = self.machine
        marks = machine._prefix_of_marks.decode()
        flat: list[OverlayMount] = []
        for overlay in machine._overlays:
            if not overlay.frozen and b"/" not in overlay.store:
                flat.append(overlay)
                continue
            store = layers.new_name(machine._stores)
            self._made.append(store)
            paths = overlay.store, *overlay.frozen
            open_below = partial(_open_below, machine, overlay)
            points.squash_into(machine._stores, paths, store, marks, open_below)
            flat.append(overlay.upon(store, ()))
        return tuple(flat)

    def over(self) -> None:
        """It stays so."""
        self._stays = True

    def __exit__(self, *exception: object) -> None:
        if not self._stays:
            self.machine._overlays = self._before
            layers.remove_stores(self.machine._stores, self._made)
