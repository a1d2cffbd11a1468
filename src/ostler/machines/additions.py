"""Additions: a machine in layers to which things were only added is as it was once they are gone.

That takes half as long as to mount it anew without its uppermost layer, which is the way for all
else. What a test on a shared machine does is mostly that: it makes files.
"""

from __future__ import annotations

import stat
from collections import namedtuple

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.rehearsal import layers, points
from ostler.machines.rehearsal.places import OwnTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# `added`: paths; `directories`: of the layers below, (path, where it is there)
_Found = namedtuple("_Found", ["added", "directories"])
_MOST = 50  # directories of the layers below that are looked through
_ENOUGH = 100_000  # files that a machine has room for: nobody counts them then
# What an overlay notes of a directory that has only got more in it.
_HARMLESS = ("impure", "origin", "uuid")


def is_as_it_was(machine: Any) -> bool:
    """Whether a machine is what its layers are, but for the store in which it is changed."""
    if points.is_clean(machine):
        return True
    found = _found(machine)
    if found is None or found.added:
        return False
    top = _top(machine)
    return all(_time(top + path) == _time(below) for path, below in found.directories)


def taken_off(machine: Any) -> bool:
    """Remove what was added to a machine, if nothing else was done to it; whether it is as it was.

    False, and nothing has changed, where something else was done, and where a file of it is open
    for writing. Nor is it as it was where False is said because something could not be removed.
    """
    found = _found(machine)
    if found is None or _takes_room(machine, found) or not _nobody_writes(machine):
        return False
    try:
        with OwnTree(host.open(b"/proc/self/fd/%d" % machine._root, host.O_PATH)) as tree:
            _remove(tree, found)
    except OSError:
        return False
    return is_as_it_was(machine)


def _remove(tree: OwnTree, found: _Found) -> None:
    for path in found.added:
        tree.remove(path)
    for path, below in reversed(found.directories):
        status = host.stat(below)
        times = status.st_atime_ns, status.st_mtime_ns
        host.utime(b"/proc/self/fd/%d" % tree.directory(path), ns=times)


def _takes_room(machine: Any, found: _Found) -> bool:
    # The directories that have got more in them stay where they were changed, and are files.
    return len(found.directories) > 1 and host.fstatvfs(machine._root).f_ffree < _ENOUGH


def _nobody_writes(machine: Any) -> bool:
    place = machine._root, machine._user_ns, machine._mount_ns
    return not mounts.still(*place, True, False) and not mounts.still(*place, False, False)


def _top(machine: Any) -> bytes:
    return b"/proc/self/fd/%d/%s/upper/" % (machine._stores, machine._overlays[0].store)


def _time(path: bytes) -> int:
    return host.stat(path).st_mtime_ns


def _found(machine: Any) -> _Found | None:
    # None where more was done than adding something.
    if len(machine._overlays) != 1 or machine._overlays[0].target:
        return None
    overlay = machine._overlays[0]
    inside = b"/proc/self/fd/%d/" % machine._stores
    below = [inside + store + b"/upper/" for store in overlay.frozen]
    marks = machine._prefix_of_marks.decode()
    top = _top(machine)
    added: list[bytes] = []
    directories: list[tuple[bytes, bytes]] = []
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        places = [layer + path for layer in below if host.path.lexists(layer + path)]
        if not places or len(directories) == _MOST:
            return None
        if not _is_like(top + path, places[0], marks):
            return None
        directories.append((path, places[0]))
        for name, is_directory in _names(top + path):
            child = path + b"/" + name if path else name
            known = [layer + child for layer in below if host.path.lexists(layer + child)]
            if not known:
                added.append(child)
            elif is_directory and stat.S_ISDIR(host.lstat(known[0]).st_mode):
                waiting.append(child)
            else:
                return None
    return _Found(added, directories)


def _names(directory: bytes) -> list[tuple[bytes, bool]]:
    with host.scandir(directory) as entries:
        found = list(entries)
    return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]


def _is_like(path: bytes, below: bytes, marks: str) -> bool:
    # Whether a directory is but for its times, and what is in it, as it is in the layer below.
    one, two = host.lstat(path), host.lstat(below)
    if (one.st_mode, one.st_uid, one.st_gid) != (two.st_mode, two.st_uid, two.st_gid):
        return False
    names = host.listxattr(path, follow_symlinks=False)
    if any(name.startswith(marks) and name[len(marks) :] not in _HARMLESS for name in names):
        return False
    return _others(path, names, marks) == _others(below, host.listxattr(below), marks)


def _others(path: bytes, names: list[str], marks: str) -> dict[str, bytes]:
    return {name: host.getxattr(path, name) for name in names if not name.startswith(marks)}
