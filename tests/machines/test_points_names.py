"""Names of one file that were changed each for itself after a point, when all becomes one layer."""

import os
import random
import shutil

import pytest

import ostler
from tests.machines.rehearsing import by_steps, put, put_on, view
from tests.machines.test_points_kept import taken
from tests.machines.test_points_kept_commits import DONE, killed_commit

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Steps before the point, and after it. Each leaves two copies of the one file of the base.
COURSES = {
    "mode": (["link /f /h"], ["chmod /h"]),
    "both modes": (["link /f /h"], ["chmod /h", "chmod /f"]),
    "renamed": (["link /f /h"], ["rename /f /g"]),
    "the new one is renamed": (["link /f /d/h"], ["rename /d/h /g"]),
    "linked again": (["link /f /h"], ["link /h /g"]),
    "three": (["link /f /h", "link /f /g"], ["chmod /h", "chmod /g", "chmod /f"]),
    "renamed into a directory": (["link /f /h"], ["rename /f /d/g", "chmod /h"]),
}


def do(m, steps):
    for step in steps:
        verb, *words = step.split()
        getattr(m, verb)(*words, *([0o600] if verb == "chmod" else []))


def shown(m):
    """What is there, but for the times of directories."""
    return {path: [*entry[:4], *entry[6:]] for path, entry in view(m).items()}


def files(m):
    return [change.path for change in m.changes() if change.kind != "removed"]


def furnished(base, upper, how):
    put(f"{base}/f", "of the base")
    put(f"{base}/d/other", "other")
    before, after = COURSES[how]
    with taken(base, upper) as m:
        do(m, before)
        m.checkpoint()
        do(m, after)
        return shown(m), files(m)


@pytest.mark.parametrize("how", COURSES)
def test_kept(base, folder, how):
    seen, _ = furnished(base, f"{folder}/one", how)
    with taken(base, f"{folder}/one") as m:
        assert shown(m) == seen
        m.keep(f"{folder}/two")
    with taken(base, f"{folder}/two") as m:
        assert shown(m) == seen
        m.commit()
    with ostler.confined(base) as real:
        assert shown(real) == seen


@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
@pytest.mark.parametrize("how", COURSES)
def test_each_is_committed_alone(base, folder, how, killed):
    seen, paths = furnished(base, f"{folder}/first", how)
    for number, path in enumerate(paths):
        upper = f"{folder}/{number}"
        shutil.rmtree(base)
        furnished(base, upper, how)
        if killed:
            killed_commit(base, upper, DONE, [path])
        with taken(base, upper) as m:
            if not killed:
                m.commit([path])
            assert shown(m) == seen
        with taken(base, upper) as m:
            assert shown(m) == seen
            m.commit()
        with ostler.confined(base) as real:
            assert shown(real) == seen


def test_the_base_has_something_else_by_now(base, folder):
    """What can't be read any more hinders nothing else from being kept."""
    for what in ("nothing", "a link", "a directory", "a pipe"):
        upper = f"{folder}/{what}"
        furnished(base, upper, "both modes")
        with taken(base, upper) as m:
            put_on(m, "/new", b"new")
            os.unlink(f"{base}/f")
            if what == "a link":
                os.symlink("/etc/passwd", f"{base}/f")
            elif what == "a directory":
                os.mkdir(f"{base}/f")
            elif what == "a pipe":
                os.mkfifo(f"{base}/f")
            m.keep(f"{upper} too")
        with taken(base, f"{upper} too") as m, m.open_file("/new") as file:
            assert file.read() == "new"
        shutil.rmtree(base)


def operate(m, rng):
    names = [f"{above}/{name}" for above in ("", "/d") for name in "abcfgh"]
    there = [name for name in names if m.path.exists(name)]
    one, other = rng.choice(there), rng.choice(names)
    what = rng.choice(["link", "link", "rename", "chmod", "chmod", "unlink", "write"])
    try:
        if what == "chmod":
            m.chmod(one, rng.choice([0o600, 0o640, 0o644]))
        elif what == "unlink":
            m.unlink(one)
        elif what == "write":
            put_on(m, one, b"%d" % rng.randrange(100))
        else:
            getattr(m, what)(one, other)
    except FileExistsError:
        pass


@by_steps(5)
def test_random(folder, base, step):
    for seed in range(0, 60, step):
        rng = random.Random(seed)
        shutil.rmtree(base)
        upper = f"{folder}/{seed}"
        for name in ("f", "g", "a", "d/f"):
            put(f"{base}/{name}", name)
        with taken(base, upper) as m:
            for _ in range(rng.randrange(2, 5)):
                for _ in range(rng.randrange(1, 5)):
                    operate(m, rng)
                m.checkpoint()
            seen, paths = shown(m), files(m)
            m.keep(f"{upper}-too")
            for path in rng.sample(paths, min(len(paths), 2)):
                if path in files(m):
                    m.commit([path])
                    assert shown(m) == seen, seed
        with taken(base, upper) as m:
            assert shown(m) == seen, seed
            m.commit()
        with ostler.confined(base) as real:
            assert shown(real) == seen, seed
