"""Journals that an ostler of before has written, stopped at each of their steps.

recover() finishes each of these commits, or takes it back, as that ostler would have done. What
the steps do is done here in plain words: no code of a commit's is in it (see written_before.py).
"""

import json
import os
import re
import shutil

import pytest

import ostler
from tests.machines import written_before
from tests.machines.written_before import FILES, filled, make, path_of, tree_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def each(user, memory, run):
    """Calls a function with each of the commits; in one process, since there are many."""

    def all_of_them(check):
        for path in sorted(FILES.glob("*.json")):
            found = json.loads(path.read_text())
            if user == "root" or not found["root"]:
                try:
                    check(Stopped(f"{memory}/base", found))
                except BaseException as error:
                    error.add_note(f"of {path.name}")
                    raise

    return lambda check: run(lambda: all_of_them(check))


class Stopped:
    """A commit of before, to be stopped wherever one likes."""

    def __init__(self, base, found):
        self.base = base
        self.tree, self.old, self.new = found["tree"], found["old"], found["new"]
        self.lines = found["journal"]
        self.commits = f"{os.path.dirname(base)}/state/ostler/commits"
        self.steps = len(json.loads(self.without_marks())[1])

    def without_marks(self):
        # Only to count by: any number will do.
        return written_before.MARK.sub("0", self.lines[1])

    def stop(self, done=0, lines=2, notes=(), half=False):
        """Make it anew, with so many steps done and these records in its journal; the steps.

        `half`: of the next step, one that gives metadata, only the mode is given.
        """
        for top, _, _ in os.walk(self.base):
            os.chmod(top, 0o700)
        shutil.rmtree(self.base, ignore_errors=True)
        make(self.tree, self.base)
        text = filled("\n".join(self.lines[:lines]) + "\n", self.tree, self.base)
        text += "".join(json.dumps([note]) + "\n" for note in notes)
        self.write(text)
        steps = json.loads(text.splitlines()[1])[1] if lines == 2 else []
        for step in steps[:done]:
            self.do(*step)
        if half and steps[done][0] == "meta" and "mode" in steps[done][5]:
            os.chmod(self.path(steps[done][2]), steps[done][5]["mode"])
        return steps

    def write(self, text):
        os.makedirs(self.commits, 0o700, exist_ok=True)
        for name in os.listdir(self.commits):
            os.unlink(f"{self.commits}/{name}")
        with open(os.open(f"{self.commits}/1-1.commit", os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(text)

    def path(self, text):
        return os.path.join(self.base, path_of(text)) if text else self.base

    def do(self, kind, top, one, *rest):
        one = self.path(one)
        if kind == "move":
            assert not os.path.lexists(self.path(rest[0]))
            os.rename(one, self.path(rest[0]))
        elif kind == "swap":
            ostler.exchange(one, self.path(rest[0]))
        else:
            self.give(one, *rest[1:])

    def give(self, path, old, new):
        if "owner" in new and new["owner"] != old["owner"]:
            os.lchown(path, *new["owner"])
        for name in set(old.get("xattrs", ())) - set(new.get("xattrs", ())):
            os.removexattr(path, name, follow_symlinks=False)
        for name, value in new.get("xattrs", {}).items():
            os.setxattr(path, name, value.encode("latin-1"), follow_symlinks=False)
        if "mode" in new and not os.path.islink(path):
            os.chmod(path, new["mode"])
        if "times" in new:
            os.utime(path, ns=tuple(new["times"]), follow_symlinks=False)

    def settled(self, outcome, tree, why):
        assert ostler.rehearsal.recover() == [(self.base, outcome)], why
        assert tree_of(self.base) == tree, why
        assert [name for name in os.listdir(self.commits) if name.endswith(".commit")] == []


@pytest.mark.usefixtures("as_user")
def test_what_is_written_now_is_what_was_written(user):
    """The same changes give the same journal, but for times and the names of stashes."""
    for path in sorted(FILES.glob("*.json")):
        before = json.loads(path.read_text())
        if before["root"] == (user == "root"):
            now = written_before.written(before["name"], before["root"])
            assert plain(now["journal"]) == plain(before["journal"]), path.name


def plain(journal):
    return [re.sub(r"\d{16,}|(?<=commit-)[0-9a-f]{16}", "#", line) for line in journal]


def test_it_is_finished_from_each_of_its_steps(each):
    def check(commit):
        for done in range(commit.steps + 1):
            commit.stop(done)
            commit.settled("finished", commit.new, done)
            if done < commit.steps:
                commit.stop(done, half=True)
                commit.settled("finished", commit.new, (done, "half"))

    each(check)


def test_it_is_taken_back_from_each_of_its_steps(each):
    def check(commit):
        for done in range(commit.steps + 1):
            commit.stop(done, notes=["back"])
            commit.settled("undone", commit.old, done)

    each(check)


def test_one_that_is_over_is_cleared_away(each):
    def check(commit):
        commit.stop(lines=1)
        assert ostler.rehearsal.recover() == [(commit.base, "undone")]
        # The top's time is in no journal yet.
        assert tree_of(commit.base)[1:] == commit.old[1:]
        commit.stop(commit.steps, notes=["done"])
        commit.settled("finished", commit.new, "done")
        commit.stop(0, notes=["back", "undone"])
        commit.settled("undone", commit.old, "undone")

    each(check)


def names(tree):
    return [each[:2] for each in tree]


def test_the_first_version_of_a_journal_is_finished(each):
    """One without looks, and without its number."""

    def check(commit):
        commit.stop()
        with open(f"{commit.commits}/1-1.commit") as file:
            begin, go = map(json.loads, file)
        for step in go[1][: commit.steps // 2]:
            commit.do(*step)
        commit.write(json.dumps(begin[:-1]) + "\n" + json.dumps(go[:-1]) + "\n")
        commit.settled("finished", commit.new, "version 1")

    each(check)


def test_what_somebody_has_changed_since_is_left(each):
    """A file that the commit replaces or removes is written to before it is recovered."""

    def check(commit):
        for number, step in enumerate(commit.stop()):
            with open(f"{commit.commits}/1-1.commit") as file:
                leaves, _ = json.loads(file.read().splitlines()[1])[3][number]
            if step[0] == "meta" or leaves is None or leaves.startswith("tree"):
                continue
            path = commit.path(step[3] if step[0] == "swap" else step[2])
            if os.path.islink(path) or os.stat(path).st_nlink > 1:
                continue
            with open(path, "ab") as file:
                file.write(b"the work of an hour")
            ((base, outcome, kept, reason),) = ostler.rehearsal.recover()
            assert (base, outcome) == (commit.base, "left")
            assert kept.startswith(f"{commit.base}/") and ".ostler-commit-" in kept
            assert "was changed after the commit was interrupted" in reason
            with open(path, "rb") as file:
                assert file.read().endswith(b"the work of an hour")
            there = [each for each in tree_of(commit.base) if ".ostler-" not in each[0]]
            assert names(there) == names(commit.old)
            commit.stop()

    each(check)
