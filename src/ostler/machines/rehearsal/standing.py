"""Standing: the way to what is at a path of a machine, name by name and through no link.

A machine's root may be exchanged for another one. What is at a path then is looked for with the
rights of this process, which who makes the machine's calls need not have.
"""

from __future__ import annotations

from ostler.core import mounts
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.machines.rehearsal.kind import Rehearsal

_NEXT = host.O_PATH | host.O_NOFOLLOW | host.O_CLOEXEC


def cwd_of(machine: Rehearsal) -> bytes:
    """The path of a machine's working directory; that of the root, where it has none."""
    try:
        return machine.getcwdb()
    except OSError:
        return b"/"


def stand_at(machine: Rehearsal, here: bytes) -> None:
    """Let the working directory be what is at a path now; the root, where nothing is."""
    # Who makes the calls of a machine need not have the right to go there once more.
    way = [mounts.duplicate(machine._root)]
    try:
        _go_down(way, here, host.O_DIRECTORY)
    except OSError:
        way.append(_followed(machine, here))
    try:
        host.dup2(way[-1].root, machine._cwd, False)
    finally:
        _close(way)


def _followed(machine: Rehearsal, here: bytes) -> mounts.Made:
    try:
        return mounts.Made(machine.open(here, host.O_PATH | host.O_DIRECTORY | host.O_CLOEXEC))
    except OSError:
        return mounts.duplicate(machine._root)


def opened_at(root: int, path: bytes) -> mounts.Made | None:
    """What is at a path below an open directory; None where nothing is, or a link on the way."""
    way = [mounts.duplicate(root)]
    try:
        _go_down(way, path)
        return way.pop()
    except OSError:
        return None
    finally:
        _close(way)


def _go_down(way: list[mounts.Made], path: bytes, kind: int = 0) -> None:
    for name in path.split(b"/"):
        if name:
            way.append(mounts.Made(host.open(name, _NEXT | kind, dir_fd=way[-1].root)))
            way.pop(0).close()


def _close(way: list[mounts.Made]) -> None:
    while way:
        way.pop().close()
