"""Scratch: an empty file system in memory."""

from contextlib import contextmanager

from ostler import sizes
from ostler.core import mounts
from ostler.machines import binds
from ostler.machines.refusals import given
from ostler.machines.rooted import PATHS, Rooted, children_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Scratch(Rooted):
    """An empty file system in memory; see ostler.scratch."""

    __slots__ = ()
    _kind = "scratch"

    @classmethod
    def _filled(cls, made, size, inodes, sources, begin=None):
        """The machine of this mount, with parts of the host shown; `begin` is called with it."""
        limits = [(b"size ", size), (b"inodes ", inodes)]
        said = [(what + limit).decode() for what, limit in limits if limit]
        machine = cls._made(
            made,
            {
                "files": ", ".join(["a tmpfs of its own, gone with the machine", *said]),
                "paths": PATHS,
                "children": children_in(made),
            },
        )
        machine._mounted = bool(sources)
        try:
            binds.show(machine, sources)
            if begin is not None:
                begin(machine, made)
        except BaseException:
            machine.close()
            raise
        return machine

    def resize(self, size: int | str | None = None, inodes: int | str | None = None) -> None:
        """Change its room, or the number of files it has room for; None leaves one as it is.

        OSError (EINVAL) when more than that is in use.
        """
        self._change(amount(size, "size"), amount(inodes, "inodes"), None)

    def read_only_now(self, on: bool = True) -> None:
        """From now on every change fails with EROFS; with False it can be changed again.

        OSError (EBUSY) while a file is open for writing.
        """
        self._change(None, None, on, whole=True)

    @contextmanager
    def as_root(self) -> "Iterator[None]":
        """Of a machine of another user's: inside, the calls are root's, to prepare it."""
        yield


def mounted(size, inodes):
    """The mount that a scratch machine is made of, or MachineUnavailable."""
    return given(mounts.scratch(size, inodes), "a scratch machine")


def amount(value, what):
    """Bytes of a decimal number for the kernel, from an int or a str with a unit; None stays."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            number = sizes.parsed(value)
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
    elif hasattr(value, "__index__") and not isinstance(value, bool):
        number = value.__index__()
    else:
        raise TypeError(f"{what} should be an int or a str like '64M', not {type(value).__name__}")
    if number <= 0:
        raise ValueError(f"{what} must be more than 0, not {value!r}")
    if number >= 2**62:
        raise OverflowError(f"{what} is too large: {value!r}")
    return b"%d" % number
