"""Spare: one empty file system, kept from a test for the next.

To make a mount is quick, but to give back its last descriptor waits for all processors, which takes
milliseconds where they are busy. So what a test leaves behind is emptied and used again, by a new
machine, if nothing of it can be anybody's any more: where the process was forked, programs ran on
it, something of it is open, or it is not as new in some way that is known here, it is closed, and
the next one is new.
"""

from __future__ import annotations

import fcntl

from ostler.core import interpreter, mounts
from ostler.core.clearing import clear
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIZE = 2**40  # of a new file system, in bytes
_files = [0]  # and how many files it has room for
_kept: list[tuple[int, Any]] = []  # (after how many forks, what a machine can be made of); one
_forks = [0]


def _forked() -> None:
    _forks[0] += 1


interpreter.register_at_fork(after_in_parent=_forked, after_in_child=_forked)


def forks() -> int:
    """How often this process, or one that it was copied from, was forked."""
    return _forks[0]


def take() -> Any:
    """What is kept, which nobody else has from now on; None where there is nothing."""
    try:
        number, made = _kept.pop()
    except IndexError:
        return None
    return made if number == _forks[0] else None


def note(machine: Any) -> None:
    """Note how much room there is on a new machine."""
    _files[0] = machine.statvfs("/").f_files


def drop() -> None:
    """Keep nothing any more."""
    _kept.clear()


def keep(machine: Any, begun: int) -> None:
    """Empty the machine's file system and keep it, if it can be used again.

    `begun`: the forks when the machine was made. The machine itself is still to be closed.
    """
    if begun != _forks[0] or _kept or not _is_plain(machine) or _is_open(machine):
        return
    made = _emptied(machine)
    if made is not None:
        _kept.append((begun, made))


def _is_plain(machine: Any) -> bool:
    return not (machine.closed or machine._mounted or machine._plan) and machine._children_ns < 0


def _is_open(machine: Any) -> bool:
    # By a descriptor of the root directory one would act on the next test's files.
    device = machine.stat("/").st_dev
    return any(_is_open_on(device, int(name)) for name in host.listdir("/proc/self/fd"))


def _is_open_on(device: int, fd: int) -> bool:
    # What the machine itself has open is O_PATH.
    try:
        if host.fstat(fd).st_dev != device:
            return False
        return not fcntl.fcntl(fd, fcntl.F_GETFL) & host.O_PATH
    except OSError:
        return False


def _emptied(machine: Any) -> Any:
    try:
        _remove_all(machine)
        if not _has_its_room(machine):
            return None
        status = machine.stat("/")
        if (status.st_uid, status.st_gid) != (host.geteuid(), host.getegid()):
            return None
        if machine.listxattr("/") or machine.listdir("/"):
            return None
        return _same(machine)
    except OSError:
        return None


def _has_its_room(machine: Any) -> bool:
    # As when it was made, or so again.
    room = host.fstatvfs(machine._root)
    if room.f_files != _files[0]:
        return False  # which can't be given back: the kernel's own limit is not a number
    if room.f_blocks * room.f_frsize != SIZE:
        machine.resize(size=SIZE)
    return True


def _remove_all(machine: Any) -> None:
    for entry in machine.scandir("/"):
        name = host.fsencode(entry.name)
        if entry.is_dir(follow_symlinks=False):
            _remove_directory(machine._root, name)
        else:
            host.unlink(name, dir_fd=machine._root)


def _remove_directory(root: int, name: bytes) -> None:
    try:
        host.rmdir(name, dir_fd=root)
    except OSError:
        clear(root, name)
        host.rmdir(name, dir_fd=root)


def _same(machine: Any) -> Any:
    numbers = [machine._root, machine._user_ns, machine._mount_ns]
    return mounts.Made(*(host.dup(fd) if fd >= 0 else -1 for fd in numbers))
