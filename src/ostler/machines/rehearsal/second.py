"""Second: a rehearsal kept once more with its points, in a directory that needs nothing of it.

Layers are never changed, so their files get one more name there, as in a block of several layers;
on another file system they are copied.
"""

from __future__ import annotations

import errno
import itertools

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rehearsal import keeping, layers, points, unmounted, uppers
from ostler.machines.rehearsal.kept_points import state_of
from ostler.machines.rehearsal.layered import stack_of, upper_tree
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.state_files import StateFile
from ostler.machines.rehearsal.steps import copy_data
from ostler.points.squash import squash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.uppers import State
    from ostler.points.history import History

_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


def keep(machine: Rehearsal, directory: StrOrBytesPath) -> None:
    """Keep a rehearsal with its points in a new or empty directory."""
    history = points.history_of(machine, "refuse")
    unmounted.see_base(machine)
    points.freeze(machine, history, "refuse")
    history.background.finish()
    fd = keeping.made(directory)
    try:
        _fill(machine, fd)
    finally:
        host.close(fd)


def _fill(machine: Rehearsal, fd: int) -> None:
    history = machine._history
    assert history is not None
    try:
        places = _places(machine, history)
        tops = _fill_stores(machine, fd, history, places)
        machine._keep_authors(fd, True)
        state = _with_places(state_of(machine, True, tops), places)
        if machine._keeper is not None and machine._keeper.sync:
            mounts.sync_filesystem(fd)
        StateFile(None, False).replace(fd, state)
    except BaseException:
        layers.remove_stores(fd, host.listdir(b"/proc/self/fd/%d" % fd))
        raise


def _places(machine: Rehearsal, history: History) -> dict[bytes, bytes]:
    # Where each store is to be in the second one: those of a branch are not where a kept
    # rehearsal has its own.
    paths = sorted(history.paths().union(overlay.store for overlay in machine._overlays))
    ours = {path: path for path in paths if uppers.is_layer(host.fsdecode(path))}
    taken = {path.split(b"/")[1] for path in ours if b"/" in path}
    numbers = (number for number in itertools.count() if b"%d" % number not in taken)
    above: dict[bytes, bytes] = {}
    for path in paths:
        directory, _, name = path.rpartition(b"/")
        if path not in ours:
            if directory not in above:
                above[directory] = b"layers/%d" % next(numbers)
            ours[path] = above[directory] + b"/" + name
    return ours


def _with_places(state: State, places: dict[bytes, bytes]) -> State:
    # The state, with where the stores are in the second one.
    history = state["history"]
    for row in itertools.chain(*(part[-1] for part in history["layers"] + history["blocks"])):
        row[1] = host.fsdecode(places[host.fsencode(row[1])])
    return state


def _fill_stores(
    machine: Rehearsal, fd: int, history: History, places: dict[bytes, bytes]
) -> list[OverlayMount]:
    for path in sorted(history.paths()):
        _second(machine, fd, path, places[path])
    return [_top(machine, fd, overlay, places) for overlay in machine._overlays]


def _second(machine: Rehearsal, fd: int, path: bytes, place: bytes) -> None:
    # One layer, by hard links where that can be.
    _directories(fd, place)
    marks = machine._prefix_of_marks.decode()
    with upper_tree(machine._stores, [path], marks) as source:
        try:
            layers.make_directory(fd, place + b"/upper")
            with OwnTree(host.open(place + b"/upper", _OPEN, dir_fd=fd)) as target:
                squash(stack_of(source, marks), target, copy_data)
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
    layers.remove_stores(fd, [place + b"/upper"])
    with (
        OwnTree(host.open(path, _OPEN, dir_fd=machine._stores)) as old,
        OwnTree(host.open(place, _OPEN, dir_fd=fd)) as new,
    ):
        keeping.copy_whole(old, new, b"upper")


def _directories(fd: int, path: bytes) -> None:
    at = b""
    for name in path.split(b"/"):
        at = at + b"/" + name if at else name
        layers.make_directory(fd, at)


def _top(
    machine: Rehearsal, fd: int, overlay: OverlayMount, places: dict[bytes, bytes]
) -> OverlayMount:
    # An empty one, as this machine has its own, which nothing was changed in.
    store = places[overlay.store]
    _directories(fd, store)
    layers.make_store(fd, store)
    lowers = {target: lower for target, lower, overlaid, _ in machine._plan if overlaid}
    frozen = [places[path] for path in overlay.frozen]
    below = frozen[0] if frozen else None
    return layers.new_store(
        fd,
        store,
        overlay.upon(store, frozen),
        below,
        lowers[overlay.target],
        machine._has_roots_marks,
    )
