"""Commits that an error, an interruption, a full disk or a kill stops at any step.

Whatever stops it, a commit is done, or taken back, or left to recover(), which does one or the
other; and what the error says of it is true.
"""

import errno
import os
import shutil
import tempfile

import pytest

import ostler
from ostler.machines import commits, journals, looks, making, moves, places, plans, quiet, rehearsal
from tests.attacks.commit_kinds import kinds, prepare, rehearse
from tests.machines.rehearsing import USER, snapshot
from tests.machines.rehearsing import kinds as changed

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
# What a commit is made of; the modules that call the system in it.
MODULES = (commits, journals, looks, making, moves, places, plans, quiet, rehearsal)
CHANGING = frozenset(
    "chmod chown dup2 exchange fsync ftruncate link mkdir mknod removexattr rename "
    "rename_noreplace rmdir sendfile setxattr symlink sync_directory unlink utime write "
    "write_atomic".split()
)


@pytest.fixture
def memory(user, monkeypatch):
    """A directory in memory, where syncing costs nothing."""
    path = tempfile.mkdtemp(prefix="ostler-rehearsal-", dir="/dev/shm")
    if user == "ordinary" and os.getuid() == 0:
        os.chown(path, USER, USER)
    monkeypatch.setitem(ostler.environ, "XDG_STATE_HOME", f"{path}/state")
    yield path
    for top, _, _ in os.walk(path):
        os.chmod(top, 0o700)
    shutil.rmtree(path)


class Failing:
    """The host, but from call number `at` of those that are named on, one or all of them fail."""

    def __init__(self, at, number, names, lasting):
        self.at = at
        self.number = number
        self.names = names
        self.lasting = lasting
        self.count = 0

    def __getattr__(self, name):
        call = getattr(ostler.host, name)
        if name not in self.names:
            return call

        def counted(*args, **kwargs):
            self.count += 1
            if self.count == self.at or (self.lasting and self.count > self.at):
                raise OSError(self.number, os.strerror(self.number))
            return call(*args, **kwargs)

        return counted

    def __enter__(self):
        for module in MODULES:
            module.host = self

    def __exit__(self, *exception):
        for module in MODULES:
            module.host = ostler.host


class Trial:
    """One set of changes, and what the base is before and after."""

    def __init__(self, base, names, paths=None):
        self.base = base
        self.folder = os.path.dirname(base)
        self.names = names
        self.paths = None if paths is None else [f"{base}/{path}" for path in paths]
        self.old = self.new = None
        with self.machine() as m:
            self.wanted = changed(m, base)
            self.old = snapshot(base)
            m.commit(self.paths)
            self.new = snapshot(base)
        assert self.old != self.new

    def machine(self):
        prepare(self.base, self.names)
        m = ostler.rehearsal(self.base)
        rehearse(m, self.names)
        return m

    def stopped(self, m, how):
        """Commit under `how`, a context that stops it; whether it came to its end all the same."""
        base, note = self.base, ""
        try:
            with how:
                m.commit(self.paths)
            done = True
        except (OSError, KeyboardInterrupt) as error:
            done = commits.DONE in getattr(error, "__notes__", ())
            note = " ".join(getattr(error, "__notes__", ()))
            if not note:
                note = str(error)
        found = snapshot(base)
        if done:
            # Its journal, or what it took away, may be left.
            recovered = self.recovered()
            assert [outcome for _, outcome in recovered] in ([], ["finished"]), recovered
            assert snapshot(base) == self.new, note
            return True
        if note in (commits.TAKEN_BACK, commits.NOT_CLEARED):
            assert self.without_stash(found) == self.old, f"{note}, it says"
        if note == commits.TAKEN_BACK:
            assert self.litter() == []
        recovered = self.recovered()
        if note in (commits.TAKEN_BACK, commits.NOT_CLEARED):
            assert {outcome for _, outcome in recovered} <= {"undone"}, (note, recovered)
        after = snapshot(base)
        outcomes = [outcome for _, outcome in recovered]
        assert after == (self.new if outcomes == ["finished"] else self.old), (note, recovered)
        if not outcomes or outcomes == ["undone"]:
            # As if nothing had been.
            assert changed(m, base) == self.wanted
            try:
                m.commit(self.paths)
            except ostler.CommitConflict:
                # Who took it back later is anybody, to this machine.
                assert outcomes == ["undone"]
                assert note not in (commits.TAKEN_BACK, commits.NOT_CLEARED), note
                assert snapshot(base) == self.old
            else:
                assert snapshot(base) == self.new
        return False

    def recovered(self):
        # What is in the directories of journals that all share is not of this trial.
        recovered = [o for o in ostler.rehearsal.recover() if self.folder in str(o.base or o.kept)]
        assert self.litter() == [], recovered
        assert len(recovered) < 2
        assert {base for base, *_ in recovered} <= {self.base}
        return recovered

    def without_stash(self, tree):
        return {path: v for path, v in tree.items() if b".ostler-commit-" not in path}

    def litter(self):
        state = f"{self.folder}/state/ostler/commits"
        left = [name for name in os.listdir(state) if name.endswith(".commit")]
        for top, directories, _ in os.walk(self.base):
            left += [f"{top}/{name}" for name in directories if name.startswith(".ostler")]
        return left

    def every(self, make, step=1, first=1):
        """Stop it at each of its steps in turn; how often it was stopped."""
        at = first
        while True:
            with self.machine() as m:
                if self.stopped(m, how := make(at)) and getattr(how, "count", at + 1) < at:
                    return (at - first) // step
            at += step
            assert at < 100_000


def errors(trial, names, step=1, first=1):
    count = 0
    for number, lasting in ((errno.EIO, False), (errno.ENOSPC, True)):
        count += trial.every(
            lambda at, n=number, forever=lasting: Failing(at, n, names, forever), step, first
        )
    return count


def test_errors_in_all_at_once(memory, user, run):
    """The quick one: every few steps of all kinds together."""

    def check():
        trial = Trial(f"{memory}/base", kinds(user == "root"))
        assert errors(trial, CHANGING, 37) > 10

    run(check)
