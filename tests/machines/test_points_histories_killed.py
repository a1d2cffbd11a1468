"""Long histories of kept rehearsals whose commits are killed somewhere, against a plain model.

A killed commit is finished or taken back, by recover() or when what is kept is taken up. Then the
rehearsal shows what it did before, and can be committed.
"""

import pytest

import ostler
from ostler.machines.rehearsal import moments  # noqa: F401
from ostler.points import history
from tests.machines.rehearsing import snapshot_without_links, view
from tests.machines.test_points_histories import STEPS, Course
from tests.machines.test_rehearsal_random import timeless
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

KILLED = 0.7  # of the commits


class Killed(Course):
    """The same, in which commits are killed.

    The base's own time tells that a commit has prepared something in it, and is not compared.
    """

    def look(self):
        seen = view(self.m)
        assert below(seen) == below(self.seen)
        self.seen = seen
        if not self.links:
            assert timeless(seen) == timeless(snapshot_without_links(self.real))

    def read(self):
        if point := self.any_point():
            self.check(point)

    def check(self, point):
        with self.m.at(point) as then:
            assert below(view(then)) == below(self.at[point.name][1])

    def commit(self):
        if self.rng.random() < KILLED:
            return self.kill()
        self.m.commit()
        assert self.m.changes() == []
        assert below(snapshot_without_links(self.base)) == below(self.seen)

    def upto(self):
        point = self.any_point()
        if point is None or self.rng.random() > KILLED:
            return super().upto()
        self.kill(upto=point.name)

    def paths(self):
        changes = [change.path for change in self.m.changes()]
        if not changes or self.rng.random() > KILLED:
            return super().paths()
        self.kill(self.rng.sample(changes, min(len(changes), self.rng.randint(1, 3))))

    def kill(self, paths=None, upto=None):
        """A process takes it up and commits; it is killed in the middle, or comes to its end."""
        stop = self.rng.randint(1, self.rng.choice((200, 900)))
        self.m.close()

        def committed():
            with ostler.rehearsal(self.base, upper=self.upper) as m:
                point = next((point for point in m.points() if point.name == upto), None)
                try:
                    m.commit(paths, upto=point)
                except ValueError:  # the machine does not lie upon the point
                    assert upto is not None

        run_and_kill(committed, stop)
        if self.rng.random() < 0.7:
            for outcome in ostler.rehearsal.recover():
                assert outcome.outcome != "left", outcome
        self.m = ostler.rehearsal(self.base, upper=self.upper)

    def end(self):
        for point in self.m.points():
            self.check(point)
        self.m.commit()
        assert below(snapshot_without_links(self.base)) == below(self.seen)
        assert timeless(view(self.m)) == timeless(self.seen)
        self.m.close()


def below(seen):
    return {path: found for path, found in seen.items() if path}


def play(base, seed, steps, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 2 + seed % 3)
    for step in ("commit", "upto", "paths"):
        monkeypatch.setitem(STEPS, step, 12)
    course = Killed(base, seed, seed % 2 == 0, True)
    course.play(steps)
    course.end()


@pytest.mark.parametrize("seed", range(2))
def test_a_history_with_killed_commits(base, seed, monkeypatch):
    play(base, seed, 15, monkeypatch)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(2, 40))
def test_more_of_them(base, seed, monkeypatch):
    play(base, seed, 60, monkeypatch)
