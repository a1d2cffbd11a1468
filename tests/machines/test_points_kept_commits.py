"""Commits of kept rehearsals with points, killed at every moment, and what is taken up then."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import os

import pytest

import ostler
from ostler.machines.rehearsal import committing, kept_points, moments  # noqa: F401
from ostler.machines.rehearsal.begun import COMMITTING
from ostler.machines.rehearsal.places import OwnTree
from tests.machines.rehearsing import by_steps, got, put, put_on, view
from tests.machines.test_points_kept import at_once, prepared, seen, taken
from tests.machines.test_rehearsal_random import timeless
from tests.test_durable import run_and_kill

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.mark.parametrize("renames", [False, True], ids=["no renames", "renames"])
@by_steps(23)
def test_a_commit_is_killed_at_every_system_call(memory, step, renames, monkeypatch):
    """After recover() the files are those of the rehearsal, here or in the base; points or none."""
    at_once(monkeypatch)
    base, upper = f"{memory}/base", f"{memory}/kept"
    prepared(base, upper, renames)
    with taken(base, upper) as m:
        known = [point.name for point in m.points()]
        shown = timeless(seen(m))

    def work():
        with taken(base, upper) as m:
            m.commit()

    outcomes = set()
    for stops in range(1, 5000, step):
        prepared(base, upper, renames)
        ended = run_and_kill(work, stops)
        if stops % 2 or COMMITTING.decode() not in os.listdir(upper):
            ostler.rehearsal.recover()  # else who takes it up does that
        with taken(base, upper) as m:
            assert timeless(seen(m)) == shown
            names = [point.name for point in m.points()]
            assert names in (known, [])
            outcomes.add(bool(names))
            m.commit()
            assert timeless(seen(m)) == shown
        with ostler.confined(base) as real:
            assert timeless(view(real)) == shown
        if ended:
            break
    assert ended
    assert outcomes == {True, False}


def furnished_with_renames(base, upper, points):
    with OwnTree(os.open(os.path.dirname(base), os.O_PATH | os.O_DIRECTORY)) as place:
        for path in (base, upper):
            place.remove(os.fsencode(os.path.basename(path)))
    for name in ("a/in/file", "b/file", "c/file", "c/other", "d/x", "d/y"):
        put(f"{base}/{name}", name)
    with taken(base, upper) as m:
        for one, other, between in (("/a", "/b", "/c/t"), ("/d/x", "/d/y", "/d/t")):
            m.rename(one, between)
            m.rename(other, one)
            m.rename(between, other)
        m.checkpoint() if points else None
        m.rename("/b/in", "/c/in")
        m.rename("/c/file", "/c/renamed")
        put_on(m, "/new", b"new")


@pytest.mark.parametrize("points", [False, True], ids=["without points", "with points"])
@by_steps(41)
def test_a_commit_of_some_renames_is_killed(memory, step, points, user, monkeypatch):
    """What is not committed is shown as before, whatever has changed places in the base."""
    at_once(monkeypatch)
    base, upper = f"{memory}/base", f"{memory}/kept"
    furnished_with_renames(base, upper, points)
    with taken(base, upper) as m:
        shown = timeless(seen(m))

    def work():
        with taken(base, upper) as m:
            m.commit(["/a", "/b", "/d"])

    for stops in range(1, 5000, step):
        furnished_with_renames(base, upper, points)
        ended = run_and_kill(work, stops)
        ostler.rehearsal.recover()
        with taken(base, upper) as m:
            assert timeless(seen(m)) == shown, stops
            m.commit()
            assert timeless(seen(m)) == shown
        with ostler.confined(base) as real:
            assert timeless(view(real)) == shown
        if ended:
            break
    assert ended


def test_a_note_of_a_commit_that_is_none(base, folder):
    upper = f"{folder}/kept"
    with taken(base, upper) as m:
        put_on(m, "/file", b"kept")
    place = os.path.join(upper, COMMITTING.decode())
    said = '{"every": true, "moved": [["d", "a", "b", 1]]}'
    for junk in (
        "", "[]", "{", '{"every": 1, "moved": []}', '{"every": true}', "[" * 100_000,
        *(said.replace(*change) for change in (
            ('"a"', "1"), ('"a"', '"../a"'), ("1", '"1"'), ('"d"', '"\\u0000"'), ("[[", "{["),
        )),
    ):  # fmt: skip
        put(place, junk, 0o600)
        with pytest.raises(ValueError, match="is damaged"):
            taken(base, upper)
    os.chmod(place, 0o666)
    with pytest.raises(PermissionError, match="others have rights to it"):
        taken(base, upper)
    put(place, said, 0o600)
    with taken(base, upper) as m:
        assert got(m, "/file") == "kept"
    assert not os.path.exists(place)
