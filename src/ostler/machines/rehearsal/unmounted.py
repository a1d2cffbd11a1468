"""Unmounted: what was mounted below the base when a rehearsal began, and is not any more.

On the host that may happen at any time. Where nothing was changed in it nothing is to be told, done
or kept; where something was, that is refused until it is mounted again.
"""

from __future__ import annotations

import errno

from ostler.core import mounts
from ostler.machine import host
from ostler.machines import refusals
from ostler.machines.rehearsal import whereabouts
from ostler.machines.rehearsal.layout import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount

NOT_MOUNTED = "what was mounted there, and changed, is not mounted now"


def without_gone(machine: Rehearsal, overlays: Iterable[OverlayMount]) -> list[OverlayMount]:
    """The overlays, but for those of what is gone in which nothing was changed.

    OSError (ESTALE) where something was, and not even the directory is there any more.
    """
    lowers = {target: lower for target, lower, *_ in machine._plan}
    found = []
    for overlay in overlays:
        lower = lowers.get(overlay.target)
        if overlay.target and lower is not None and not is_over(overlay, lower):
            if not has_changes(machine._stores, overlay):
                continue
            if not is_directory(lower):
                raise OSError(errno.ESTALE, NOT_MOUNTED, host.fsdecode(lower))
        found.append(overlay)
    return found


def with_place(machine: Rehearsal) -> list[OverlayMount]:
    """The overlays of a machine that has_no_place() is not true of."""
    lowers = {target: lower for target, lower, *_ in machine._plan}
    return [
        overlay
        for overlay in machine._overlays
        if not overlay.target or not has_no_place(machine._stores, overlay, lowers[overlay.target])
    ]


def has_no_place(stores: int, overlay: OverlayMount, lower: bytes) -> bool:
    """Whether the directory upon which something was mounted is gone, too, with nothing changed."""
    return not is_directory(lower) and not has_changes(stores, overlay)


def is_directory(path: bytes) -> bool:
    """Whether this is a directory, and no link to one."""
    return host.path.isdir(path) and not host.path.islink(path)


def is_over(overlay: OverlayMount, lower: bytes) -> bool:
    """Whether the directory of the base is there, and the one that the overlay was made over."""
    try:
        return identity(host.stat(lower)) == overlay.identity
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
        return False


def has_changes(stores: int, overlay: OverlayMount) -> bool:
    """Whether something was changed below the top of an overlay, now or at a point before."""
    place = b"/proc/self/fd/%d/%s/upper"
    names = (name for name in (overlay.store, *overlay.frozen) if name)  # a view has no store
    return any(has_names(place % (stores, name)) for name in names)


def shown_again(machine: Rehearsal, tops: dict[bytes, int]) -> mounts.Made:
    """A copy of what a machine shows, in which the overlays with these tops can be changed.

    It takes nothing of the host, where that may be gone; from Linux 6.15 on.
    """
    spaces, places = (machine._user_ns, machine._mount_ns), whereabouts.of(machine)
    root = b"/proc/self/fd/%d" % (machine._root if machine._mount < 0 else machine._mount)
    steps: list[mounts._Step] = [(mounts.CLONE_TREE, None, root, None, None, None, False)]
    for target, top in tops.items():
        place = places.now(target)
        if target and place is not None:
            same = b"/proc/self/fd/%d" % top
            steps.append((mounts.CLONE_AGAIN, place, same, None, None, None, False))
    built = mounts.build(-1, *spaces, steps)
    number, step = built.number, built.step
    if not number and b"" in tops:
        number, step = mounts.resize(built.root, *spaces, None, None, False, False, True)
    if number:
        raise refusals.of_layers(machine._stores, machine._base, number, step)
    return built


def see_base(machine: Rehearsal) -> None:
    """Look whether the base is still the directory that it was; OSError (ESTALE) where not."""
    known = {overlay.target: overlay for overlay in machine._overlays}
    for target, lower, overlaid, _ in machine._plan:
        if overlaid and not is_over(known[target], lower):
            if target and not has_changes(machine._stores, known[target]):
                continue  # what was mounted there is unmounted
            problem = NOT_MOUNTED if target else "the base is another directory now"
            raise OSError(errno.ESTALE, problem, host.fsdecode(lower))


def has_names(directory: bytes) -> bool:
    """Whether there is anything in a directory, which may have very many names."""
    with host.scandir(directory) as entries:
        return next(entries, None) is not None
