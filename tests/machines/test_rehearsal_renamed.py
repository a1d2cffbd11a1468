"""Rehearsals: what is known to be renamed, and is renamed by the commit."""

import os
import stat

import pytest

import ostler
from tests.machines.rehearsing import commit, kinds, put, put_on, text, view
from tests.machines.test_rehearsal_random import timeless

pytestmark = pytest.mark.usefixtures("as_user")


def inodes(base):
    return {
        os.path.relpath(os.path.join(top, name), base): os.lstat(os.path.join(top, name)).st_ino
        for top, dirs, files in os.walk(base)
        for name in dirs + files
    }


def sources(machine, base):
    return {
        os.path.relpath(c.path, base): c.source and os.path.relpath(c.source, base)
        for c in machine.changes()
    }


def test_files(base):
    for name in ("a", "d/b", "c", "e"):
        put(f"{base}/{name}", name)
    before = inodes(base)
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/A")
        m.rename("/d/b", "/B")
        m.chmod("/B", 0o600)
        m.makedirs("/new/deep")
        m.rename("/c", "/new/deep/c")
        m.rename("/e", "/f")
        m.rename("/f", "/e")  # there and back is no change
        assert kinds(m, base) == {
            "A": "renamed", "B": "renamed", "new": "created", "new/deep": "created",
            "new/deep/c": "renamed",
        }  # fmt: skip
        assert sources(m, base) == {
            "A": "a", "B": "d/b", "new": None, "new/deep": None, "new/deep/c": "c",
        }  # fmt: skip
        change = m.changes()[0]
        assert (change.before.size, change.after.size) == (1, 1)
        commit(m, base)
    after = inodes(base)
    assert (after["A"], after["B"], after["new/deep/c"]) == (
        before["a"], before["d/b"], before["c"],
    )  # fmt: skip
    assert stat.S_IMODE(os.stat(f"{base}/B").st_mode) == 0o600
    assert sorted(after) == ["A", "B", "d", "e", "new", "new/deep", "new/deep/c"]


def test_a_backup(base):
    """The old file gets another name, and a new one its own: as editors do it."""
    put(f"{base}/a", "old")
    inode = os.stat(f"{base}/a").st_ino
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/a~")
        put_on(m, "/a", b"new text")
        assert kinds(m, base) == {"a": "created", "a~": "renamed"}
        commit(m, base, f"{base}/a")  # can't be without the other
    assert os.stat(f"{base}/a~").st_ino == inode
    assert (text(f"{base}/a"), text(f"{base}/a~")) == ("new text", "old")


def test_over_another(base):
    put(f"{base}/a", "aaa")
    put(f"{base}/b", "b")
    put(f"{base}/c/x", "x")
    put(f"{base}/e", "e")
    inode = os.stat(f"{base}/a").st_ino
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.unlink("/c/x")
        m.rmdir("/c")
        m.rename("/e", "/c")
        assert sources(m, base) == {"b": "a", "c": "e", "c/x": None}
        assert kinds(m, base) == {"b": "renamed", "c": "renamed", "c/x": "removed"}
        commit(m, base)
    assert os.stat(f"{base}/b").st_ino == inode
    assert sorted(os.listdir(base)) == ["b", "c"]
    assert text(f"{base}/c") == "e"


def test_files_that_change_places(base, user):
    put(f"{base}/a", "1")
    put(f"{base}/b", "22")
    before = inodes(base)
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/t")
        m.rename("/b", "/a")
        m.rename("/t", "/b")
        found = kinds(m, base)
        commit(m, base)
    after = inodes(base)
    assert (text(f"{base}/a"), text(f"{base}/b")) == ("22", "1")
    if user == "root":  # the marks of an ordinary user don't say from where a file is
        assert found == {"a": "renamed", "b": "renamed"}
        assert after == {"a": before["b"], "b": before["a"]}


def test_other_names_of_a_file_stay(base):
    put(f"{base}/a", "1")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.link("/b", "/c")
        commit(m, base)
    assert os.path.samefile(f"{base}/b", f"{base}/c")
    assert os.listdir(base) != ["a"]


def test_renamed_and_changed(base, user):
    put(f"{base}/a", "old\n")
    put(f"{base}/gone", "x")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        with m.open_file("/b", "a") as file:
            file.write("more\n")
        m.unlink("/gone")
        found, difference = kinds(m, base), m.diff()
        picture = m.tree()
        commit(m, base)
    assert text(f"{base}/b") == "old\nmore\n"
    assert os.listdir(base) == ["b"]
    if user == "root":
        assert found == {"b": "renamed", "gone": "removed"}
        assert f"renamed {base}/a to {base}/b\n--- {base}/a\n+++ {base}/b\n" in difference
        assert "> b  from a, 4 B to 9 B" in picture
    else:  # no mark says of which file it was a copy
        assert found == {"a": "removed", "b": "created", "gone": "removed"}


def test_out_of_what_is_removed_or_renamed(base):
    for name in ("gone/x/a", "gone/y", "moves/b", "moves/c"):
        put(f"{base}/{name}", name)
    before = inodes(base)
    with ostler.rehearsal(base) as m:
        m.rename("/gone/x/a", "/a")
        m.rename("/moves/b", "/b")
        m.unlink("/gone/y")
        m.rmdir("/gone/x")
        m.rmdir("/gone")
        m.rename("/moves", "/moved")
        m.rename("/b", "/moved/b2")
        assert sources(m, base) == {
            "a": "gone/x/a", "gone": None, "gone/x": None, "gone/y": None,
            "moved": "moves", "moved/b2": "moves/b",
        }  # fmt: skip
        commit(m, base, f"{base}/gone")  # takes a with it
        assert sorted(os.listdir(base)) == ["a", "moves"]
        commit(m, base)
    after = inodes(base)
    assert after == {
        "a": before["gone/x/a"], "moved": before["moves"],
        "moved/b2": before["moves/b"], "moved/c": before["moves/c"],
    }  # fmt: skip


def test_half_of_a_renamed_one_is_all_of_it(base):
    put(f"{base}/from/a", "a")
    put(f"{base}/from/b", "b")
    with ostler.rehearsal(base) as m:
        m.mkdir("/to")
        for name in "ab":
            m.rename(f"/from/{name}", f"/to/{name}")
        commit(m, base, [f"{base}/from/a"])
        assert os.listdir(f"{base}/from") == ["b"]
        assert os.listdir(f"{base}/to") == ["a"]
        assert sources(m, base) == {"to/b": "from/b"}
        assert m.listdir("/to") in (["a", "b"], ["b", "a"])
        assert m.open_file("/to/a").read() == "a"
        commit(m, base, os.fsencode(f"{base}/to"))
        assert m.changes() == []
    assert sorted(os.listdir(f"{base}/to")) == ["a", "b"]


@pytest.mark.parametrize("case", ["source changed", "target made", "covered changed"])
def test_conflicts(base, case):
    put(f"{base}/a", "a")
    put(f"{base}/covered", "c")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/covered" if case == "covered changed" else "/b")
        assert "renamed" in kinds(m, base).values()
        name = {"source changed": "a", "target made": "b", "covered changed": "covered"}[case]
        put(f"{base}/{name}", "by somebody else")
        with pytest.raises(ostler.CommitConflict) as caught:
            m.commit()
        assert caught.value.paths == [f"{base}/{name}"]  # as it is called in the base
        # A user's rename of a file that is another by now is told as removed and created.
        is_known = name == "a" and os.geteuid() == 0
        assert caught.value.now == ({f"{base}/a": f"{base}/b"} if is_known else {})
    assert text(f"{base}/{name}") == "by somebody else"
    assert os.path.exists(f"{base}/a")


def test_directories_of_directories(base):
    """The kernel renames no directory of the base for an ordinary user: it is as if it did."""
    for name in ("a/b/c/x", "a/b/y", "a/z"):
        put(f"{base}/{name}", name)
    before = inodes(base)
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/A")
        m.rename("/A/b/c", "/C")
        m.rename("/A/b", "/A/B")
        assert sources(m, base) == {"A": "a", "A/B": "a/b", "C": "a/b/c"}
        commit(m, base)
        put_on(m, "/A/B/later", b"1")
        assert sources(m, base) == {"A/B/later": None}
        commit(m, base)
    after = inodes(base)
    assert [after[name] for name in ("A", "A/B", "A/B/y", "A/z", "C", "C/x")] == [
        before[name] for name in ("a", "a/b", "a/b/y", "a/z", "a/b/c", "a/b/c/x")
    ]


def test_kept_and_taken_up(base, folder):
    put(f"{base}/a", "a")
    put(f"{base}/d/x", "x")
    with ostler.rehearsal(base) as m:
        m.rename("/a", "/b")
        m.rename("/d", "/e")
        m.keep(f"{folder}/kept")
    with ostler.rehearsal(base, f"{folder}/kept") as m:
        assert sources(m, base) == {"b": "a", "e": "d"}
        commit(m, base)
    assert sorted(os.listdir(base)) == ["b", "e"]


@pytest.mark.parametrize("part", ["d", "b"])
def test_a_directory_in_the_place_of_a_file_that_is_elsewhere_now(base, part):
    """Where only one of the two is committed, the other one goes with it, or is still there."""
    put(f"{base}/d", "file")
    put(f"{base}/a/c/inside", "inside")
    os.mkdir(f"{base}/b")
    with ostler.rehearsal(base) as m:
        m.rename("/d", "/b/d")
        m.rename("/a/c", "/d")
        shown = timeless(view(m))
        assert kinds(m, base)["b/d"] == "renamed"
        m.commit(f"{base}/{part}")
        assert timeless(view(m)) == shown
        m.commit()
    assert text(f"{base}/b/d") == "file"
    assert text(f"{base}/d/inside") == "inside"


def test_what_was_renamed_into_a_new_directory_is_whole_after_a_commit_of_a_part(base):
    put(f"{base}/d/below/file", "file")
    with ostler.rehearsal(base) as m:
        m.mkdir("/new")
        m.rename("/d", "/new/d")
        put_on(m, "/other", b"other")
        shown = timeless(view(m))
        m.commit(f"{base}/new")
        assert kinds(m, base) == {"other": "created"}
        assert timeless(view(m)) == shown
        m.commit()
    assert text(f"{base}/new/d/below/file") == "file"


def test_names_of_a_file_below_what_was_renamed_have_its_data_after_a_commit_of_a_part(base):
    put(f"{base}/d/below/file", "file")
    with ostler.rehearsal(base) as m:
        m.rename("/d", "/moved")
        m.link("/moved/below/file", "/name")
        put_on(m, "/other", b"other")
        shown = timeless(view(m))
        m.commit(f"{base}/moved")
        assert timeless(view(m)) == shown
        m.commit()
    assert text(f"{base}/moved/below/file") == text(f"{base}/name") == "file"


def test_a_new_directory_that_stood_in_the_place_of_a_file(base):
    """It is a part of what is new after a point, too, and the file is still known to be gone."""
    put(f"{base}/d", "file")
    with ostler.rehearsal(base) as m:
        m.unlink("/d")
        m.mkdir("/d")
        put_on(m, "/d/inside", b"inside")
        m.checkpoint()
        m.rename("/d", "/e")
        assert kinds(m, base) == {"d": "removed", "e": "created", "e/inside": "created"}
        m.commit(f"{base}/e")
        assert not m.path.exists("/d")
        m.commit()
    assert os.listdir(base) == ["e"]


def test_what_lies_in_a_renamed_directory_was_renamed_by_an_earlier_commit(base):
    """It finds its own place in the base wherever that is after commits of a part."""
    put(f"{base}/x/below/file", "file")
    os.mkdir(f"{base}/p")
    with ostler.rehearsal(base) as m:
        put_on(m, "/other", b"other")
        for one, other in (("x", "p/x"), ("p", "q"), ("q", "r")):
            m.rename(f"/{one}", f"/{other}")
            shown = timeless(view(m))
            m.commit(f"{base}/{other}")
            assert timeless(view(m)) == shown
        m.commit()
        assert timeless(view(m)) == shown
    assert sorted(os.listdir(base)) == ["other", "r"]
    assert text(f"{base}/r/x/below/file") == "file"


def test_a_new_directory_in_the_place_of_one_that_is_in_it_now(base):
    """Renamed after a point, it is new, and the other one alone is that of the base."""
    put(f"{base}/b/file", "file")
    with ostler.rehearsal(base) as m:
        m.rename("/b", "/t")
        m.mkdir("/b")
        m.rename("/t", "/b/old")
        m.checkpoint()
        m.rename("/b", "/a")
        assert sources(m, base) == {"a": None, "a/old": "b"}
        commit(m, base)
    assert text(f"{base}/a/old/file") == "file"
