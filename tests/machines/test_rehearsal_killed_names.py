"""Files with several names: commits that are killed before every change, and what is left then."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import os

import pytest

import ostler
from ostler.machines.rehearsal import commits, committing, fates, kept_points  # noqa: F401
from ostler.machines.rehearsal.places import OwnTree
from tests.machines.rehearsing import by_steps, put, put_on, snapshot, view
from tests.machines.test_points_kept import at_once
from tests.machines.test_rehearsal_killed import litter
from tests.machines.test_rehearsal_random import timeless
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def furnish(base, upper):
    """A base with files of three, two and one names, and a link of two, afresh."""
    with OwnTree(os.open(os.path.dirname(base), os.O_PATH | os.O_DIRECTORY)) as place:
        for path in (base, upper):
            place.remove(os.fsencode(os.path.basename(path)))
    os.mkdir(upper, 0o700)
    put(f"{base}/a", "three names")
    put(f"{base}/k", "two")
    put(f"{base}/single", "one")
    os.mkdir(f"{base}/d")
    os.symlink("a", f"{base}/s")
    for name, other in (("a", "c"), ("a", "d/e"), ("k", "d/l"), ("s", "t")):
        os.link(f"{base}/{name}", f"{base}/{other}", follow_symlinks=False)
    for name in ("a", "k", "single", "s"):
        os.utime(f"{base}/{name}", ns=(0, 0), follow_symlinks=False)


def renames(m):
    m.rename("/a", "/d/b")
    m.rename("/k", "/a")
    m.rename("/s", "/d/s")


def links(m):
    m.link("/a", "/new")
    m.link("/single", "/d/single")
    m.link("/d/l", "/d/m")
    m.unlink("/k")


def changes_one(m):
    m.link("/a", "/new")
    with m.open_file("/new", "a") as file:
        file.write(" and more")
    m.chmod("/k", 0o600)
    m.utime("/new", ns=(1, 1))


def removes(m):
    m.trees.remove("/d")
    m.mkdir("/d")
    m.link("/c", "/d/e")
    m.unlink("/s")
    m.unlink("/c")


def exchanges(m):
    m.exchange("/a", "/k")
    m.rename("/single", "/c")
    m.rename("/d", "/f")
    m.rename("/f/e", "/f/g")


def follows(m):
    m.rename("/a", "/d/b")
    m.rename("/c", "/a")
    m.rename("/d/e", "/c")
    m.rename("/d/l", "/d/e")


def makes(m):
    put_on(m, "/new", b"new")
    m.utime("/new", ns=(1, 1))
    m.link("/new", "/d/new")
    m.unlink("/k")
    m.link("/new", "/k")


WHAT = {do.__name__: do for do in (renames, links, changes_one, removes, exchanges, follows, makes)}


@pytest.mark.parametrize("what", WHAT)
@by_steps(7)
def test_it_is_done_or_not_begun(memory, what, step):
    """Which names are one file, too."""
    base, upper = f"{memory}/base", f"{memory}/kept"
    furnish(base, upper)
    old = snapshot(base)
    with ostler.rehearsal(base) as m:
        WHAT[what](m)
        m.commit()
    new = snapshot(base)
    assert old != new
    for stops in range(1, 5000, step):
        furnish(base, upper)
        with ostler.rehearsal(base) as m:
            WHAT[what](m)
            ended = run_and_kill(m.commit, stops)
        recovered = ostler.rehearsal.recover()
        found = snapshot(base)
        assert found in (old, new), f"neither old nor new at stop {stops}: {recovered}"
        for _, outcome in recovered:
            assert found == (new if outcome == "finished" else old)
        assert litter(base) == [], stops
        if ended:
            break
    assert ended
    assert found == new


@pytest.mark.parametrize("points", [False, True], ids=["", "points"])
@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
@pytest.mark.parametrize("what", WHAT)
@by_steps(29)
def test_what_is_kept_goes_on(memory, what, some, points, step, monkeypatch):
    """It is shown as before, and committed after all, with the names that are one file."""
    at_once(monkeypatch)
    base, upper = f"{memory}/base", f"{memory}/kept"

    def prepare():
        furnish(base, upper)
        with ostler.rehearsal(base, upper=upper) as m:
            WHAT[what](m)
            if points:
                m.checkpoint()
                put_on(m, "/last", b"last")
            return [change.path for change in m.changes()][::2], timeless(view(m))

    def work():
        with ostler.rehearsal(base, upper=upper) as m:
            m.commit(chosen if some else None)

    chosen, shown = prepare()
    work()
    with ostler.rehearsal(base, upper=upper) as m:
        m.commit()
    new = timeless(snapshot(base))
    for stops in range(1, 5000, step):
        prepare()
        ended = run_and_kill(work, stops)
        ostler.rehearsal.recover()
        with ostler.rehearsal(base, upper=upper) as m:
            assert timeless(view(m)) == shown, stops
            m.commit()
            assert m.changes() == [], stops
        assert timeless(snapshot(base)) == new, stops
        if ended:
            break
    assert ended
