"""Shares: what a rehearsal has in common with its branches, and lets go when it is closed."""

from __future__ import annotations

import weakref
from contextlib import suppress
from functools import partial

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rehearsal import layers, writers
from ostler.points.family import Family, Member
from ostler.points.history import History

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostler.machines.rehearsal.kind import Rehearsal


def in_family(machine: Rehearsal, history: History) -> None:
    """Give a machine a family, if it has none."""
    if machine._share is not None:
        return
    stores = mounts.duplicate(machine._stores)
    family = Family(partial(_remove, stores), writers.runs_in)
    family.users = history.users
    layers.make_directory(machine._stores, b"branches")
    belong(machine, Member(family, history.place), history)


def belong(machine: Rehearsal, member: Member, history: History) -> None:
    """A machine is this member of its family."""
    member.family.join(() if history.begun is None else history.paths())
    machine._share = member
    history.family = member.family
    tell(machine)
    gone = weakref.finalize(machine, _dropped, member)
    gone.atexit = False


def _dropped(member: Member) -> None:
    # Nobody has the machine any more, and nobody has closed it.
    if not member.left:
        member.had_children = True  # who knows
        member.left = True
        member.family.leave(member)


def tell(machine: Rehearsal) -> None:
    """What a machine has of its family's stores is something else from now on."""
    member = machine._share
    if member is None:
        return
    member.history = machine._history
    member.tops = {overlay.store for overlay in machine._overlays}
    for overlay in machine._overlays:
        top = writers.top_of(machine, overlay)
        try:
            member.devices.add(writers.device_of(top))
        finally:
            host.close(top)


def new_history(machine: Rehearsal) -> History:
    """The History of a machine that has none."""
    member = machine._share
    if member is None:
        return History()
    history = History(member.family.place())
    layers.make_directory(machine._stores, history.place)
    history.family, history.users = member.family, member.family.users
    member.history = history
    return history


def _remove(stores: mounts.Made, paths: Iterable[bytes]) -> None:
    layers.remove_stores(stores.root, paths)
    above = {path.rpartition(b"/")[0] for path in paths}
    above |= {path.rpartition(b"/")[0] for path in above}
    for path in sorted(above, reverse=True):  # the lower ones first
        if path.startswith(b"branches/"):
            _remove_if_empty(stores, path)


def _remove_if_empty(stores: mounts.Made, path: bytes) -> None:
    with suppress(OSError):
        host.rmdir(path, dir_fd=stores.root)
