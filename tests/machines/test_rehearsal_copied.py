"""Rehearsals on a copy: the tests of the others, and what is different there."""

import errno
import os

import pytest

import ostler
from ostler.machines.rehearsal.copied import copied_rehearsal
from tests.machines import containers, rehearsing
from tests.machines import test_rehearsal_commit as commit_tests
from tests.machines import test_rehearsal_conflicts as conflict_tests
from tests.machines import test_rehearsal_random as random_tests
from tests.machines.rehearsing import journals, kinds, put, put_on, text

pytestmark = pytest.mark.usefixtures("as_user")

# What a copy can't be like, and why.
NOT_THERE = {
    "test_names_that_a_file_had_are_as_the_rehearsal_showed_them": "names of one file stay one",
    "test_renamed_on_both_sides": "what is renamed is removed, which both may do, and created",
    "test_a_rehearsal_goes_on_after_it_has_shut_directories": "the base is looked at, and is shut",
    "test_below_a_renamed_directory_the_base_says_what_a_path_is": "nothing is renamed for a copy",
    "test_some_paths_with_renamed_directories": "what is renamed is removed and created",
    "test_some_paths_without_another_renamed_file": "what is renamed is removed and created",
}
_made = ostler.rehearsal


def on_a_copy(base=None, upper=None):
    """As ostler.rehearsal where mounts are refused, with weaker=True."""
    if upper is not None or base is None:
        return _made(base, upper)
    return copied_rehearsal(ostler.MachineUnavailable("refused"), base, upper)


on_a_copy.recover = _made.recover

for _module in (commit_tests, conflict_tests, random_tests):
    for _name, _value in vars(_module).items():
        if _name.startswith("test_") and _name not in NOT_THERE:
            globals()[_name] = _value


@pytest.fixture(autouse=True)
def _copies(monkeypatch):
    monkeypatch.setattr(ostler, "rehearsal", on_a_copy)


def left():
    return [name for name in os.listdir("/dev/shm") if name.startswith("ostler-machine-")]


refused = pytest.mark.skipif(containers.numbers() is None, reason="the calls' numbers are needed")


@refused
def test_where_mounts_are_refused(base):
    containers.refuse(containers.OLD_PROFILE)
    put(f"{base}/a", "one\n")
    put(f"{base}/d/b", "b")
    os.link(f"{base}/a", f"{base}/d/same")
    with pytest.raises(ostler.MachineUnavailable, match="weaker=True"):
        _made(base)
    for options in ({}, {"upper": f"{base}/d"}):
        with pytest.raises(ostler.MachineUnavailable, match="on a copy"):
            _made(base if options else None, weaker=True, **options)
    with _made(base, weaker=True) as m:
        assert "copy" in m.guarantees["files"] and "weaker" in m.guarantees
        assert m.changes() == []
        assert m.stat("/a").st_nlink == 2
        put_on(m, "/a", b"two\n")
        m.remove("/d/b")
        m.rename("/d", "/e")
        assert text(f"{base}/a") == "one\n"
        assert kinds(m, base) == {
            "a": "modified", "d": "removed", "d/b": "removed", "d/same": "removed",
            "e": "created", "e/same": "created",
        }  # fmt: skip
        assert "-one\n+two\n" in m.diff()
        with pytest.raises(PermissionError, match="guarantees"):
            m.system("true")
        with pytest.raises(ostler.MachineUnavailable, match="kept"):
            m.keep(f"{base}/kept")
        rehearsing.commit(m, base)
        assert sorted(os.listdir(base)) == ["a", "e"]
        assert os.stat(f"{base}/a").st_ino == os.stat(f"{base}/e/same").st_ino
        assert journals(base) == []
    assert [name for name in left() if f"-{os.getpid()}-" in name] == []


def test_what_others_do_meanwhile(base):
    for name in ("changed", "removed", "kept", "gone"):
        put(f"{base}/{name}", "old")
    with ostler.rehearsal(base) as m:
        put(f"{base}/changed", "theirs")
        put(f"{base}/new", "theirs")
        os.remove(f"{base}/removed")
        os.remove(f"{base}/gone")
        m.remove("/gone")
        # What only others have done is none of this rehearsal's changes.
        assert m.changes() == []
        put_on(m, "/mine", b"mine")
        assert kinds(m, base) == {"mine": "created"}
        m.commit()
        assert sorted(os.listdir(base)) == ["changed", "kept", "mine", "new"]
        for name in ("changed", "new", "removed"):
            put_on(m, f"/{name}", b"mine")
        with pytest.raises(ostler.CommitConflict) as caught:
            m.commit()
        assert caught.value.paths == [f"{base}/{name}" for name in ("changed", "new", "removed")]
        m.remove("/changed")
        with pytest.raises(ostler.CommitConflict):
            m.commit(f"{base}/changed")
        m.discard()
        assert m.changes() == []
        assert sorted(m.listdir("/")) == ["changed", "kept", "mine", "new"]
        put_on(m, "/changed", b"mine")
        m.commit()
    assert text(f"{base}/changed") == "mine"


def test_discarded(base):
    put(f"{base}/d/a", "old")
    with ostler.rehearsal(base) as m:
        m.chdir("/d")
        put_on(m, "a", b"new")
        m.mkdir("/made")
        m.chdir("/made")
        m.discard()
        assert (m.getcwd(), m.changes()) == ("/", [])
        m.chdir("/d")
        m.discard()
        assert m.getcwd() == "/d"
        with m.open_file("a") as file:
            assert file.read() == "old"
        assert len([name for name in left() if f"-{os.getpid()}-" in name]) == 1


def test_what_can_not_be_copied(base, run, user):
    if user == "root":
        pytest.skip("root may read everything")

    def check():
        put(f"{base}/secret", "x", 0)
        with pytest.raises(ostler.MachineUnavailable, match=r"copied.*secret"):
            ostler.rehearsal(base)
        assert [name for name in left() if f"-{os.getpid()}-" in name] == []

    run(check)


def test_it_has_no_points_and_says_so(base):
    put(f"{base}/a", "one\n")
    with ostler.rehearsal(base) as m:
        assert m.guarantees["points"].startswith("none: ")
        assert m.points() == []
        for call in (m.checkpoint, lambda: m.rollback("1"), m.redo):
            with pytest.raises(OSError, match="on a copy has no points") as caught:
                call()
            assert caught.value.errno == errno.EOPNOTSUPP
        for call in (lambda: m.at("1"), lambda: m.drop("1"), lambda: m.changes(since="1")):
            with pytest.raises(ValueError, match="no points"):
                call()
        put_on(m, "/a", b"two\n")
        assert kinds(m, base) == {"a": "modified"}
