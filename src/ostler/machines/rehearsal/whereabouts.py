"""Whereabouts: where a rehearsal shows what the base has at a path.

What is mounted below the base is mounted on the rehearsal once more, and upon the directory in
which that is kept itself comes an empty one, since it is not to be seen there. Root may have
renamed a directory in which such a place lies, or have put something else there before anything was
mounted: the upper layers tell.
"""

from __future__ import annotations

from ostler.machine import host
from ostler.machines.rehearsal.layered import stack_of, upper_tree
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layers import Plan
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.points.stack import Stack

_MARKS = "trusted.overlay."  # an ordinary user's overlays rename no directory of the base


class Whereabouts:
    """The places of one state of a rehearsal, whose stores these are.

    `overlays`: with their layers; with `only_read` what is frozen is shown alone. Where it is not
    root's, every place is the one that it was.
    """

    def __init__(
        self,
        stores: int,
        plan: Plan,
        overlays: Sequence[OverlayMount],
        as_root: bool,
        only_read: bool,
    ) -> None:
        self._stores = stores
        self._planned = {target for target, lower, _, _ in plan if lower}
        self._layers: dict[bytes, tuple[bytes, ...]] = {}
        if as_root:
            for overlay in overlays:
                all_of_it = (overlay.store, *overlay.frozen)
                self._layers[overlay.target] = all_of_it[only_read:]
        self._names: dict[bytes, set[bytes]] = {}  # what the tops of an overlay's layers have
        self._known: dict[bytes, bytes | None] = {b"": b""}

    def now(self, place: bytes) -> bytes | None:
        """Where what the base has at a place is to be seen now; None: nowhere."""
        way = [place]
        while way[-1] not in self._known:
            way.append(self._above(way[-1]))
        upon = self._known[way.pop()]
        while way:
            at = way.pop()
            above = self._above(at)
            here = None if upon is None else self._shown(above, at[len(above) :].lstrip(b"/"))
            upon = None if upon is None or here is None else child_of(upon, here)
            self._known[at] = upon
        return upon

    def hidden(self, place: bytes) -> list[bytes]:
        """Where what the base has at a place could be seen, now or when it is given back."""
        now = self.now(place)
        return [place] if now in (None, place) else [place, now or b""]

    def _above(self, place: bytes) -> bytes:
        # What it lies in may itself be mounted there.
        above = place.rpartition(b"/")[0]
        while above and above not in self._planned:
            above = above.rpartition(b"/")[0]
        return above

    def _shown(self, target: bytes, path: bytes) -> bytes | None:
        # Of one overlay, or of what is none.
        layers = self._layers.get(target, ())
        if path.partition(b"/")[0] not in self._names_in(target, layers):
            return path
        with upper_tree(self._stores, layers, _MARKS) as tree:
            return _now(stack_of(tree, _MARKS), path)

    def _names_in(self, target: bytes, layers: Sequence[bytes]) -> set[bytes]:
        # Mostly what was changed lies elsewhere: that takes only a look at each layer.
        if target not in self._names:
            self._names[target] = names = set()
            for layer in layers:
                names.update(host.listdir(b"/proc/self/fd/%d/%s/upper" % (self._stores, layer)))
        return self._names[target]


def of(machine: Rehearsal) -> Whereabouts:
    """The places of a machine as it is now."""
    roots = machine._has_roots_marks
    return Whereabouts(machine._stores, machine._plan, machine._overlays, roots, False)


def _now(stack: Stack, wanted: bytes) -> bytes | None:
    """The path at which the layers show what lies below them at a path; None where they don't."""
    if stack.below(wanted) == wanted:
        return wanted
    waiting, best, found = [b""], b"", None
    while waiting:
        path = waiting.pop()
        for name, seen in stack.entries(path):
            if seen.parts is None:
                continue
            child = child_of(path, name)
            waiting.append(child)
            origin = seen.below
            if origin and len(origin) > len(best) and (wanted + b"/").startswith(origin + b"/"):
                best, found = origin, child
    if found is None:
        return None
    now = found + wanted[len(best) :]
    return now if stack.below(now) == wanted else None
