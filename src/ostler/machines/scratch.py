"""Scratch: an empty file system in memory."""

import errno
from contextlib import contextmanager

from ostler import sizes
from ostler.core import mounts
from ostler.machines import binds
from ostler.machines.refusals import given
from ostler.machines.rehearsal.with_points import WithPoints
from ostler.machines.rooted import PATHS, Rooted, children_in, staying
from ostler.points.busy import Busy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostler.machines.rehearsal.changes import Change
    from ostler.points.history import Point


class Scratch(WithPoints, Rooted):
    """An empty file system in memory; see ostler.scratch.

    For its points it has what a rehearsal has (see rehearsal/kind.py); nothing is in `_plan` until
    the first one is made. `_shown`: the paths below its root at which something of the host is
    mounted; None: something else is, too. `_uncounted`: how many of its files are no part of the
    limit. `_changed_by`: in a process that lives on it and can't change it, what is called with
    the changes instead.
    """

    __slots__ = (
        "_base", "_busy", "_changed_by", "_directory", "_history", "_keeper", "_overlays", "_own",
        "_plan", "_prefix_of_marks", "_share", "_shown", "_started", "_uncounted",
    )  # fmt: skip
    _kind = "scratch"
    _places_may_go = True
    _no_room_for_points = (
        "No space left on device: a point takes some files and some room of the machine's own, and "
        "there is not as much left (resize() gives more)"
    )

    @classmethod
    def _empty(cls):
        return Rooted.__new__(cls)

    def _become(self, *args):
        super()._become(*args)
        self._base, self._busy, self._own, self._started = b"/", Busy(), {}, 0
        self._directory = self._history = self._keeper = self._share = None
        self._overlays, self._plan, self._prefix_of_marks = (), (), b""
        self._shown, self._uncounted, self._changed_by = (), 0, None

    @property
    def _has_roots_marks(self):
        return self._prefix_of_marks.startswith(b"trusted.")

    def _begin_points(self, children):
        from ostler.machines import scratch_points

        if self._is_here:
            problem = "a machine that this process lives on has no points"
            raise OSError(errno.EOPNOTSUPP, problem)
        if self._shown is None:
            problem = "another file system is mounted on this machine, which no point has in it"
            raise OSError(errno.EOPNOTSUPP, problem)
        scratch_points.begin(self, children)

    def _without_points(self):
        return ValueError("this machine has no points")

    def _plan_like(self, other):
        from ostler.machines import scratch_points

        self._shown = other._shown
        return scratch_points.plan_of(self)

    def _open_base(self, path):
        from ostler.machines import scratch_points

        return scratch_points.open_base(self)

    @staying
    def changes(self, since: "Point | str", until: "Point | str | None" = None) -> "list[Change]":
        """What was changed from a point on, up to another one, or to now: a list of Change.

        `since`, `until`: a Point, or its name.
        """
        from ostler.machines.rehearsal import moments

        found: list[Change] = moments.changes(self, since, until)
        return found

    @staying
    def diff(self, since: "Point | str", until: "Point | str | None" = None) -> str:
        """The differences in text files from a point on, as a unified diff; as for changes()."""
        from ostler.machines.rehearsal import moments

        return moments.diff(self, since, until)

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
            machine._shown = tuple(binds.show(machine, sources))
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
        limits = amount(size, "size"), amount(inodes, "inodes")
        if limits[1] is not None:
            limits = limits[0], b"%d" % (int(limits[1]) + self._uncounted)
        if self._changed_by is not None:
            self._changed_by(*limits, None)
            return
        if not self._plan:
            self._change(*limits, None)
            return
        # The file system is the one in which the layers are.
        spaces = self._user_ns, self._mount_ns
        number, step = mounts.resize(self._stores, *spaces, *limits, None, False)
        if number:
            raise OSError(number, f"{self.strerror(number)}: {step}")

    def read_only_now(self, on: bool = True) -> None:
        """From now on every change fails with EROFS; with False it can be changed again.

        OSError (EBUSY) while a file is open for writing.
        """
        if self._changed_by is not None:
            self._changed_by(None, None, bool(on))
            return
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
