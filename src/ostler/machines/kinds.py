"""The kinds of machines that the kernel makes: scratch, read_only, confined."""

import errno

from ostler.machines import _mounts, host
from ostler.machines.rooted import MachineUnavailable, Rooted

_NO_NAMESPACES = "user namespaces (user.max_user_namespaces, a container's profile), or root"


class Scratch(Rooted):
    """An empty file system in memory; see ostler.scratch."""

    __slots__ = ()
    _kind = "scratch"


class ReadOnly(Rooted):
    """The files of a directory, none of which can be changed; see ostler.read_only."""

    __slots__ = ()
    _kind = "read-only"


class Confined(Rooted):
    """A subtree with no way out; see ostler.confined."""

    __slots__ = ()
    _kind = "confined"


def scratch(size=None, inodes=None, bind=None):
    """A machine whose whole file system is new, empty and in memory; gone when it is closed.

    `size` is its room, an int in bytes or a str such as "64M" (binary units K, M, G, T), by
    default half of the memory; `inodes` the number of files it has room for.
    """
    answer = _mounts.scratch(_amount(size, "size"), _amount(inodes, "inodes"))
    return Scratch._made(*_given(answer, "a scratch machine"))


def read_only(base=None):
    """A machine that shows the files below `base` (default "/"), and lets none be changed."""
    return _of_tree(ReadOnly, "/" if base is None else base, "read_only", True)


def confined(directory, read_only=False):
    """A machine whose root is `directory`, with no way out of it."""
    return _of_tree(Confined, directory, "confined", bool(read_only))


def _of_tree(kind, directory, function, read_only):
    fd = _mounts.directory(directory, function)
    try:
        answer = _mounts.tree(fd, read_only)
    finally:
        _mounts.close(fd)
    return kind._made(*_given(answer, f"a {kind._kind} machine"))


def _given(answer, what):
    root, user_ns, mount_ns, number, step = answer
    if not number:
        return root, user_ns, mount_ns
    if number in (errno.EINVAL, errno.ENOMEM) and step == "fsconfig":
        raise OSError(number, f"{host.strerror(number)}: the kernel refuses this size")
    raise MachineUnavailable(
        f"{what} can't be made: {step}: {host.strerror(number)}", _NO_NAMESPACES, number
    )


_UNITS = {"": 0, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def _amount(value, what):
    """Bytes of a decimal number for the kernel, from an int or a str with a unit; None stays."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip().upper().removesuffix("IB" if what == "size" else "")
        unit = text[-1:] if text[-1:].isalpha() else ""
        digits = text.removesuffix(unit)
        if unit not in _UNITS or not (digits.isascii() and digits.isdigit()):
            raise ValueError(f"{what} is not a number with an optional unit (K, M, G, T): {value!r}")
        number = int(digits) << _UNITS[unit]
    elif hasattr(value, "__index__") and not isinstance(value, bool):
        number = value.__index__()
    else:
        raise TypeError(f"{what} should be an int or a str such as '64M', not {type(value).__name__}")
    if number <= 0:
        raise ValueError(f"{what} must be more than 0, not {value!r}")
    if number > 2**62:
        raise OverflowError(f"{what} is too large: {value!r}")
    return b"%d" % number
