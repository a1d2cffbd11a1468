"""Second: a rehearsal kept once more with its points, in a directory that needs nothing of it.

Layers are never changed, so their files get one more name there, as in a block of several layers;
on another file system they are copied.
"""

from __future__ import annotations

import errno

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rehearsal import keeping, layers, points
from ostler.machines.rehearsal.kept_points import state_of, write_state
from ostler.machines.rehearsal.layered import stack_of, upper_tree
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.steps import copy_data
from ostler.points.squash import squash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.points.history import History

_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


def keep(machine: Rehearsal, directory: StrOrBytesPath) -> None:
    """Keep a rehearsal with its points in a new or empty directory."""
    history = points.history_of(machine, "refuse")
    points.see_base(machine)
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
        tops = _fill_stores(machine, fd, history)
        state = state_of(machine, True, tops)
        if machine._keeper is not None and machine._keeper.sync:
            mounts.sync_filesystem(fd)
        write_state(fd, state)
    except BaseException:
        layers.remove_stores(fd, host.listdir(b"/proc/self/fd/%d" % fd))
        raise


def _fill_stores(machine: Rehearsal, fd: int, history: History) -> list[OverlayMount]:
    for path in sorted(history.paths()):
        _second(machine, fd, path)
    return [_top(machine, fd, overlay) for overlay in machine._overlays]


def _second(machine: Rehearsal, fd: int, path: bytes) -> None:
    # One layer, by hard links where that can be.
    _directories(fd, path)
    marks = machine._prefix_of_marks.decode()
    with upper_tree(machine._stores, [path], marks) as source:
        try:
            layers.make_directory(fd, path + b"/upper")
            with OwnTree(host.open(path + b"/upper", _OPEN, dir_fd=fd)) as target:
                squash(stack_of(source, marks), target, copy_data)
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
    layers.remove_stores(fd, [path + b"/upper"])
    stores = b"/proc/self/fd/%d" % machine._stores
    with (
        OwnTree(host.open(stores, host.O_PATH | host.O_DIRECTORY)) as old,
        OwnTree(host.open(b".", host.O_PATH | host.O_DIRECTORY, dir_fd=fd)) as new,
    ):
        keeping.copy_whole(old, new, path + b"/upper")


def _directories(fd: int, path: bytes) -> None:
    at = b""
    for name in path.split(b"/"):
        at = at + b"/" + name if at else name
        layers.make_directory(fd, at)


def _top(machine: Rehearsal, fd: int, overlay: OverlayMount) -> OverlayMount:
    # An empty one, where this machine has its own, which nothing was changed in.
    _directories(fd, overlay.store)
    lowers = {target: lower for target, lower, overlaid, _ in machine._plan if overlaid}
    below = overlay.frozen[0] if overlay.frozen else None
    return layers.new_store(
        fd,
        overlay.store,
        overlay.upon(overlay.store, overlay.frozen),
        below,
        lowers[overlay.target],
        machine._has_roots_marks,
    )
