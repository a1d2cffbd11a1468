"""Helpers: who makes the calls on the file systems of this module, as in pyfakefs.helpers."""

from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PERM_READ = 0o400
PERM_WRITE = 0o200
PERM_EXE = 0o100
PERM_DEF = 0o777
PERM_DEF_FILE = 0o666
PERM_ALL = 0o7777

_ids: "list[int | None]" = [None, None]  # the user and the group that were set
_told: "list[Any]" = []  # the file systems that are in use: they follow


def get_uid() -> int:
    """The user id of who makes the calls."""
    return host.geteuid() if _ids[0] is None else _ids[0]


def get_gid() -> int:
    """The group id of who makes the calls."""
    return host.getegid() if _ids[1] is None else _ids[1]


def set_uid(uid: int) -> None:
    """Let a user make the calls from now on, whose rights are then the kernel's own answer.

    Unsupported for others than root, as far as another user is meant.
    """
    _set(0, uid)


def set_gid(gid: int) -> None:
    """Let a group be that of who makes the calls from now on; refused as set_uid() is."""
    _set(1, gid)


def reset_ids() -> None:
    """Let this process's own user and group make the calls again."""
    _ids[:] = None, None
    _tell()


def is_root() -> bool:
    """Whether root makes the calls."""
    return get_uid() == 0


def _set(which, number):
    if not isinstance(number, int):
        raise TypeError(f"an id should be an int, not {type(number).__name__}")
    before = list(_ids)
    _ids[which] = number
    try:
        _tell()
    except BaseException:
        _ids[:] = before
        raise


def _tell():
    for filesystem in list(_told):
        filesystem._follow_ids()


def follow(filesystem: "Any") -> None:
    """Have a file system told of each change, and of what is set already."""
    _told.append(filesystem)
    filesystem._follow_ids()


def leave(filesystem: "Any") -> None:
    """Tell it no more."""
    _told[:] = [other for other in _told if other is not filesystem]


def is_int_type(val: object) -> bool:
    """Whether a value is an int."""
    return isinstance(val, int)


def to_string(path: "str | bytes") -> str:
    """A str as it is, bytes decoded as the file system's names are."""
    return host.fsdecode(path)


def to_bytes(path: "str | bytes") -> bytes:
    """Bytes as they are, a str encoded as the file system's names are."""
    return host.fsencode(path)


def reload_cleanup_handler(name: str) -> bool:
    """For Patcher.register_cleanup_handler(): load the module anew at the end, not unload it."""
    import importlib
    import sys

    if name in sys.modules:
        importlib.reload(sys.modules[name])
    return True
