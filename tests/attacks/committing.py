"""Trials of commits: one is stopped somewhere, and whatever stopped it, what is left must be whole.

It is done, or taken back, or left to recover(), which does one or the other; what the error says
of it is true, and a commit after that works.
"""

import os
import resource
import shutil
import sys
from contextlib import suppress

import ostler
from ostler.machine import CommitConflict
from ostler.machines import trust
from ostler.machines.rehearsal import (
    check,
    commits,
    journal_reader,
    journals,
    kind,
    layers,
    looks,
    ours,
    places,
    plan,
    recovery,
    selection,
    stage,
    stashes,
    steps,
    touched,
    work,
    writers,
)
from tests.attacks.commit_kinds import prepare, rehearse
from tests.machines.rehearsing import kinds as changed
from tests.machines.rehearsing import snapshot
from tests.test_durable import run_and_kill

# What a commit is made of, and a recovery: the modules that call the system in it.
MODULES = (
    commits, journals, looks, ours, places, plan, stage, stashes, steps, work, writers, kind,
    layers,
)  # fmt: skip
RECOVERY = (journals, looks, steps, work, places, recovery, trust, journal_reader)
CHANGING = frozenset(
    "chmod chown dup2 exchange fsync ftruncate link mkdir mknod removexattr rename "
    "rename_noreplace rmdir sendfile setxattr symlink sync_directory unlink utime write "
    "write_atomic".split()
)
LOOKING = frozenset(
    "access close_range dup fstat getxattr listdir listxattr lseek lstat open read readlink "
    "scandir stat".split()
)
SAYS = (commits.TAKEN_BACK, commits.NOT_CLEARED, commits.NOT_SETTLED, commits.DONE)


class Failing:
    """The host, but from call number `at` of those that are named on, one or all of them fail."""

    def __init__(self, at, number, names, lasting, modules=MODULES):
        self.at = at
        self.number = number
        self.names = names
        self.lasting = lasting
        self.modules = modules
        self.count = 0

    def __getattr__(self, name):
        call = getattr(ostler.host, name)
        if name not in self.names:
            return call

        def counted(*args, **kwargs):
            self.count += 1
            if self.count == self.at or (self.lasting and self.count > self.at):
                self.strike()
            return call(*args, **kwargs)

        return counted

    def strike(self):
        raise OSError(self.number, os.strerror(self.number))

    def __enter__(self):
        for module in self.modules:
            module.host = self
        return self

    def __exit__(self, *exception):
        for module in self.modules:
            module.host = ostler.host


class Interrupting:
    """Ctrl-C at the line number `at` that is run of what a commit is made of."""

    FILES = frozenset(module.__file__ for module in (*MODULES[:-2], check, selection, touched))

    def __init__(self, at):
        self.at = at
        self.count = 0

    def __enter__(self):
        sys.settrace(self._frame)

    def __exit__(self, *exception):
        sys.settrace(None)

    def _frame(self, frame, event, arg):
        return self._line if frame.f_code.co_filename in self.FILES else None

    def _line(self, frame, event, arg):
        if event == "line":
            self.count += 1
            if self.count == self.at:
                raise KeyboardInterrupt  # after which nothing is traced any more
        return self._line


class FewDescriptors:
    """This process can open so many more descriptors."""

    def __init__(self, more):
        self.more = more

    def __enter__(self):
        self.before = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = {int(name) for name in os.listdir("/proc/self/fd")}
        limit, free = 0, 0
        while free <= self.more:
            free += limit not in used
            limit += 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit - 1, self.before[1]))

    def __exit__(self, *exception):
        resource.setrlimit(resource.RLIMIT_NOFILE, self.before)


class FullDisk:
    """So many bytes, or inodes, are free where the ballast is, until recover() was called once."""

    def __init__(self, ballast, free, inodes):
        self.ballast = ballast
        self.free = free
        self.inodes = inodes

    def __enter__(self):
        os.mkdir(self.ballast)
        status = os.statvfs(self.ballast)
        if self.inodes:
            for number in range(status.f_favail - self.free):
                os.close(os.open(f"{self.ballast}/{number}", os.O_CREAT))
            return
        with open(f"{self.ballast}/file", "wb") as file:
            size = os.statvfs(self.ballast).f_bavail * status.f_frsize - self.free
            os.posix_fallocate(file.fileno(), 0, size)

    def __exit__(self, *exception):
        ostler.rehearsal.recover()
        shutil.rmtree(self.ballast)


class Trial:
    """One set of changes, or some of them, and what the base is before and after."""

    def __init__(self, base, names, paths=None):
        self.base = base
        self.folder = os.path.dirname(base)
        self.names = names
        self.paths = None if paths is None else [f"{base}/{path}" for path in paths]
        with self.machine() as m:
            self.wanted = changed(m, base)
            self.old = snapshot(base)
            self.commit(m)
            self.new = snapshot(base)
        assert self.old != self.new
        self.stops = 0

    def machine(self, fresh=True):
        if fresh:
            prepare(self.base, self.names)
        m = ostler.rehearsal(self.base)
        rehearse(m, self.names)
        return m

    def commit(self, m):
        # Who else runs there is looked for by every commit alike: see test_a_quiet_commit.
        m.commit(self.paths, leave_behind=True)

    def stopped(self, m, how):
        """Commit under `how`, a context that stops it: what the error said, "" of nothing.

        After TAKEN_BACK the machine is as it was before.
        """
        base = self.base
        m.changes()
        open_now = len(os.listdir("/proc/self/fd"))
        try:
            with how:
                self.commit(m)
        except (OSError, KeyboardInterrupt) as error:
            assert not isinstance(error, CommitConflict), f"{error}: a conflict with oneself"
            notes = [note for note in getattr(error, "__notes__", ()) if note in SAYS]
            assert len(notes) < 2, notes
            note = notes[0] if notes else str(error)
        else:
            note = commits.DONE
        if note == commits.TAKEN_BACK:  # else the machine may have been closed, or begun again
            assert len(os.listdir("/proc/self/fd")) == open_now, f"{note}: a descriptor is left"
        found = snapshot(base)
        if note == commits.DONE:
            # Its journal, or what it took away, may be left.
            assert self.recovered(note) in ([], ["finished"])
            assert snapshot(base) == self.new
            return note
        if note in (commits.TAKEN_BACK, commits.NOT_CLEARED):
            assert self.without_stash(found) == self.old, f"{note}, it says"
        if note == commits.TAKEN_BACK:
            assert self.litter() == []
        outcomes = self.recovered(note)
        if note in (commits.TAKEN_BACK, commits.NOT_CLEARED):
            assert set(outcomes) <= {"undone"}, note
        after = snapshot(base)
        assert after == (self.new if outcomes == ["finished"] else self.old), (note, outcomes)
        if outcomes != ["finished"]:
            # As if nothing had been; but whoever took it back is another one to this machine.
            assert changed(m, base) == self.wanted, note
            if note != commits.TAKEN_BACK:
                self.again(m, outcomes == ["undone"] and note != commits.NOT_CLEARED)
        return note

    def again(self, m, conflict):
        """A commit works now, or, after one that could not be settled, is in conflict."""
        try:
            self.commit(m)
        except CommitConflict:
            assert conflict
            assert snapshot(self.base) == self.old
        else:
            assert snapshot(self.base) == self.new

    def recovered(self, why):
        """recover(): the outcome of this trial's commit in a list; nothing is left."""
        found = self.outcomes()
        assert self.litter() == [], (why, found)
        assert len(found) < 2, (why, found)
        assert {outcome.base for outcome in found} <= {self.base}, (why, found)
        return [outcome.outcome for outcome in found]

    def outcomes(self):
        # What is in the directories of journals that all share is not of this trial.
        found = ostler.rehearsal.recover()
        return [outcome for outcome in found if self.folder in str(outcome.base or outcome.kept)]

    def without_stash(self, tree):
        return {path: v for path, v in tree.items() if b".ostler-commit-" not in path}

    def litter(self):
        state = f"{self.folder}/state/ostler/commits"
        left = []
        with suppress(FileNotFoundError):
            left += [name for name in os.listdir(state) if name.endswith(".commit")]
        for top, directories, _ in os.walk(self.base):
            left += [f"{top}/{name}" for name in directories if name.startswith(".ostler")]
        return left

    def each(self, make, step=1, first=1, last=None):
        """Stop it at each of its steps in turn: what was said, in a dict of counts."""
        said, at, m = {}, first, None
        while True:
            if m is None:
                m = self.machine()
            note = self.stopped(m, how := make(at))
            if note != commits.TAKEN_BACK:
                m.close()
                m = None
            if note == commits.DONE and getattr(how, "count", at) < at:
                return said
            said[note] = said.get(note, 0) + 1
            self.stops += 1
            if at == last:
                break
            at += step
            assert at < 100_000
        if m is not None:
            with m:
                self.again(m, False)
        return said

    def killed(self, stops):
        """Kill it before its system call number `stops` that changes things: whether it was over.

        What is left may be in between; it is for a recovery.
        """
        with self.machine() as m:
            return run_and_kill(lambda: self.commit(m), stops)

    def settled(self, ended, outcomes):
        """After a kill and a recovery the base is old or new, and a commit works."""
        after = snapshot(self.base)
        if ended:
            assert outcomes == []
            assert after == self.new
        elif outcomes:
            assert after == (self.new if outcomes == ["finished"] else self.old), outcomes
        assert after in (self.old, self.new), outcomes
        if after == self.old:
            with self.machine(fresh=False) as m:
                self.again(m, False)

    def each_kill(self, step=1, first=1):
        """Kill it before each of its steps in turn: the recoveries' outcomes."""
        seen, at = set(), first
        while True:
            ended = self.killed(at)
            outcomes = self.recovered(f"killed at {at}")
            self.settled(ended, outcomes)
            seen.update(outcomes)
            if ended:
                return seen
            self.stops += 1
            at += step
