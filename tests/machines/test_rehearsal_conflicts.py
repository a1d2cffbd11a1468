"""Rehearsals: conflicts with what others changed, failures, discarding and keeping."""

import errno
import os
import pickle

import pytest

import ostler
from ostler import CommitConflict
from ostler.machines.rehearsal import stage
from ostler.machines.rehearsal.work import Work
from tests.machines.rehearsing import commit, journals, kinds, put, put_on, snapshot, text, view

pytestmark = pytest.mark.usefixtures("as_user")


def conflict(base, prepare, rehearse, meanwhile):
    prepare()
    with ostler.rehearsal(base) as m:
        rehearse(m)
        meanwhile()
        before = snapshot(base)
        with pytest.raises(CommitConflict) as caught:
            m.commit()
        assert isinstance(caught.value, OSError)
        assert snapshot(base) == before
        assert journals(base) == []
    return [os.path.relpath(path, base) for path in caught.value.paths]


CONFLICTS = {
    "modified on both sides": (
        lambda m: put_on(m, "/d/a", b"mine"),
        lambda base: put(f"{base}/d/a", "theirs"),
        "d/a",
    ),
    "modified and removed": (
        lambda m: put_on(m, "/d/a", b"mine"),
        lambda base: os.unlink(f"{base}/d/a"),
        "d/a",
    ),
    "removed and modified": (
        lambda m: m.unlink("/d/a"),
        lambda base: put(f"{base}/d/a", "theirs"),
        "d/a",
    ),
    "created on both sides": (
        lambda m: put_on(m, "/d/new", b"mine"),
        lambda base: put(f"{base}/d/new", "theirs"),
        "d/new",
    ),
    "a new file in a removed directory": (
        lambda m: (m.unlink("/e/x"), m.rmdir("/e")),
        lambda base: put(f"{base}/e/new", "theirs"),
        "e",
    ),
    "the directory of a new file is gone": (
        lambda m: put_on(m, "/e/new", b"mine"),
        lambda base: (os.unlink(f"{base}/e/x"), os.rmdir(f"{base}/e")),
        "e",
    ),
    "metadata on both sides": (
        lambda m: m.chmod("/d/a", 0o600),
        lambda base: os.chmod(f"{base}/d/a", 0o640),
        "d/a",
    ),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_conflicts(base, case):
    rehearse, meanwhile, path = CONFLICTS[case]

    def prepare():
        put(f"{base}/d/a", "a")
        put(f"{base}/e/x", "x")

    assert path in conflict(base, prepare, rehearse, lambda: meanwhile(base))


# What they make of it here, and where they move it: for root's overlay the data stay the base's.
RENAMED = {
    "the name alone": (lambda m: None, "d/theirs"),
    "and the mode": (lambda m: m.chmod("/d/mine", 0o600), "d/theirs"),
    "and it is elsewhere": (lambda m: m.chmod("/d/mine", 0o600), "e/theirs"),
}


@pytest.mark.parametrize("case", RENAMED)
def test_renamed_on_both_sides(base, case):
    change, theirs = RENAMED[case]

    def rehearse(m):
        m.rename("/d/a", "/d/mine")
        change(m)

    found = conflict(
        base,
        lambda: (put(f"{base}/d/a", "a"), put(f"{base}/e/x", "x")),
        rehearse,
        lambda: os.rename(f"{base}/d/a", f"{base}/{theirs}"),
    )
    # To an ordinary user's overlay it is a file that somebody has copied up and moved.
    assert ("d/a" if os.geteuid() == 0 else "d/mine") in found


# What they do below a directory that is renamed here, and what we had done there: the base's path.
BELOW_RENAMED = {
    "modified": (lambda m: put_on(m, "/new/e/a", b"mine"), "a", True),
    "removed": (lambda m: m.unlink("/new/e/a"), "a", True),
    "metadata": (lambda m: m.chmod("/new/e/a", 0o600), "a", True),
    "created": (lambda m: put_on(m, "/new/e/b", b"mine"), "b", False),
    "renamed": (lambda m: m.rename("/new/e/a", "/new/e/c"), "a", True),
}


@pytest.mark.parametrize("case", BELOW_RENAMED)
def test_below_a_renamed_directory_the_base_says_what_a_path_is(base, case):
    change, name, known = BELOW_RENAMED[case]
    new = "c" if case == "renamed" else name

    put(f"{base}/old/e/a", "a\n")
    with ostler.rehearsal(base) as m:
        m.rename("/old", "/new")
        change(m)
        found = {c.path: c for c in m.changes()}[f"{base}/new/e/{new}"]
        assert found.base == (f"{base}/old/e/{name}" if known else None)
        assert found.as_dict()["base"] == found.base
        if case == "modified":
            assert f"--- {base}/old/e/a\n+++ {base}/new/e/a\n" in m.diff()
        put(f"{base}/old/e/{name}", "theirs")
        with pytest.raises(CommitConflict) as caught:
            m.commit()
        error = pickle.loads(pickle.dumps(caught.value))
        at = error.paths.index(f"{base}/old/e/{name}")
        # A user's rename of a file that is another by now is told as removed and created.
        shown = new if os.geteuid() == 0 else name
        assert error.now[error.paths[at]] == f"{base}/new/e/{shown}"
        assert error.filename == error.paths[0] and error.now[error.paths[0]] in str(error)
        assert all(os.path.exists(path) for path in error.paths)


def test_other_changes_are_no_conflict(base):
    put(f"{base}/d/a", "a")
    put(f"{base}/d/b", "b")
    with ostler.rehearsal(base) as m:
        put_on(m, "/d/a", b"mine")
        put_on(m, "/d/new", b"mine")
        put(f"{base}/d/b", "theirs")
        put(f"{base}/d/other", "theirs")
        m.commit()
    found = {name: text(f"{base}/d/{name}") for name in os.listdir(f"{base}/d")}
    assert found == {"a": "mine", "new": "mine", "b": "theirs", "other": "theirs"}


def test_the_time_that_others_give_a_directory_is_no_change(base):
    put(f"{base}/d/e/a", "a")
    with ostler.rehearsal(base) as m:
        put_on(m, "/d/e/a", b"mine")
        put(f"{base}/d/other", "theirs")
        time = os.stat(f"{base}/d").st_mtime_ns
        assert kinds(m, base) == {"d/e/a": "modified"}
        m.commit()
    assert os.stat(f"{base}/d").st_mtime_ns == time


def test_the_time_that_others_give_a_directory_before_and_after_it_is_copied_up(base):
    put(f"{base}/d/e/a", "a")
    with ostler.rehearsal(base) as m:
        put(f"{base}/d/first", "theirs")
        time = os.stat(f"{base}/d").st_mtime_ns
        put_on(m, "/d/e/a", b"mine")
        while os.stat(f"{base}/d").st_mtime_ns == time:
            put(f"{base}/d/second", "theirs")
            os.unlink(f"{base}/d/second")
        assert kinds(m, base) == {"d/e/a": "modified"}
        time = os.stat(f"{base}/d").st_mtime_ns
        m.commit()
    assert os.stat(f"{base}/d").st_mtime_ns == time


def test_what_was_changed_just_before_is_no_conflict(base):
    for number in range(20):
        put(f"{base}/a", str(number))
        with ostler.rehearsal(base) as m:
            put_on(m, "/a", b"mine")
            m.commit()


# Room, discarding, keeping


def test_no_room(base):
    put(f"{base}/a", "old")
    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"new")
        before = snapshot(base)

        def full(*args):
            raise OSError(errno.ENOSPC, "No space left on device")

        copied, stage.copy_data = stage.copy_data, full
        with pytest.raises(OSError, match="No space"):
            m.commit()
        stage.copy_data = copied
        assert snapshot(base) == before
        commit(m, base)


def test_discard(base):
    put(f"{base}/d/a", "a")
    with ostler.rehearsal(base) as m:
        m.chdir("/d")
        m.unlink("a")
        m.mkdir("/new")
        m.discard()
        assert m.changes() == []
        assert m.listdir(".") == ["a"]
        assert m.getcwd() == "/d"
        put_on(m, "a", b"again")
        commit(m, base)
    assert text(f"{base}/d/a") == "again"


def test_kept_on_disk(base, folder):
    upper = f"{folder}/upper"
    os.mkdir(upper)
    put(f"{base}/d/a", "a")
    put(f"{base}/e/b", "b")
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m, "/d/a", b"later")
        m.rename("/e", "/f")
        expected = kinds(m, base)
        shown = view(m)
    with ostler.rehearsal(base, upper=upper) as m:
        assert kinds(m, base) == expected
        assert view(m) == shown
        put_on(m, "/d/c", b"c")
    with ostler.rehearsal(base, upper=upper) as m:
        m.commit(f"{base}/d/c")
    with ostler.rehearsal(base, upper=upper) as m:
        assert kinds(m, base) == expected
        commit(m, base)
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.changes() == []
        put_on(m, "/x", b"x")
        m.discard()
    with ostler.rehearsal(base, upper=upper) as m:
        assert m.changes() == []
    assert sorted(os.listdir(base)) == ["d", "f"]


def test_a_kept_one_finds_what_changed_meanwhile(base, folder):
    upper = f"{folder}/upper"
    os.mkdir(upper)
    put(f"{base}/a", "a")
    with ostler.rehearsal(base, upper=upper) as m:
        put_on(m, "/a", b"later")
    put(f"{base}/a", "meanwhile")
    with ostler.rehearsal(base, upper=upper) as m, pytest.raises(CommitConflict):
        m.commit()


def test_over_everything(base):
    """The whole machine is rehearsed, in a directory for all as in one's own."""
    shared = f"/tmp/ostler-test-{os.getpid()}"
    put(f"{base}/a", "old")
    with ostler.rehearsal() as m:
        m.mkdir(shared)
        put_on(m, f"{shared}/new", b"new")
        put_on(m, f"{base}/a", b"new")
        assert not os.path.exists(shared)
        mine = [c.path for c in m.changes()]
        assert mine == [shared, f"{shared}/new", f"{base}/a"] or mine == [
            f"{base}/a", shared, f"{shared}/new",
        ]  # fmt: skip
        m.commit([shared, f"{base}/a"])
        assert text(f"{shared}/new") == text(f"{base}/a") == "new"
        m.unlink(f"{shared}/new")
        m.rmdir(shared)
        m.commit(shared)
        assert not os.path.exists(shared)


@pytest.mark.parametrize("late", ["added", "below", "written", "later"])
def test_what_is_worked_on_while_it_is_removed(base, late):
    """Between the last look at an object and its move into the stash, and just after it."""
    put(f"{base}/gone/deep/file", "old")
    put(f"{base}/modified", "old")
    put(f"{base}/single", "old")
    wanted = {
        "added": "gone/new", "below": "gone/deep/new", "written": "gone/deep/file",
        "later": "single",
    }[late]  # fmt: skip
    rename = Work.rename

    def raced(self, top, source, target):
        if source == wanted.split("/")[0].encode():
            if late == "later":
                with open(f"{base}/single", "a") as writer:
                    rename(self, top, source, target)
                    writer.write("work")
                return
            with open(f"{base}/{wanted}", "a") as writer:
                writer.write("work")
        rename(self, top, source, target)

    with ostler.rehearsal(base) as m:
        m.trees.remove("/gone")
        m.remove("/single")
        put_on(m, "/modified", b"new")
        Work.rename = raced
        with pytest.raises(CommitConflict) as caught:
            m.commit()
        Work.rename = rename
        top = wanted.split("/")[0]
        assert caught.value.paths == [f"{base}/{top}"]
        assert text(f"{base}/{wanted}").endswith("work")
        assert text(f"{base}/modified") == "old"
        assert sorted(os.listdir(base)) == ["gone", "modified", "single"]
        assert journals(base) == []


def test_the_base_is_exchanged_while_it_is_committed(base, folder):
    """What stands under its name by then is another directory, in which nothing is done."""
    put(f"{base}/a", "old")
    finish = Work.finish

    def exchanged(self, expected=None):
        os.rename(base, f"{folder}/elsewhere")
        put(f"{base}/a", "another")
        finish(self, expected)

    with ostler.rehearsal(base) as m:
        put_on(m, "/a", b"new")
        m.mkdir("/d")
        Work.finish = exchanged
        try:
            m.commit()
        finally:
            Work.finish = finish
    assert text(f"{base}/a") == "another"
    assert os.listdir(base) == ["a"]
    assert text(f"{folder}/elsewhere/a") == "new"
    assert sorted(os.listdir(f"{folder}/elsewhere")) == ["a", "d"]
