"""With points: what a machine offers whose state can be remembered, taken back and branched."""

from __future__ import annotations

import errno
from contextlib import contextmanager

from ostler.machine import MachineUnavailable, host
from ostler.machines.rooted import THIS, staying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self, overload

    from ostler.machines.read_only import ReadOnly
    from ostler.machines.rehearsal.changes import Change
    from ostler.points.family import Member
    from ostler.points.history import History, Point


def _whole(part: object) -> Any:
    # The machine whose part it is.
    return part


class WithPoints:
    """A machine's part of having points; what is done for them is loaded when it is asked for."""

    __slots__ = ()
    # Whether what is mounted upon it are parts of the host, that can be left out.
    _places_may_go = False
    _no_room_for_points: str | None = None  # what is said where the room is the machine's own

    if TYPE_CHECKING:
        _children_ns: int
        _closed: bool
        _directory: str | None
        _history: History | None
        _share: Member | None

    def _tell_authors(
        self, since: Point | str | None, until: Point | str | None
    ) -> Callable[[list[Change]], None]:
        """What gives changes from one point to another their authors, where any are known."""
        return lambda changes: None

    def _catch_up(self, settled: bool = False) -> None:
        """Note what recorded programs have changed until now."""

    def _know_authors_of(self, other: Any) -> None:
        """Take over who has changed what, from that of which this is a branch."""

    def _begin_points(self, children: str) -> None:
        """Called before a point is made."""

    def _without_points(self) -> Exception:
        # What is said where there can't be any.
        return OSError(errno.EOPNOTSUPP, "a rehearsal on a copy has no points")

    def _plan_like(self, other: Self) -> Any:
        """The plan of this branch of another one, see layers.py."""
        return _whole(other)._plan

    def _open_base(self, path: bytes) -> int:
        """A descriptor of a directory of the base."""
        return host.open(path, host.O_PATH | host.O_DIRECTORY)

    @contextmanager
    def _telling_of_room(self) -> Iterator[None]:
        # What is full has a name that somebody knows, and no layer's.
        its_own, directory = self._no_room_for_points, self._directory
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            if its_own is not None:
                raise OSError(errno.ENOSPC, its_own) from error
            if not isinstance(error.filename, bytes) and not isinstance(error, MachineUnavailable):
                raise
            raise OSError(error.errno, host.strerror(error.errno), directory) from error

    def close(self, fd: int = THIS) -> None:
        """Close this machine, of which nothing stays; with an argument, that descriptor."""
        if fd is not THIS:
            _whole(super()).close(fd)
            return
        share = None
        if not self._closed:
            history = self._history
            if history is not None:
                history.is_closed = True
                history.background.drop()
            if self._share is not None and not self._share.left:
                share = self._share
                share.left = True
                share.had_children |= self._children_ns >= 0
        _whole(super()).close(fd)
        if share is not None:
            share.family.leave(share)

    @staying
    def checkpoint(
        self, name: str | None = None, children: str = "refuse", *, command: object = None
    ) -> Point:
        """Remember all files as they are now, and return the Point by which they are had again.

        `name`: a str that no other point has, by default a number. It takes as long for many
        changes as for few. A process that lives in the machine would go on in the state that is
        left, so with `children="refuse"` that is an OSError (EBUSY), with who it is; "kill" ends
        them; "leave" lets them see the state of the point, read-only. What is open for writing
        is refused in any case, but with "kill" in a process that is ended. With "copy" the machine
        is left as it is, whoever is at work in it: the point is a copy of what was changed since
        the last one, which takes as long as copying does, and is not of one moment. `command` is
        kept with the point, for who shows it; with an `upper` that is a str or a list of str.
        """
        with self._telling_of_room():
            self._begin_points(children)
            if children == "copy":
                from ostler.machines.rehearsal import copies

                return copies.checkpoint(_whole(self), name, command)
            from ostler.machines.rehearsal import points

            return points.checkpoint(_whole(self), name, children, command)

    @staying
    def points(self) -> list[Point]:
        """The points there are, in the order in which they were made: a list of Point.

        That which is the base since a commit(upto=) is the first.
        """
        history = self._history
        return [] if history is None else list(history.points)

    @staying
    def rollback(self, point: Point | str, children: str = "refuse") -> Point:
        """Everything is as it was at a point: a Point of this machine, or its name.

        What is left becomes a point itself, if anything was changed since the last one; that is
        returned, and redo() goes back to it. `children`: as for checkpoint().
        """
        from ostler.machines.rehearsal import points

        with self._telling_of_room():
            return points.rollback(_whole(self), point, children)

    @staying
    def redo(self, children: str = "refuse") -> Point:
        """Everything is as it was when rollback() left it; return the Point.

        ValueError when there is nothing to redo: rollback() was not called, or a point was made
        of other changes since.
        """
        from ostler.machines.rehearsal import points

        with self._telling_of_room():
            return points.redo(_whole(self), children)

    if TYPE_CHECKING:

        @overload
        def branch(self, n: None = None, children: str = "refuse") -> Self: ...
        @overload
        def branch(self, n: int, children: str = "refuse") -> list[Self]: ...

    @staying  # type: ignore[no-redef]
    def branch(self, n: int | None = None, children: str = "refuse") -> Self | list[Self]:
        """A machine of its own that begins with all files as they are here now: another Rehearsal.

        With `n`, an int, a list of as many, even if it is one. What is changed in one of them, or
        here, is seen in no other. Nothing is copied: a branch takes as long for many changes as for
        few. Here, that is a point, if anything was changed since the last one; a branch knows all
        points that there are, under their names, and `branched_at` is that at which it began. They
        can be used side by side in threads, closed in any order, and branched again. (`fork`, on
        every machine, is the one of os.)

        `children`: as for checkpoint(). OSError (EBUSY) as there; (EMFILE), with what helps, when
        there are too many descriptors: a branch has three, for an ordinary user five.
        FileNotFoundError where the working directory was removed, in which it would begin.
        """
        from ostler.machines.rehearsal import branches

        _whole(self).getcwdb()  # where a branch begins, too
        with self._telling_of_room():
            self._begin_points(children)
            made: list[Self] = branches.branch(_whole(self), n, children)
        return made[0] if n is None else made

    @staying
    def merge(
        self, branch: WithPoints, *, prefer: str | None = None, children: str = "refuse"
    ) -> list[Change]:
        """Bring what was changed in a branch into this machine; return the Changes that were made.

        `branch`: any other machine of the family, of which this one may itself be a branch. What it
        has changed since the state that both had last is done here, too. What both have changed,
        and not alike, and what one has changed in a directory that the other has removed or
        replaced, is a MergeConflict with all the `paths`, and nothing is done. `prefer="ours"`
        leaves these as they are here, "theirs" makes them as they are in the branch.

        Before, this is a point, if anything was changed since the last one; on any error all is
        as it was there. `children`: as for checkpoint(), of both machines. ValueError when the two
        have nothing in common, as after a commit of one of them.
        """
        from ostler.machines.rehearsal import merge

        if not isinstance(branch, WithPoints):
            raise TypeError(f"another machine is needed, not {type(branch).__name__}")
        return merge.merge(_whole(self), _whole(branch), prefer, children)

    @property
    def branched_at(self) -> Point | None:
        """The Point at which this machine began as a branch of another one; None: it did not."""
        return None if self._history is None else self._history.begun

    @staying
    def at(self, point: Point | str) -> ReadOnly:
        """A read-only machine that shows everything as it was at a point: to be closed, too."""
        from ostler.machines.rehearsal import moments

        return moments.at(_whole(self), point)

    @staying
    def drop(self, point: Point | str) -> None:
        """Forget a point; the room that only it took is given back in the background.

        The machine stays where it is. A point that was made from it has its parent from then on.
        """
        from ostler.machines.rehearsal import points

        points.drop(_whole(self), point)
