"""Hidden: where a rehearsal shows the directory in which it is kept itself.

It is not to be seen there, and an empty directory is mounted over it. Where root has renamed a
directory in which it lies, it is at another place of the rehearsal, which the upper layers tell.
"""

from __future__ import annotations

from ostler.machines.rehearsal.layered import stack_of, upper_tree
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.points.stack import Stack

_MARKS = "trusted.overlay."  # an ordinary user's overlays rename no directory of the base


def places(
    stores: int, place: bytes, overlays: Sequence[OverlayMount], as_root: bool, only_read: bool
) -> list[bytes]:
    """The paths below the root of a rehearsal, whose stores these are, that are to be hidden.

    `place`: the path at which the base has it. With `only_read` what is frozen is shown alone.
    """
    if not as_root:
        return [place]
    above = [each for each in overlays if _below(place, each.target) is not None]
    overlay = max(above, key=lambda each: len(each.target), default=None)
    layers = () if overlay is None else (overlay.store, *overlay.frozen)[only_read:]
    if overlay is None or not layers:
        return [place]
    wanted = _below(place, overlay.target) or b""
    with upper_tree(stores, layers, _MARKS) as tree:
        now = _now(stack_of(tree, _MARKS), wanted)
    return [place] if now in (None, wanted) else [place, child_of(overlay.target, now or b"")]


def _below(path: bytes, above: bytes) -> bytes | None:
    if not above:
        return path
    return path[len(above) + 1 :] if path.startswith(above + b"/") else None


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
