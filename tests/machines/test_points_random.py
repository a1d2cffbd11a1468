"""Points against a plain model: the same random operations on a real directory, copied whole.

At each point, and after each way back, the machine is what `cp -a` has kept of the real directory,
and in everything, times too, what it was itself when the point was made. Names of one file part
after a point, when one of them is written to, which those of the model don't: where the operations
make such names, the machine is compared with itself alone.
"""

import random
import shutil
import subprocess

import pytest

import ostler
from ostler.machines.rehearsal import moments  # noqa: F401
from ostler.points import history
from tests.machines.rehearsing import snapshot_without_links, view
from tests.machines.test_rehearsal_random import furnish, operate, timeless

pytestmark = pytest.mark.usefixtures("as_user")


class Model:
    """A real directory upon which the same is done, and what it was at each point."""

    def __init__(self, folder, links):
        self.links = links
        self.folder = folder
        self.real = f"{folder}/real"
        self.machine = ostler.confined(self.real)
        self.copies = {}  # name of a point: (path of the copy, the machine's view)

    def keep(self, point, seen):
        path = f"{self.folder}/at-{point.name}"
        subprocess.run(["cp", "-a", self.real, path], check=True)
        self.copies[point.name] = path, seen

    def back(self, point):
        self.machine.close()
        shutil.rmtree(self.real)
        subprocess.run(["cp", "-a", self.copies[point.name][0], self.real], check=True)
        self.machine = ostler.confined(self.real)

    def same(self, machine, point=None):
        seen = view(machine)
        if not self.links:
            assert timeless(seen) == timeless(snapshot_without_links(self.real))
        if point is not None:
            assert seen == self.copies[point.name][1]
        return seen


def listed(m):
    found = []
    for change in m.changes():
        after = change.after
        # Of a directory each layer has a part, whose size and links say nothing.
        is_file = after is not None and after.type != "directory"
        what = (after.size, after.links, after.target) if is_file else ()
        how = (after.type, after.mode, after.owner, after.times[1], after.xattrs) if after else ()
        found.append((change.kind, change.path, change.source, change.parts, *what, *how))
    return found


def course(folder, seed, steps, after, links):
    rng = random.Random(seed)
    furnish(f"{folder}/real", seed)
    subprocess.run(["cp", "-a", f"{folder}/real", f"{folder}/rehearsed"], check=True)
    model = Model(folder, links)
    with ostler.rehearsal(f"{folder}/rehearsed") as m:
        for step in range(steps):
            count = rng.choice((0, 1, 3, 12))
            part = seed * 1000 + step
            found = operate(m, part, count, links)
            assert found == operate(model.machine, part, count, links) or links
            seen = model.same(m)
            do = rng.random()
            if do < 0.55 or not m.points():
                point = m.checkpoint()
                model.keep(point, seen)
                assert view(m) == seen
            elif do < 0.85:
                known = set(m.points())
                point = rng.choice(m.points())
                left = m.rollback(point)
                if left not in known:
                    model.keep(left, seen)
                model.back(point)
                model.same(m, point)
            else:
                after(m, model)
        for point in m.points():
            seen = view(m)
            left = m.rollback(point)
            if left.name not in model.copies:
                model.keep(left, seen)
            model.back(point)
            model.same(m, point)
            after(m, model)
        seen = view(m)
        m.commit()
        assert m.changes() == []
        assert view(m) == seen
    assert snapshot_without_links(f"{folder}/rehearsed") == seen
    model.machine.close()


def nothing_more(m, model):
    m._history.background.finish()


def as_flat(m, model):
    """What was changed is the same, seen in its layers and in the one that they become."""
    m._history.background.finish()
    found = listed(m)
    with m._flat():
        assert listed(m) == found


def without_times(tree):
    return {path: entry[:4] + entry[5:] for path, entry in tree.items()}


def as_compared(m, model):
    """What is told to have changed between points is where they differ, and nothing else."""
    points = m.points()
    rng = random.Random(len(points))
    first, last = rng.choice(points), rng.choice([None, *points])
    before = model.copies[first.name][1]
    after = view(m) if last is None else model.copies[last.name][1]
    top = m._base + b"/"
    told, moved = set(), []
    for change in m.changes(first, last):
        path = ostler.fsencode(change.path + "/")[len(top) : -1]
        if change.kind == "renamed":
            source = ostler.fsencode(change.source)[len(top) :]
            assert (source in before, path in after) == (True, True)
            moved += [source, path]
        else:
            told.add(path)
            assert before.get(path) != after.get(path) or any(
                path.startswith(place + b"/") for place in moved
            )
    known = told | set(moved)
    old, new = without_times(before), without_times(after)
    for path in old.keys() | new.keys():
        if old.get(path) != new.get(path) and path not in known:
            assert any(path.startswith(place + b"/") for place in moved), path


@pytest.mark.parametrize("seed", range(7, 10))
def test_what_differs_between_points(base, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 3)
    course(base, seed, 12, as_compared, False)


@pytest.mark.parametrize("links", [False, True], ids=["", "links"])
@pytest.mark.parametrize("seed", range(2))
def test_every_point_is_what_it_was(base, seed, links, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 3)
    course(base, seed, 14, nothing_more, links)


@pytest.mark.parametrize("seed", range(4, 7))
def test_changes_are_those_of_one_layer(base, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 4)
    course(base, seed, 12, as_flat, seed % 2 == 0)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(10, 60))
def test_more_of_it(base, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", random.Random(seed).choice((2, 3, 5)))
    rng = random.Random(seed)
    course(base, seed, 60, rng.choice((nothing_more, as_flat, as_compared)), rng.random() < 0.4)
