"""Reading: what was changed in an upper since a point, without taking it up.

Nothing is locked and nothing is written, so it hinders nobody, and is told as far as nobody is at
work on it: the layers of a point are not changed by whoever has the upper, and are mounted to be
read; what was changed since is read where it lies. Who looks at it meanwhile does so, too.
"""

from __future__ import annotations

import fcntl
import time

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.refusals import given
from ostler.machines.rehearsal import begun, kept_points, layers, layout, moments, uppers
from ostler.machines.rehearsal.kind import Rehearsal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.layers import Plan
    from ostler.machines.rehearsal.uppers import State

_TRIES, _PAUSE = 3, 0.02  # while others only look whether it is free


def changes_since(upper: StrOrBytesPath, name: str) -> list[Change] | None:
    """The changes since a point of this name; None where somebody is at work on it, or was."""
    fd, path = uppers.opened(upper)
    with mounts.Made(fd) as opened:
        if not _is_free(fd) or layers.is_there(fd, begun.COMMITTING):
            return None
        state = uppers.state_of(fd, path)
        if state is None:
            return None
        with mounts.duplicate(fd) as own:
            found = _read(own, path, state, name)
        return found if _is_free(fd) and _is_same(fd, path, state) else None


def _is_free(fd: int) -> bool:
    # It is held by who takes it up, and not by us: that is only asked.
    for number_of_try in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if number_of_try + 1 < _TRIES:
                time.sleep(_PAUSE)
            continue
        fcntl.flock(fd, fcntl.LOCK_UN)
        return True
    return False


def _is_same(fd: int, path: bytes, state: State) -> bool:
    return uppers.state_of(fd, path) == state


def _read(opened: mounts.Made, path: bytes, state: State, name: str) -> list[Change] | None:
    keeper = kept_points.Keeper(False, True)
    base = host.fsencode(state["base"])
    with given(mounts.scratch(None, None), "a rehearsal") as space:
        history = kept_points.history_in(state, opened.root, path, keeper)
        as_root = state.get("marks") == "root"
        if as_root and space.user_ns >= 0:
            return None
        stores = _stores_of(state)
        if history is None:
            return None
        plan = _planned(base, as_root, stores, path)
        overlaid = _overlaid(plan)
        kept_points.lost(history, opened.root, state, set(overlaid))
        machine = Rehearsal._empty()
        machine._become(
            space.root, space.user_ns, space.mount_ns, (), opened.root, space, opened
        )  # fmt: skip
    machine._base = machine._origin = base
    machine._directory = host.fsdecode(path)
    machine._history, machine._share, machine._keeper = history, None, keeper
    machine._prefix_of_marks = uppers.prefix_of_marks(as_root)
    machine._started = state["started"]
    machine._own = dict(state.get("own", ()))
    machine._plan = plan
    chain = history.chain(history.at)
    machine._overlays = tuple(
        layout.OverlayMount(target, stores[target], lower) for target, lower in overlaid.items()
    )
    for overlay in machine._overlays:
        overlay.frozen = tuple(history.stores_of(chain, overlay.target))
        overlay.place = None  # it is not mounted
    with machine:
        return moments.changes(machine, name, None)


def _stores_of(state: State) -> dict[bytes, bytes]:
    return {host.fsencode(target): host.fsencode(store) for target, store in state["overlays"]}


def _planned(base: bytes, as_root: bool, stores: dict[bytes, bytes], path: bytes) -> Plan:
    # What was mounted meanwhile is only shown: nothing was changed in it.
    return [
        (target, lower, overlaid and target in stores, closed or target not in stores)
        for target, lower, overlaid, closed in layout.planned(base, as_root, [], stores, path)
    ]


def _overlaid(plan: Plan) -> dict[bytes, bytes]:
    return {target: lower for target, lower, is_overlaid, _ in plan if is_overlaid}
