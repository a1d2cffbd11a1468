"""Commits: putting what was rehearsed into the real files.

First it is looked whether the base has changed since the rehearsal began. Then every new object
is prepared, whole, in a stash: a directory in the file system that it goes to. Only then, with a
journal that has all of it, names are moved: each new object into its place, each old one into
the stash. So whatever stops a commit, it can be finished or taken back (see journals.py).
"""

from __future__ import annotations

import contextlib
import errno

from ostler.machine import CommitConflict, host
from ostler.machines.rehearsal import committing, fates, new_mounts, unmounted
from ostler.machines.rehearsal.journals import (
    Journal,
    clear,
    stash_path,
    sync_one,
    sync_stashes,
    synced,
)
from ostler.machines.rehearsal.packed import Rows
from ostler.machines.rehearsal.plan import Plan
from ostler.machines.rehearsal.selection import Selection, chosen
from ostler.machines.rehearsal.steps import Lost, StepRows
from ostler.machines.rehearsal.work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.upto import UpTo
    from ostler.machines.rehearsal.walk import Walk
    from ostler.points.history import Point

    _R = TypeVar("_R", bound=Rows)
    from ostler.machines.rehearsal.selection import Chosen

# What an error can mean that somebody else has changed the base meanwhile.
_MOVED = frozenset((errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP))

TAKEN_BACK = "the commit was taken back: nothing is changed"
NOT_CLEARED = "nothing is changed, but what the commit had prepared is left: recover() removes it"
NOT_SETTLED = "the commit is left as it is: recover() finishes it or takes it back"
DONE = "the commit is done"


def commit(
    machine: Rehearsal,
    paths: Chosen | Iterable[Chosen] | None = None,
    leave_behind: bool = False,
    goes_on: bool = True,
    upto: Point | str | None = None,
) -> list[Change]:
    """Apply the changes, or the chosen ones; return those that were applied, a list of Change.

    A machine that does not go on afterwards is left with the changes that were applied. One that
    can't go on although the commit is done is closed. `upto`: only those until that point.
    """
    work = Commit(machine, upto is not None)
    past = None if upto is None else _past(machine, upto, leave_behind)
    try:
        with machine._quiet(leave_behind) as quiet, past or machine._flat() as flat:
            try:
                work.apply(paths)
            finally:
                if work.done:  # whatever is written to these mounts now would be nowhere
                    quiet.over()
                    flat.over()
            if work.done and past is not None:
                past.go_on()
            elif work.done and goes_on:
                machine._begin_again(not work.every, work.chosen)
            if work.done and (past is not None or goes_on):
                work.settled()
        return work.chosen
    except BaseException as error:
        if not work.done:
            raise
        if not machine._closed:
            machine._close_because(f"{DONE}, but the machine can't go on: {error}")
        if not isinstance(error, OSError):
            error.add_note(DONE)
            raise
    return work.chosen


def _past(machine: Rehearsal, point: Point | str, leave_behind: bool) -> UpTo:
    from ostler.machines.rehearsal.upto import UpTo

    return UpTo(machine, point, leave_behind)


class Commit:
    """One commit.

    - `chosen`: the changes that it applies; `every`: whether these are all
    - `done`: whether they are in the base, which from then on nothing takes back
    - `upto`: whether more was changed since
    - `noted`: whether the upper has a note of it, see committing.py
    """

    noted = False
    _waiting: tuple[str, str] | None = None  # the journal's place and name, until all is settled

    def __init__(self, machine: Rehearsal, upto: bool = False) -> None:
        self.machine = machine
        self.upto = upto
        self.chosen: list[Change] = []
        self.every = True
        self.done = False
        self._plans: list[Plan] = []
        self._stashes: list[tuple[int, str]] = []

    def apply(self, paths: Chosen | Iterable[Chosen] | None) -> None:
        """Bring the changes at these paths into the base, None: all."""
        walks: list[Walk] = []
        try:
            self._choose(walks, paths)
            if not self.chosen:
                return
            self._check()
            with self._journal() as journal, Work(_tops(walks), StepRows()) as work:
                _hold(walks, work)
                self._carry_out(journal, work)
                self._remember(journal)
                if self.noted:
                    self._waiting = journal.place, journal.name
        finally:
            for walk in walks:
                walk.__exit__()

    def settled(self) -> None:
        """What is kept is settled: nobody needs to know any more that this was done."""
        if self._waiting is not None:
            with contextlib.suppress(OSError):
                fates.forget(*self._waiting)  # first: a note without a journal tells nothing
            committing.forget(self.machine)

    def _choose(self, walks: list[Walk], paths: Chosen | Iterable[Chosen] | None) -> None:
        # `walks`: those that have begun, which the caller ends.
        for overlay in unmounted.without_gone(self.machine, self.machine._overlays):
            walks.append(self.machine._walk(overlay))
            self._look(walks[-1])
        self.chosen = chosen([change for walk in walks for change in walk.found], paths)
        wanted = None if paths is None else {id(change) for change in self.chosen}
        self.every = sum(len(walk.found) for walk in walks) == len(self.chosen)
        for number, walk in enumerate(walks if self.chosen else ()):
            selection = Selection(walk, wanted)
            if selection.chosen:
                self._plans.append(Plan(self.machine, walk, number, selection))

    def _journal(self) -> Journal:
        return Journal([path for plan in self._plans for path in plan.selection.touched_paths()])

    def _look(self, walk: Walk) -> None:
        try:
            walk.changes()
        except (FileNotFoundError, NotADirectoryError) as error:
            # The base is changed again and again while it is looked at.
            raise CommitConflict([error.filename or walk.real(b"")]) from error

    def _check(self) -> None:
        for plan in self._plans:
            _keep_upper(plan.walk, plan.selection.chosen)
            new_mounts.check(plan.walk, plan.selection.chosen)
            if self.upto or not self.every:
                new_mounts.check_renamed(plan.walk, plan.selection.chosen)
        conflicts = self._conflicts()
        if conflicts:
            raise CommitConflict(*_named(conflicts))

    def _conflicts(self) -> list[tuple[str, str]]:
        return sorted({paths for plan in self._plans for paths in plan.conflicts()})

    def _carry_out(self, journal: Journal, work: Work) -> None:
        try:
            self._prepare(journal, work)
            self._take(journal, work)
        except BaseException as error:
            if self.done:
                raise
            try:
                self._take_back(journal, work, error)
            except Exception:
                raise
            except BaseException as another:
                another.add_note(NOT_SETTLED)
                raise
            raise
        finally:
            if self.done:
                self._clear(journal, work)

    def _prepare(self, journal: Journal, work: Work) -> None:
        self._check()  # again: another commit may have been waited for
        for plan in self._plans:
            self._stashes += plan.stashes.needed()
        base = self.machine._base.decode("latin-1")
        tops = [top.decode("latin-1") for top in work.tops]
        journal.write("begin", base, tops, self._stashes)
        for plan in self._plans:
            plan.stage(work)
            if not self.every:
                plan.walk.own_data()
        self._check()
        work.steps = _together(plan.steps for plan in self._plans)
        work.times = [times for plan in self._plans for times in plan.times]
        if all(plan.selection.few for plan in self._plans):
            for top, path in self._stashes:
                sync_one(work.place(top), path.encode("latin-1"))
        else:
            sync_stashes(work, self._stashes)

    def _take(self, journal: Journal, work: Work) -> None:
        looks = _together(plan.looks for plan in self._plans)
        every = self.every and not self.upto
        self.noted = committing.note(self.machine, journal, self._plans, every)
        if self.noted:
            assert self.machine._directory is not None
            journal.write("waits", host.fsencode(self.machine._directory).decode("latin-1"))
        journal.write("go", work.steps, Rows(work.times), looks)
        work.finish(old for plan in self._plans for old in plan.old)
        synced(work, self._stashes)
        work.check_replaced(looks)
        self.done = True

    def _take_back(self, journal: Journal, work: Work, error: BaseException) -> None:
        """After an error: everything as it was, and in the error how it stands."""
        for plan in self._plans:
            plan.forget()
        if not work.steps:
            work.times = [times for plan in self._plans for times in plan.times]
        begun = work.begun
        if journal.announced:
            # Where not even that can be written, a crash from here on is finished instead.
            with contextlib.suppress(OSError):
                journal.write("back")
        if not work.take_back():
            raise OSError(
                errno.EIO,
                "a commit could neither be finished nor undone; recover() tries it again, and all "
                "is kept here",
                stash_path(work.tops, self._stashes),
            ) from error
        note = NOT_SETTLED
        try:
            if begun:
                synced(work, self._stashes)
            if journal.announced:
                journal.withdraw()
            note = NOT_CLEARED
            clear(work, self._stashes, False)
            journal.remove()
            if self.noted:
                committing.forget(self.machine)
            note = TAKEN_BACK
        except OSError:
            pass
        conflicts = self._after_all(error)
        if conflicts:
            error = CommitConflict(*_named(conflicts))
        if note is not TAKEN_BACK or not conflicts:
            error.add_note(note)
        if conflicts:
            raise error from None

    def _after_all(self, error: BaseException) -> list[tuple[str, str]]:
        """What somebody else has changed, where that was the reason for an error."""
        with contextlib.suppress(OSError):
            for plan in self._plans:
                self.machine._own.update(plan.ours.when_taken_back())
        if isinstance(error, Lost):
            # At that step it may have had its new name already.
            bases = {change.path: change.base for change in self.chosen}
            return [(bases.get(error.filename) or error.filename, error.filename)]
        if isinstance(error, OSError) and error.errno in _MOVED:
            with contextlib.suppress(OSError):
                return self._conflicts()
        return []

    def _clear(self, journal: Journal, work: Work) -> None:
        """Clear away what a commit leaves that is done; what can't be is for recover()."""
        with contextlib.suppress(OSError):
            journal.write("done")
        with contextlib.suppress(OSError):
            for plan in self._plans:
                plan.ours.part(plan.steps)
            clear(work, self._stashes, True)
            if self.noted:
                journal.write("cleared")
            else:
                journal.remove()

    def _remember(self, journal: Journal) -> None:
        for plan in self._plans:
            plan.walk.commit = journal.name.encode() if self.noted else None
            self.machine._own.update(plan.ours.when_done())
            if not self.every:
                if plan.selection.moved:
                    plan.walk.settle_places(plan.selection.after)
                for change in plan.selection.chosen:
                    if change.kind == "renamed" or change._found.twin is not None:
                        plan.walk.settle_origin(change._found.path)
                plan.walk.lower.forget()
                for change in [] if plan.walk.ordinary else plan.selection.chosen:
                    plan.walk.settle_shared(change._found.path)


def _keep_upper(walk: Walk, changes: Iterable[Change]) -> None:
    """Refused where a directory would be gone in which the rehearsal itself is kept."""
    if walk.kept_in is None:
        return
    for change in changes:
        found = change._found
        at = found.lower if change.kind == "renamed" else found.at
        if (
            at
            and change.kind in ("removed", "retyped", "renamed")
            and walk.kept_in.startswith(at + b"/")
        ):
            problem = "the rehearsal itself is kept in it, so it can't be removed or replaced"
            raise OSError(errno.EBUSY, problem, walk.real(at))


def _tops(walks: list[Walk]) -> list[bytes]:
    return [walk.top for walk in walks]


def _hold(walks: list[Walk], work: Work) -> None:
    for number, walk in enumerate(walks):
        work.hold(number, walk.lower.fd)


def _named(conflicts: Iterable[tuple[str, str]]) -> tuple[list[str], dict[str, str]]:
    """The paths in the base, and those that something else has in the rehearsal."""
    return list(dict.fromkeys(base for base, _ in conflicts)), {
        base: now for base, now in conflicts if base != now
    }


def _together(lists: Iterable[_R]) -> _R:
    """The Rows of several plans, as of one."""
    first, *others = lists
    if not others:
        return first
    return type(first)(row for rows in (first, *others) for row in rows)
