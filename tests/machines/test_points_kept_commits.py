"""Commits of kept rehearsals with points, killed at every moment, and what is taken up then."""

import contextvars  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import errno
import os
import shutil
import signal

import pytest

import ostler
from ostler.cli import discard  # noqa: F401
from ostler.machines.rehearsal import commits, committing, fates, kept_points, moments  # noqa: F401
from ostler.machines.rehearsal.begun import COMMITTING
from ostler.machines.rehearsal.journals import Journal
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.work import Work
from tests.command_line import called
from tests.machines.rehearsing import by_steps, got, journals, kinds, put, put_on, text, view
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
            commits_rightly(m, base, shown)
        if ended:
            break
    assert ended
    assert outcomes == {True, False}


def commits_rightly(m, base, shown):
    """What is kept of a killed commit can be committed, and the base is as it was shown then."""
    m.commit()
    assert timeless(seen(m)) == shown
    with ostler.confined(base) as real:
        assert timeless(view(real)) == shown


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
            m.commit([f"{base}/{name}" for name in "abd"])

    for stops in range(1, 5000, step):
        furnished_with_renames(base, upper, points)
        ended = run_and_kill(work, stops)
        ostler.rehearsal.recover()
        with taken(base, upper) as m:
            assert timeless(seen(m)) == shown, stops
            commits_rightly(m, base, shown)
        if ended:
            break
    assert ended


def test_a_note_of_a_commit_that_is_none(base, folder):
    upper = f"{folder}/kept"
    with taken(base, upper) as m:
        put_on(m, "/file", b"kept")
    place = os.path.join(upper, COMMITTING.decode())
    name = "1-0123456789abcdef.commit"
    said = f'{{"journal": ["{upper}", "{name}"], "started": 5, "moved": [["d", "a", "b"]]}}'
    for junk in (
        "", "[]", "{", '{"moved": []}', "[" * 100_000,
        *(said.replace(*change) for change in (
            ('"a"', "1"), ('"a"', '"../a"'), ("5", '"1"'), ('"d"', '"\\u0000"'), ("[[", "{["),
            (name, f"../{name}"), (name, "lock"), (f'"{upper}"', '"here"'), (f'"{upper}"', "1"),
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


def killed_after(owner, name, work):
    """Call work in a child, which is killed as soon as a function of `owner` has been called."""
    real = getattr(owner, name)

    def last(*args):
        real(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        try:
            setattr(owner, name, last)
            work()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


NOT_BEGUN = committing, "note"
DONE = commits.Commit, "_take"


def killed_commit(base, upper, moment, *what, **how):
    def work():
        with taken(base, upper) as m:
            m.commit(*what, **how)

    killed_after(*moment, work)


def renamed(base, upper):
    """A file and a directory get new names, and something is new."""
    put(f"{base}/d/f", "in d")
    put(f"{base}/g", "g")
    with taken(base, upper) as m:
        m.rename("/d", "/e")
        m.rename("/g", "/h")
        put_on(m, "/precious", b"hours of work")


@pytest.mark.parametrize("what", ["renamed by hand", "another one with its number"])
def test_a_commit_that_was_not_begun_is_not_done(base, folder, what):
    """However much the base looks as if it were: nothing of what is kept is dropped."""
    upper = f"{folder}/kept"
    renamed(base, upper)
    killed_commit(base, upper, NOT_BEGUN)
    if what == "renamed by hand":
        os.rename(f"{base}/d", f"{base}/e")
        os.rename(f"{base}/g", f"{base}/h")
    else:
        os.unlink(f"{base}/g")
        put(f"{base}/h", "new")  # where numbers are given again at once, it has that of g
    with taken(base, upper) as m:
        assert got(m, "/precious") == "hours of work"
        assert kinds(m, base)["precious"] == "created"
    assert not os.path.exists(f"{base}/precious")
    assert COMMITTING.decode() not in os.listdir(upper)


@pytest.mark.parametrize("recovered", [False, True])
@pytest.mark.parametrize("what", ["saved anew", "renamed on"])
def test_a_commit_that_is_done_is_done(base, folder, what, recovered):
    """Whatever was done since to what it has renamed; that is seen, and nothing is left to do."""
    upper = f"{folder}/kept"
    renamed(base, upper)
    killed_commit(base, upper, DONE)
    if recovered:
        assert [outcome.outcome for outcome in ostler.rehearsal.recover()] == ["finished"]
        assert ostler.rehearsal.recover() == []
    if what == "saved anew":
        put(f"{base}/h~", "edited")
        os.rename(f"{base}/h~", f"{base}/h")
    else:
        os.rename(f"{base}/e", f"{base}/later")
    with taken(base, upper) as m:
        assert m.changes() == []
        assert got(m, "/later/f" if what == "renamed on" else "/e/f") == "in d"
        assert got(m, "/h") == ("edited" if what == "saved anew" else "g")
        assert m.commit() == []
    assert journals(base) == []
    assert COMMITTING.decode() not in os.listdir(upper)


def test_what_was_done_after_a_commit_is_not_dropped_with_it(base, folder, monkeypatch):
    """Where its note and its journal could not be removed."""
    upper = f"{folder}/kept"
    renamed(base, upper)
    with taken(base, upper) as m:
        with monkeypatch.context() as patched:
            patched.setattr(fates, "forget", lambda *_: None)
            patched.setattr(committing, "forget", lambda *_: None)
            m.commit()
        put_on(m, "/later", b"later")
    with taken(base, upper) as m:
        assert got(m, "/later") == "later"
    assert journals(base) == []


def test_nobody_knows_whether_it_was_done(base, folder):
    """Then nothing is dropped, and it is said; but it can be discarded."""
    upper = f"{folder}/kept"
    renamed(base, upper)
    killed_commit(base, upper, DONE)
    state = f"{base}/../state/ostler"
    os.rename(state, f"{state}-away")
    kept = sorted(os.listdir(upper))
    for _ in range(2):
        with pytest.raises(OSError, match="whether it was done is not known") as caught:
            taken(base, upper)
        assert (caught.value.errno, caught.value.filename) == (errno.ESTALE, upper)
        assert sorted(os.listdir(upper)) == kept
    shutil.rmtree(state, ignore_errors=True)
    os.rename(f"{state}-away", state)
    with taken(base, upper) as m:
        assert m.changes() == []
        put_on(m, "/more", b"")
    killed_commit(base, upper, DONE)
    os.rename(state, f"{state}-away")
    assert called("discard", upper)[0] == 0
    assert not os.path.exists(upper)


def test_what_is_left_of_a_killed_commit_can_be_committed(base, folder):
    """What it has changed on its way is not taken for somebody else's work."""
    upper = f"{folder}/kept"
    put(f"{base}/e/deep/er/f", "f")
    os.mkdir(f"{base}/c")
    with taken(base, upper) as m:
        m.rename("/e/deep", "/deep")
        put_on(m, "/deep/er/new", b"new")
        m.makedirs("/made/in")
        m.checkpoint("one")
        m.rename("/deep/er", "/c/er")
        put_on(m, "/made/in/it", b"it")
    killed_commit(base, upper, DONE, upto="one")
    assert text(f"{base}/deep/er/new") == "new"
    with taken(base, upper) as m:
        shown = timeless(seen(m))
        m.commit()
    with ostler.confined(base) as real:
        assert timeless(view(real)) == shown
    assert text(f"{base}/c/er/new") == "new"
    assert journals(base) == []


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_something_new_in_the_place_of_what_a_killed_commit_has_renamed(base, folder, kind):
    """The new one is not taken for what is somewhere else now."""
    upper = f"{folder}/kept"
    put(f"{base}/d/in/f", "f")
    with taken(base, upper) as m:
        m.rename("/d", "/e")
        if kind == "directory":
            m.mkdir("/d")
        put_on(m, "/d" if kind == "file" else "/d/new", b"new")
        put_on(m, "/other", b"other")
        shown = timeless(seen(m))
    killed_commit(base, upper, DONE, [f"{base}/e", f"{base}/d"])
    with taken(base, upper) as m:
        assert timeless(seen(m)) == shown
        assert kinds(m, base) == {"other": "created"}
        commits_rightly(m, base, shown)


@pytest.mark.parametrize("edited", [False, True])
def test_some_files_of_a_killed_commit_are_changed_again(base, folder, edited):
    """As it would be without the kill; what somebody else has changed since is a conflict."""
    upper = f"{folder}/kept"
    put(f"{base}/file", "old")
    with taken(base, upper) as m:
        put_on(m, "/file", b"new")
        put_on(m, "/other", b"")
    killed_commit(base, upper, DONE, [f"{base}/file"])
    assert text(f"{base}/file") == "new"
    if edited:
        put(f"{base}/file", "by hand")
    with taken(base, upper) as m:
        put_on(m, "/file", b"newer")
        if edited:
            with pytest.raises(ostler.CommitConflict):
                m.commit()
        else:
            m.commit()
    assert text(f"{base}/file") == ("by hand" if edited else "newer")


def test_a_commit_that_could_not_be_settled_is_not_forgotten_by_the_next(base, folder, monkeypatch):
    upper = f"{folder}/kept"
    renamed(base, upper)

    def fails(*_):
        raise OSError(errno.EIO, "injected")

    with taken(base, upper) as m:
        with monkeypatch.context() as patched:
            patched.setattr(Work, "finish", fails)
            patched.setattr(Work, "take_back", lambda *_: False)
            patched.setattr(Journal, "write", lambda *given: given[1] != "back" and write(*given))
            with pytest.raises(OSError, match="neither be finished nor undone"):
                m.commit()
        with pytest.raises(OSError, match="an earlier commit of it is not known") as caught:
            m.commit()
        assert caught.value.errno == errno.ESTALE
        assert {"d", "g"} < set(os.listdir(base))  # and the stash of the first
    with taken(base, upper) as m:
        assert (m.changes(), journals(base)) == ([], [])
    assert sorted(os.listdir(base)) == ["e", "h", "precious"]


write = Journal.write
