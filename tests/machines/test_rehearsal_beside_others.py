"""Commits while others work on the real files: what they write is never lost.

Random courses: a rehearsal and somebody else change one tree, and commits of all, of some paths and
up to points come between. Each either leaves the tree as it is, with a conflict, or everything
that others have written since the rehearsal began, or was committed whole, stands in it afterwards.
"""

import os
import random
import time

import pytest

import ostler
from ostler.points import history
from tests.machines.rehearsing import snapshot
from tests.machines.test_points_histories import move
from tests.machines.test_rehearsal_random import furnish, operate

pytestmark = pytest.mark.usefixtures("as_user")

_TICK = 0.02  # seconds after which the kernel's clock of change times has gone on


def contents(base):
    """{content: paths} of the files in a tree."""
    found = {}
    for top, _, names in os.walk(base):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found.setdefault(file.read(), []).append(path)
    return found


class Others:
    """Somebody else, who leaves a text of his own in each file that he writes to."""

    def __init__(self, base, rng):
        self.base, self.rng = base, rng
        self.texts = set()
        self.count = 0

    def act(self):
        every = sorted(
            os.path.join(top, name)
            for top, directories, files in os.walk(self.base)
            for name in (*directories, *files)
        )
        path = self.rng.choice(every) if every else self.base
        self.count += 1
        text = b"others' text %d" % self.count
        if os.path.islink(path) or not (os.path.isdir(path) or os.path.isfile(path)):
            return
        try:
            if os.path.isdir(path):
                with open(f"{path}/others-{self.count}", "xb") as file:
                    file.write(text)
            elif self.rng.random() < 0.3:
                with open(f"{path}.new", "xb") as file:
                    file.write(text)
                os.rename(f"{path}.new", path)
            else:
                with open(path, self.rng.choice(["wb", "ab"])) as file:
                    file.write(text)
        except OSError:
            return  # an ordinary user may not, or another text stands there
        self.texts.add(text)

    def lost(self, before, now):
        """Those of his texts that stood in the tree and stand there no more."""
        there, here = (b"\n".join(each) for each in (before, now))
        return [text for text in self.texts if text in there and text not in here]


def commit(m, rng):
    """All of the changes, some, or those up to a point: "all", or None where it was less."""
    changes, kind = m.changes(), rng.random()
    if kind < 0.2:
        m.commit()
        return "all"
    if kind < 0.4 and m.points():
        m.commit(upto=rng.choice(m.points()))
    elif changes:
        count = min(len(changes), rng.randint(1, 3))
        m.commit([change.path for change in rng.sample(changes, count)])
    return "all" if not m.changes() else None


def course(base, upper, seed, rounds):
    rng = random.Random(seed)
    furnish(base, seed)
    time.sleep(_TICK)
    others, outcomes = Others(base, rng), []
    m = ostler.rehearsal(base, upper=upper)
    for number in range(rounds):
        operate(m, seed * 1000 + number, rng.choice((1, 3, 8)), rng.random() < 0.4)
        move(m, seed * 1000 + number, rng.choice((0, 2, 4)))
        if rng.random() < 0.3:
            m.checkpoint()
        if upper is not None and rng.random() < 0.4:
            m.close()
            m = ostler.rehearsal(base, upper=upper)
        time.sleep(_TICK)
        for _ in range(rng.choice((0, 1, 1, 2))):
            others.act()
        time.sleep(_TICK)
        tree, before = snapshot(base), contents(base)
        try:
            what = commit(m, rng)
        except ostler.CommitConflict:
            assert snapshot(base) == tree
            outcomes.append("conflict")
            if rng.random() < 0.3:
                m.discard()
                others.texts.clear()
            continue
        except ValueError:  # the machine does not lie upon that point
            continue
        assert not others.lost(before, contents(base)), f"in round {number}"
        outcomes.append("done")
        if what == "all":
            others.texts.clear()  # they were seen, and the next changes are upon them
    m.close()
    return outcomes


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in
                                        range(100, 1100, 100))])  # fmt: skip
def test_what_others_write_is_not_lost(folder, first, kept, monkeypatch):
    outcomes = []
    for seed in range(first, first + (8 if first else 2)):
        monkeypatch.setattr(history, "BLOCK", 2 + seed % 3)
        upper = f"{folder}/upper-{seed}" if kept else None
        if kept:
            os.mkdir(upper, 0o700)
        outcomes += course(f"{folder}/base-{seed}", upper, seed, 10)
    assert "done" in outcomes
    assert "conflict" in outcomes or not first
