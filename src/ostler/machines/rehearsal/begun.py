"""Begun: a directory in which a rehearsal was killed before it had written down anything.

Nobody can have changed anything on it then. So what stands there is known: stores of which the
upper is empty and the work directory the kernel's own, and the state that was to be put in its
place. Where that is all, and the reader's own, it is as good as empty, and is emptied; where
anything else is there, nothing is.

What is dropped is as good as empty, too: its state has another name from one moment on, DROPPED,
and all that it named is removed from then on, the state last. That needs no room, which a full disk
has none of, and where it is killed in the middle the next one goes on with it.
"""

from __future__ import annotations

import stat
from contextlib import suppress

from ostler.machine import host
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.state_files import STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ostler.machines.rehearsal.places import AnyStatus

AUTHORS = b"ostler-authors.json"  # who changed what, see authors.py
LAYERS = b"layers"  # the directory of the layers of points
DROPPED = b".%s.dropped~" % STATE.encode()  # a state of which nothing counts any more
COMMITTING = b".%s.commit~" % STATE.encode()  # what a commit has noted, see committing.py
_DIGITS = frozenset(b"0123456789")
_DEEP = 3  # levels of directories that the kernel makes in a work directory
_KERNELS = (b"work", b"index", b"incompat", b"volatile", b"dirty")  # and "#" and a number


def is_of_state(name: bytes) -> bool:
    """Whether this is the name of a state that was to come in the place of another one."""
    return name.startswith(b".%s." % STATE.encode()) and name.endswith(b"~")


def _is_store(name: bytes) -> bool:
    # They are counted from 0, one for each file system: 2026 is somebody's year.
    return len(name) < 4 and set(name) <= _DIGITS and (name == b"0" or name[:1] != b"0")


def may_be(names: Iterable[str]) -> bool:
    """Whether these are the names of what a rehearsal begins with, or of one that was dropped."""
    names = list(names)
    if host.fsdecode(DROPPED) in names:
        return True
    return all(is_of_state(name) or _is_store(name) for name in map(host.fsencode, names))


def emptied(stores: int) -> bool:
    """Empty such a directory, which is locked for us; False, and it is as it was, if it is none."""
    with OwnTree(host.open(b".", host.O_PATH | host.O_DIRECTORY, dir_fd=stores)) as place:
        return _emptied(place)


def is_dropped(stores: int) -> bool:
    """Whether what was kept here was dropped, and may not be removed yet."""
    names = host.listdir(b"/proc/self/fd/%d" % stores)
    return DROPPED in names and STATE.encode() not in names


def drop(place: OwnTree) -> None:
    """From now on nothing counts of what is kept in a directory, which is locked for us."""
    with suppress(FileNotFoundError):
        host.rename(STATE, DROPPED, src_dir_fd=place.fd, dst_dir_fd=place.fd)


def remove_dropped(place: OwnTree) -> None:
    """Remove all that rehearsals have in a directory, and nothing else."""
    for name, status in place.entries(b""):
        if name in (STATE.encode(), AUTHORS) or (name != DROPPED and is_of_state(name)):
            place.remove(name)
        elif (
            (_is_store(name) or name == LAYERS)
            and stat.S_ISDIR(status.st_mode)
            and status.st_uid == host.geteuid()
        ):
            place.remove(name)
    if place.status(DROPPED) is not None:
        place.remove(DROPPED)


def _emptied(place: OwnTree) -> bool:
    if is_dropped(place.fd):
        remove_dropped(place)
    entries = place.entries(b"")
    if not all(_is_nothing(place, name, status) for name, status in entries):
        return False
    for name, _ in entries:
        place.remove(name)
    return True


def _is_nothing(place: OwnTree, name: bytes, status: AnyStatus) -> bool:
    if status.st_uid != host.geteuid():
        return False
    if is_of_state(name):
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return _is_store(name) and stat.S_ISDIR(status.st_mode) and _is_unused(place, name)


def _is_unused(place: OwnTree, store: bytes) -> bool:
    for name, status in place.entries(store):
        path = store + b"/" + name
        if name not in (b"upper", b"work") or not stat.S_ISDIR(status.st_mode):
            return False
        if name == b"upper" and place.entries(path):
            return False
        if name == b"work" and not _is_the_kernels(place, path):
            return False
    return True


def _is_the_kernels(place: OwnTree, work: bytes) -> bool:
    # No file in it has anything in it, and all names are those that the kernel gives.
    waiting = [(work, 0)]
    while waiting:
        path, depth = waiting.pop()
        for name, status in place.entries(path):
            if name not in _KERNELS and name[:1] != b"#":
                return False
            if stat.S_ISDIR(status.st_mode) and depth < _DEEP:
                waiting.append((path + b"/" + name, depth + 1))
            elif not stat.S_ISREG(status.st_mode) or status.st_size:
                return False
    return True
