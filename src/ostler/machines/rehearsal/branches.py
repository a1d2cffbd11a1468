"""Branches of a rehearsal: machines that begin in the state that it has now, and then part.

What was changed until then are layers that all of them lie upon; each branch has an upper of its
own over these. So a branch takes as long for many changes as for few, and its layers are kept for
as long as one of them needs them: see points/family.py.
"""

from __future__ import annotations

import errno
import operator
import resource

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rehearsal import layers, points, shares, standing, unmounted
from ostler.points.family import Member
from ostler.verbs import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.points.history import History

    _R = TypeVar("_R", bound=Rehearsal)

_FULL = (errno.EMFILE, errno.ENFILE)


def branch(machine: _R, number: int | None, children: str) -> list[_R]:
    """Machines that begin as this one is now: as many as `number` says, None: one."""
    count = 1 if number is None else operator.index(number)
    if count < 0:
        raise ValueError(f"there can't be {count} branches")
    if machine._directory is not None:
        problem = "a rehearsal whose changes are kept on disk has no branches"
        raise OSError(errno.EOPNOTSUPP, problem, machine._directory)
    with machine._busy:
        history = points.history_of(machine, children)
        unmounted.see_base(machine)
        points.freeze(machine, history, children)
        known = history.present
        points.noted(history)
        try:
            shares.in_family(machine, history)
            return _together(machine, history, count)
        except BaseException:
            if history.present is not known and history.present is not None:
                history.drop(history.present)
                history.present = known
            raise


# Making them


def _together(machine: _R, history: History, count: int) -> list[_R]:
    made: list[_R] = []
    try:
        _make(machine, history, count, made)
    except BaseException as error:
        _close(made)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise _too_many(machine, error, len(made)) from error
        raise
    return made


def _close(made: list[_R]) -> None:
    for machine in made:
        machine.close()


def _too_many(machine: Rehearsal, error: OSError, number: int) -> OSError:
    assert error.errno is not None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    each = 3 if machine._user_ns < 0 else 5
    problem = (
        f"{host.strerror(error.errno)}, after {number} branches: each has {each} descriptors, and "
        f"its children's namespace; this process may have {soft}"
    )
    if error.errno == errno.EMFILE and soft != hard:
        top = "RLIM_INFINITY" if hard == resource.RLIM_INFINITY else hard
        problem += f", and {top} after resource.setrlimit(resource.RLIMIT_NOFILE, ({top}, {top}))"
    return OSError(error.errno, problem, host.fsdecode(machine._base))


def _make(machine: _R, history: History, count: int, made: list[_R]) -> None:
    chain = history.chain(history.at)
    below = [tuple(history.stores_of(chain, overlay.target)) for overlay in machine._overlays]
    here = standing.cwd_of(machine)
    for _ in range(count):
        made.append(_one(machine, history, below, here))


def _one(machine: _R, history: History, below: Sequence[tuple[bytes, ...]], here: bytes) -> _R:
    member = machine._share
    assert member is not None
    place = member.family.place()
    stores = machine._stores
    try:
        layers.make_directory(stores, place)
        other = history.branch(place)
        overlays = layers.new_overlays(machine, b"%s/%d" % (place, other.top), below)
        with (
            layers.mounted_again(machine, overlays, {}) as built,
            _spaces(machine) as spaces,
            mounts.duplicate(stores) as own,
        ):
            layers.check_room(built, overlays)
            return _finished(machine, other, overlays, built, spaces, own, here)
    except BaseException:
        layers.remove_stores(stores, [place])
        raise


def _spaces(machine: Rehearsal) -> mounts.Made:
    # The namespaces, which all of them share.
    if machine._user_ns < 0:
        return mounts.Made()
    user = host.dup(machine._user_ns)
    try:
        return mounts.Made(-1, user, host.dup(machine._mount_ns))
    except BaseException:
        host.close(user)
        raise


def _finished(
    machine: _R,
    history: History,
    overlays: list[OverlayMount],
    built: mounts.Made,
    spaces: mounts.Made,
    stores: mounts.Made,
    here: bytes,
) -> _R:
    member = machine._share
    assert member is not None
    other = type(machine)._empty()
    other._become(
        built.root, spaces.user_ns, spaces.mount_ns, machine._guarantees, stores.root,
        built, spaces, stores,
    )  # fmt: skip
    other._begin_like(machine)
    other.environ = environment.of_variables(machine.environ)
    other._base, other._origin = machine._base, machine._origin
    other._mounted, other._overlaid = machine._mounted, machine._overlaid
    other._directory = other._share = other._keeper = None
    other._overlays, other._history = tuple(overlays), history
    other._plan = other._plan_like(machine)
    other._prefix_of_marks = machine._prefix_of_marks
    other._started, other._own = machine._started, dict(machine._own)
    other._know_authors_of(machine)
    shares.belong(other, Member(member.family, history.place), history)
    if here != b"/":
        standing.stand_at(other, here)
    return other
