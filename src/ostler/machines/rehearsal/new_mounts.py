"""Points: where the host has got a mount that lies where a commit would change something.

The kernel refuses some of it in the middle, and lets other things through: what is in the mounted
file system would be replaced, or removed with a directory that had nothing there.
"""

from __future__ import annotations

import bisect
import errno

from ostler.core.procfs import mount_table
from ostler.machine import CommitConflict, host
from ostler.machines.mount_points import mounts_below
from ostler.machines.rehearsal import others
from ostler.machines.rehearsal.layout import identity
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ostler.core.procfs import Mount
    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.walk import Walk


def check(walk: Walk, changes: Sequence[Change]) -> None:
    """OSError (EBUSY), with the path of the mount, where one lies in the way of these changes.

    So it is where another rehearsal is kept there: see others.py.
    CommitConflict where the overlay's directory is no longer the one that it was made over.
    """
    table = mount_table()
    _check_top(walk, table)
    points = sorted(path for path, *_ in mounts_below(walk.top, table))
    known = set(points)
    for change in changes if points else ():
        found = change._found
        for path in {path for path in (found.at, found.lower) if path is not None}:
            point = _at_or_above(path, known) or _first_below(_vanishing(change, path), points)
            if point is not None:
                raise _busy(walk.real(point))
    others.check(walk, changes)


def check_renamed(walk: Walk, changes: Sequence[Change]) -> None:
    """OSError (EBUSY) where a directory was renamed in which another file system is mounted.

    What was changed in that, and stays kept, would be kept for a place that is not there any more.
    """
    points = [target for target, lower, _, _ in walk.machine._plan if lower]
    for change in changes:
        if change.kind == "renamed" and change._found.lower is not None:
            before = child_of(walk.overlay.target, change._found.lower)
            if any(point.startswith(before + b"/") for point in points):
                problem = (
                    "something is mounted in it: it is renamed with all that was changed, or not"
                )
                raise OSError(errno.EBUSY, problem, walk.real(change._found.lower))


def _check_top(walk: Walk, table: Sequence[Mount]) -> None:
    status = host.fstat(walk.lower.fd)
    if identity(status) == walk.overlay.identity:
        return
    path = walk.real(b"")
    if status.st_dev != walk.overlay.identity[0] or any(mount.point == path for mount in table):
        raise _busy(path)
    raise CommitConflict([path])


def _busy(path: str) -> OSError:
    problem = "something was mounted there, where the commit would change something"
    return OSError(errno.EBUSY, problem, path)


def _at_or_above(path: bytes, points: Collection[bytes]) -> bytes | None:
    while path:
        if path in points:
            return path
        path = path.rpartition(b"/")[0]
    return None


def _vanishing(change: Change, path: bytes) -> bytes | None:
    # A path of the base with all below it, where that is removed; else None. What is renamed keeps
    # what is mounted in it.
    if change.kind in ("removed", "retyped"):
        return path
    return path if change.kind == "renamed" and path != change._found.lower else None


def _first_below(path: bytes | None, points: Sequence[bytes]) -> bytes | None:
    if path is None:
        return None
    number = bisect.bisect(points, path + b"/")
    found = number < len(points) and points[number].startswith(path + b"/")
    return points[number] if found else None
