"""Long histories against a plain model: points, branches, commits of all kinds, and taking up.

The same random operations are done on a real directory, which is copied whole at each point. After
each step the machine is what the directory is, and at each point what it was there. The blocks of
layers are small, so that layers become one all the time, and blocks of blocks are made.
"""

import os
import random
import shutil
import stat
import subprocess

import pytest

import ostler
from ostler.machines.rehearsal import moments  # noqa: F401
from ostler.points import history
from tests.machines.rehearsing import put_on, snapshot_without_links, view
from tests.machines.test_rehearsal_random import NAMES, furnish, operate, timeless

pytestmark = pytest.mark.usefixtures("as_user")

STEPS = {
    "checkpoint": 36, "rollback": 15, "redo": 6, "drop": 10, "read": 5, "branch": 6, "merge": 6,
    "commit": 2, "upto": 6, "paths": 6, "again": 8, "wait": 4,
}  # fmt: skip


def is_pipe(m, path):
    """Whether a path leads to a named pipe."""
    return m.path.exists(path) and stat.S_ISFIFO(m.stat(path).st_mode)


def move(m, seed, steps):
    """More of what moves and replaces directories; the error number of each."""
    rng = random.Random(seed)
    found = []

    def any_path():
        return "/" + "/".join(rng.choice(NAMES) for _ in range(rng.randint(1, 4)))

    for number in range(steps):
        one, two = any_path(), any_path()
        what = rng.choice("exchange noreplace truncate deep anew parted inside".split())
        try:
            if what == "exchange":
                m.exchange(one, two)
            elif what == "noreplace":
                m.rename_noreplace(one, two)
            elif what == "truncate":
                if not is_pipe(m, one):  # to open one takes two
                    m.truncate(one, rng.randrange(100))
            elif what == "deep":
                m.makedirs(one, exist_ok=True)
                if not is_pipe(m, f"{one}/a"):
                    put_on(m, f"{one}/a", str(number).encode())
            elif what == "anew":  # a directory in the place of one that has moved
                m.rename(one, f"{one}-{number}")
                m.mkdir(one)
                m.rename(f"{one}-{number}", f"{one}/b")
            elif what == "parted":  # what is in it goes, and it comes after
                above = m.path.dirname(one)
                m.rename(one, two)
                m.rename(above, f"{two}-above")
            elif what == "inside":
                for name in sorted(m.listdir(one)):
                    m.rename(f"{one}/{name}", f"{m.path.dirname(two)}/{name}")
            found.append(0)
        except OSError as error:
            found.append(error.errno)
    return found


class Course:
    """A machine, and a real directory upon which the same is done.

    `links`: whether files get several names. Names of one file part after a point, when one of them
    is written to, which those of the directory don't: so then the machine is compared with what it
    was itself.
    """

    def __init__(self, folder, seed, links, kept):
        self.folder, self.links = folder, links
        self.rng = random.Random(seed)
        self.base, self.real = f"{folder}/rehearsed", f"{folder}/real"
        furnish(self.real, seed)
        subprocess.run(["cp", "-a", self.real, self.base], check=True)
        self.upper = f"{folder}/kept" if kept else None
        if kept:
            os.mkdir(self.upper, 0o700)
        self.part = seed * 100_000
        self.at = {}  # name of a point: (path of the copy, the machine's view)
        self.copies = 0
        self.m = ostler.rehearsal(self.base, upper=self.upper)
        self.seen = view(self.m)

    def play(self, steps):
        for _ in range(steps):
            self.work()
            what = self.rng.choices(list(STEPS), list(STEPS.values()))[0]
            getattr(self, what)()
            self.look()
            self.at = {point.name: self.at[point.name] for point in self.m.points()}

    def work(self):
        """Operations here and in the real directory."""
        self.part += 1
        count, moves = self.rng.choice((0, 1, 3, 12)), self.rng.choice((0, 1, 4))
        found = operate(self.m, self.part, count, self.links)
        with ostler.confined(self.real) as real:
            assert found == operate(real, self.part, count, self.links) or self.links
            moved = [move(m, self.part, moves) for m in (self.m, real)]
            assert moved[0] == moved[1] or self.links
        self.seen = view(self.m)
        self.look()

    def look(self):
        assert view(self.m) == self.seen
        if not self.links:
            assert timeless(self.seen) == timeless(snapshot_without_links(self.real))

    def keep(self, point):
        if point.name not in self.at:
            self.copies += 1
            path = f"{self.folder}/copy-{self.copies}"
            subprocess.run(["cp", "-a", self.real, path], check=True)
            self.at[point.name] = path, self.seen

    def keep_all(self):
        """Of the points that were made of what is there now, too."""
        for point in self.m.points():
            self.keep(point)

    def back(self, point):
        shutil.rmtree(self.real)
        path, self.seen = self.at[point.name]
        subprocess.run(["cp", "-a", path, self.real], check=True)

    def any_point(self):
        points = self.m.points()
        return self.rng.choice(points) if points else None

    # The steps

    def checkpoint(self):
        self.keep(self.m.checkpoint())

    def rollback(self):
        if point := self.any_point():
            self.keep(self.m.rollback(point))
            self.back(point)

    def redo(self):
        if self.m._history is not None and self.m._history.left:
            before = {point.name for point in self.m.points()}
            seen = self.seen
            point = self.m.redo()
            for left in self.m.points():
                if left.name not in before:
                    with self.m.at(left) as then:
                        assert view(then) == seen
                    self.keep(left)
            self.back(point)

    def drop(self):
        if point := self.any_point():
            self.m.drop(point)

    def read(self):
        if point := self.any_point():
            with self.m.at(point) as then:
                assert view(then) == self.at[point.name][1]

    def branch(self):
        """A branch begins alike, has all that there was, and the rest goes on in it."""
        if self.upper is not None:
            return self.again()
        before, self.m = self.m, self.m.branch()
        self.look()
        self.keep_all()
        self.work()
        if self.rng.random() < 0.5:
            operate(before, self.part + 1, 5, self.links)
            self.look()
        before.close()

    def merge(self):
        """What one side alone has changed."""
        if self.upper is not None:
            return self.again()
        with self.m.branch() as other:
            self.keep_all()
            if self.rng.random() < 0.3:
                self.work()
                self.m.merge(other)
                self.keep_all()
            else:
                mine, self.m = self.m, other
                try:
                    self.work()
                finally:
                    self.m = mine
                before = {point.name for point in self.m.points()}
                mine.merge(other)
                assert {point.name for point in self.m.points()} == before or not before
                assert timeless(view(mine)) == timeless(self.seen)
            self.seen = view(self.m)

    def commit(self):
        self.m.commit()
        assert self.m.changes() == []
        assert snapshot_without_links(self.base) == self.seen

    def upto(self):
        point = self.any_point()
        if point is None:
            return
        try:
            self.m.commit(upto=point)
        except ValueError:  # the machine does not lie upon it
            return
        if not self.links:
            then = self.at[point.name][1]
            assert timeless(snapshot_without_links(self.base)) == timeless(then)

    def paths(self):
        changes = [change.path for change in self.m.changes()]
        if changes:
            some = self.rng.sample(changes, min(len(changes), self.rng.randint(1, 3)))
            self.m.commit(some)
            assert len(self.m.changes()) < len(changes)

    def again(self):
        """It is closed, and taken up."""
        if self.upper is not None:
            self.m.close()
            self.m = ostler.rehearsal(self.base, upper=self.upper)

    def wait(self):
        if self.m._history is not None:
            self.m._history.background.finish()

    def end(self):
        """Every point is what it was; all is committed."""
        for point in self.m.points():
            self.keep(self.m.rollback(point))
            self.back(point)
            self.look()
        self.commit()
        self.m.close()


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
@pytest.mark.parametrize("links", [False, True], ids=["", "links"])
@pytest.mark.parametrize("seed", range(2))
def test_a_long_history(base, seed, links, kept, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 2 + seed % 3)
    course = Course(base, seed, links, kept)
    course.play(20)
    course.end()


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(2, 60))
def test_more_of_them(base, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 2 + seed % 3)
    course = Course(base, seed, seed % 2 == 0, seed % 4 < 2)
    course.play(80)
    course.end()
