"""Merging branches: against a plain model of three trees, and what is done when it can't be."""

import errno
import json  # noqa: F401  # an ordinary user can't read the interpreter's files everywhere
import os
import pickle
import random
import stat

import pytest

import ostler
from ostler.machines.rehearsal import branches, commits, flat, merge, moments  # noqa: F401
from ostler.points import history
from tests.machines.rehearsing import got, put, put_on, view

pytestmark = pytest.mark.usefixtures("as_user")


def tree(m):
    """{path: what is there} of a machine, without times."""
    found = {}
    for path, (kind, mode, _, _, _, xattrs, *rest) in view(m).items():
        if path:
            what = () if stat.S_ISLNK(kind) else (mode, tuple(sorted(xattrs.items())))
            found[path.decode()] = (kind, *what, *rest)
    return found


def above(path):
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def is_directory(entry):
    return entry is not None and stat.S_ISDIR(entry[0])


def differences(before, after):
    return {
        path: after.get(path)
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
    }


def conflicts(mine, theirs):
    """The paths that two sets of changes are not at one about."""
    found = {path for path in mine.keys() & theirs.keys() if mine[path] != theirs[path]}
    for some, others in ((mine, theirs), (theirs, mine)):
        for path, entry in some.items():
            gone = [p for p in above(path) if p in others and not is_directory(others[p])]
            if entry is not None and gone:
                found.add(path)
    return found


def merged(base, preferred, other):
    """Both changes in one tree; where they are not at one, those of the first."""
    first, second = differences(base, preferred), differences(base, other)
    result = {**base, **second, **first}
    kept = {path: entry for path, entry in result.items() if entry is not None}
    for path in sorted(kept):
        for place in above(path):
            if not is_directory(kept.get(place)) and first.get(path) is not None:
                kept[place] = preferred[place]
    for path in sorted(kept):
        if not all(is_directory(kept.get(place)) for place in above(path)):
            del kept[path]
    return kept


def paths(depth=3):
    names = "abc"
    found = list(names)
    for _ in range(depth - 1):
        found += [f"{path}/{name}" for path in found for name in names]
    return sorted(set(found))


def change(m, rng):
    """One random change, which may be none."""
    path = "/" + rng.choice(paths())
    act = rng.random()
    try:
        if act < 0.4:
            put_on(m, path, b"%d" % rng.randrange(3))
        elif act < 0.55:
            m.mkdir(path)
        elif act < 0.65:
            m.trees.remove(path)
        elif act < 0.72:
            m.chmod(path, rng.choice((0o700, 0o755, 0o750)))
        elif act < 0.79:
            m.symlink(rng.choice("ab"), path)
        elif act < 0.89:
            m.rename(path, "/" + rng.choice(paths()))
        elif act < 0.93:
            m.setxattr(path, "user.x", b"%d" % rng.randrange(2))
        elif act < 0.97:
            m.checkpoint()
        else:
            m.trees.remove(path)
            put_on(m, path, b"instead")
    except OSError:
        pass


def course(base, seed, steps):
    rng = random.Random(seed)
    for path in rng.sample(paths(), 8):
        try:
            put(f"{base}/{path}", str(rng.randrange(3)))
        except OSError:
            pass
    with ostler.rehearsal(base) as m:
        for _ in range(rng.randrange(5)):
            change(m, rng)
        common = tree(m)
        with m.branch() as branch:
            for _ in range(rng.randrange(steps)):
                change(rng.choice((m, branch)), rng)
            mine, theirs = tree(m), tree(branch)
            expected = conflicts(differences(common, mine), differences(common, theirs))
            for prefer in (None, "ours", "theirs"):
                with m.branch() as one, branch.branch() as other:
                    try:
                        done = one.merge(other, prefer=prefer)
                    except ostler.MergeConflict as error:
                        assert prefer is None
                        assert {os.path.relpath(p, base) for p in error.paths} == expected
                        assert tree(one) == mine
                        continue
                    assert prefer is not None or not expected
                    first, second = (theirs, mine) if prefer == "theirs" else (mine, theirs)
                    assert tree(one) == merged(common, first, second)
                    assert tree(other) == theirs
                    told = {os.path.relpath(c.path, base) for c in done}
                    assert differences(mine, tree(one)).keys() >= told - {"."} - expected - {
                        path for path in theirs if mine.get(path) == theirs[path]
                    }
            assert (tree(m), tree(branch)) == (mine, theirs)


@pytest.mark.parametrize("seed", range(25))
def test_it_is_what_a_model_says(base, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 3)
    course(base, seed, 14)


@pytest.mark.parametrize("seed", [268, 352])
def test_what_was_wrong_once(base, seed, monkeypatch):
    """What was only touched is no conflict with the removal of a directory above it."""
    monkeypatch.setattr(history, "BLOCK", 3)
    course(base, seed, 30)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(100, 400))
def test_more_of_it(base, seed, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", 3)
    course(base, seed, 30)


def test_all_that_there_is(base, user):
    put(f"{base}/text", "base")
    put(f"{base}/gone/x", "base")
    put(f"{base}/mode", "base")
    with ostler.rehearsal(base) as m:
        branch = m.branch()
        put_on(branch, "/text", b"branch")
        branch.trees.remove("/gone")
        branch.chmod("/mode", 0o600)
        branch.mkdir("/d")
        put_on(branch, "/d/one", b"1" * 5000)
        branch.link("/d/one", "/d/two")
        branch.symlink("nowhere", "/d/link")
        branch.mkfifo("/d/fifo", 0o640)
        put_on(branch, "/d/shut", b"shut")
        branch.chmod("/d/shut", 0)
        branch.setxattr("/d", "user.x", b"1")
        branch.utime("/d/one", ns=(5, 7))
        if user == "root":
            branch.mknod("/d/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
            branch.chown("/d/one", 5, 6)
        branch.utime("/d", ns=(5, 9))
        put_on(m, "/mine", b"m")
        point = m.checkpoint()
        done = m.merge(branch)
        assert [(c.kind, os.path.relpath(c.path, base)) for c in done][:3] == [
            ("created", "d"), ("created", "d/fifo"), ("created", "d/link")
        ]  # fmt: skip
        assert (got(m, "/text"), got(m, "/mine")) == ("branch", "m")
        assert sorted(m.listdir("/")) == ["d", "mine", "mode", "text"]
        for path in branch.listdir("/d"):
            one, other = m.lstat(f"/d/{path}"), branch.lstat(f"/d/{path}")
            for name in ("st_mode", "st_uid", "st_gid", "st_mtime_ns", "st_nlink", "st_rdev"):
                assert getattr(one, name) == getattr(other, name), (path, name)
        assert m.stat("/d").st_mtime_ns == 9
        assert m.getxattr("/d", "user.x") == b"1"
        assert m.stat("/d/one").st_ino == m.stat("/d/two").st_ino
        m.rollback(point)
        assert sorted(m.listdir("/")) == ["gone", "mine", "mode", "text"]
        m.redo()
        assert got(m, "/text") == "branch"
        m.chmod("/d/shut", 0o600)
        assert got(m, "/d/shut") == "shut"
        branch.merge(m)  # and the other way round
        assert tree(branch) == tree(m)
        m.commit()
    assert os.stat(f"{base}/d/one").st_size == 5000


def test_a_conflict(base):
    put(f"{base}/d/x", "base")
    put(f"{base}/y", "base")
    with ostler.rehearsal(base) as m, m.branch() as branch:
        put_on(m, "/d/new", b"m")
        put_on(m, "/y", b"m")
        branch.trees.remove("/d")
        put_on(branch, "/y", b"branch")
        put_on(branch, "/only", b"branch")
        before = view(m), view(branch)
        with pytest.raises(ostler.MergeConflict) as caught:
            m.merge(branch)
        error = caught.value
        assert error.paths == [f"{base}/d/new", f"{base}/y"]
        assert (error.errno, error.filename) == (errno.ESTALE, f"{base}/d/new")
        assert str(error) == f"changed on both sides: '{base}/d/new' and 1 more"
        again = pickle.loads(pickle.dumps(error))
        assert (again.paths, str(again)) == (error.paths, str(error))
        assert (view(m), view(branch)) == before
        m.merge(branch, prefer="ours")
        assert (got(m, "/y"), m.listdir("/d"), got(m, "/only")) == ("m", ["new"], "branch")


def test_again_and_again(base):
    """What was merged is what both have in common from then on."""
    with ostler.rehearsal(base) as m, m.branch() as branch:
        put_on(branch, "/a", b"1")
        assert len(m.merge(branch)) == 1
        put_on(m, "/a", b"2")
        assert m.merge(branch) == []
        put_on(branch, "/b", b"1")
        assert [os.path.basename(c.path) for c in m.merge(branch)] == ["b"]
        assert got(m, "/a") == "2"
        assert [c.kind for c in branch.merge(m)] == ["modified"]
        assert (tree(branch), m.merge(branch)) == (tree(m), [])
        put_on(branch, "/a", b"3")
        m.checkpoint()
        with m.branch() as third:
            assert len(third.merge(branch)) == 1
            put_on(m, "/a", b"4")
            with pytest.raises(ostler.MergeConflict):
                m.merge(third)
        point = m.checkpoint()
        m.merge(branch, prefer="theirs")
        assert got(m, "/a") == "3"
        m.rollback(point)
        with pytest.raises(ostler.MergeConflict):  # it is as if it had never been
            m.merge(branch)


def test_what_was_merged_before_they_parted(base):
    """The last state that both had is the one from which they have parted."""
    with ostler.rehearsal(base) as m:
        put_on(m, "/first", b"first")
        with m.branch() as unchanged:
            m.merge(unchanged)
        put_on(m, "/file", b"one")
        with m.branch() as branch:
            put_on(branch, "/file", b"two")
            m.merge(branch)
        assert got(m, "/file") == "two"


ALSO = {
    "removed": lambda m: m.unlink("/d/file"),
    "metadata": lambda m: m.chmod("/d/file", 0o600),
    "modified": lambda m: m.truncate("/d/file", 1),
    "created": lambda m: m.mkdir("/d/b"),
}


@pytest.mark.parametrize("also", [None, *ALSO])
@pytest.mark.parametrize("before", [False, True], ids=["", "something before"])
def test_a_time_that_the_branch_alone_has_set(base, before, also):
    """Also an older one, of a directory in which something was changed before, or with it."""
    put(f"{base}/d/file", "file")
    with ostler.rehearsal(base) as m:
        if before:
            put_on(m, "/d/new", b"new")
        with m.branch() as branch:
            if also is not None:
                ALSO[also](branch)
            branch.utime("/d", ns=(1, 550080505748560702))
            told = [change.kind for change in branch.changes(branch.branched_at)]
            assert told == ["metadata" if also is None else also]
            m.merge(branch)
        assert m.stat("/d").st_mtime_ns == 550080505748560702


def test_what_was_only_touched_is_no_conflict(base):
    put(f"{base}/x", "base")
    with ostler.rehearsal(base) as m, m.branch() as branch:
        m.utime("/x", ns=(1, 1))
        put_on(branch, "/x", b"branch")
        m.merge(branch)
        assert got(m, "/x") == "branch"
        branch.utime("/x", ns=(1, 1))
        m.unlink("/x")
        assert m.merge(branch) == []
        assert m.listdir("/") == []


def test_what_is_no_branch(base):
    with ostler.rehearsal(base) as m, ostler.rehearsal(base) as stranger, m.branch() as branch:
        stranger.branch().close()
        for wrong in (m, stranger):
            with pytest.raises(ValueError, match=r"itself|no branches"):
                m.merge(wrong)
        with pytest.raises(TypeError):
            m.merge("branch")
        with pytest.raises(ValueError, match="prefer"):
            m.merge(branch, prefer="mine")
        put_on(branch, "/a", b"")
        branch.commit()
        with pytest.raises(ValueError, match="committed or discarded"):
            m.merge(branch)
        branch.close()
        with pytest.raises(ValueError, match="closed"):
            m.merge(branch)


def test_a_writer_is_in_the_way(base):
    with ostler.rehearsal(base) as m, m.branch() as branch:
        put_on(branch, "/a", b"")
        with branch.open_file("/log", "w"):
            with pytest.raises(OSError, match="open for writing") as caught:
                m.merge(branch)
            assert caught.value.errno == errno.EBUSY
        with m.open_file("/log2", "w"):
            with pytest.raises(OSError, match="open for writing"):
                m.merge(branch)
        assert m.listdir("/") == ["log2"]
        m.merge(branch)
        assert sorted(m.listdir("/")) == ["a", "log", "log2"]


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("at", range(1, 9, 3))
def test_nothing_is_half_done(base, monkeypatch, at, kind):
    put(f"{base}/gone/x", "base")
    put(f"{base}/text", "base")
    with ostler.rehearsal(base) as m, m.branch() as branch:
        branch.trees.remove("/gone")
        put_on(branch, "/text", b"branch")
        for number in range(6):
            branch.mkdir(f"/d{number}")
            put_on(branch, f"/d{number}/x", b"branch")
        put_on(m, "/mine", b"m")
        before = view(m)
        left = [at]
        given = merge.give_metadata

        def fails(*args):
            left[0] -= 1
            if not left[0]:
                raise kind(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return given(*args)

        monkeypatch.setattr(merge, "give_metadata", fails)
        with pytest.raises(kind) as caught:
            m.merge(branch)
        assert not hasattr(caught.value, "__notes__")
        monkeypatch.undo()
        assert view(m) == before
        m._history.background.finish()
        put_on(m, "/goes-on", b"")
        m.merge(branch)
        assert len(m.listdir("/")) == 9


def test_several_overlays(user):
    places = [f"{top}/ostler-merge-{os.getpid()}{user}" for top in ("/var/tmp", "/dev/shm")]
    with ostler.rehearsal() as m, m.branch() as branch:
        for place in places:
            put_on(branch, place, b"branch")
        put_on(m, places[0] + "m", b"m")
        assert [c.path for c in m.merge(branch)] == places or user == "ordinary"
        assert [got(m, place) for place in places] == ["branch", "branch"]
    assert not any(map(os.path.exists, places))


def told(changes):
    return [(change.kind, change.path, change.source) for change in changes]


def renaming(base):
    """A machine, and a branch in which most things have another name."""
    for name in ("d/x", "d/y", "d/in/z", "f", "g", "other/a", "other/b"):
        put(f"{base}/{name}", name)
    m = ostler.rehearsal(base)
    put_on(m, "/new", b"before the branch began")
    branch = m.branch()
    branch.rename("/d", "/e")
    put_on(branch, "/e/x", b"changed")
    branch.unlink("/e/y")
    put_on(branch, "/e/more", b"more")
    branch.rename("/e/in", "/in")
    branch.rename("/f", "/other/f")
    branch.rename("/new", "/newer")
    branch.rename("/other/a", "/a")
    put_on(branch, "/d", b"a file where a directory was")
    return m, branch


def test_what_was_renamed_is_told(base):
    m, branch = renaming(base)
    with m, branch:
        known = told(branch.changes(since=branch.branched_at))
        assert sum(kind == "renamed" for kind, _, _ in known) >= 2
        point = m.checkpoint()
        # What is a file now where a directory was: that is not told as renamed from there.
        branch.unlink("/d")
        known = told(branch.changes(since=branch.branched_at))
        done = m.merge(branch)
        assert told(done) == known
        assert view(m) == view(branch)
        m.rollback(point)
        put_on(m, "/in", b"in the way")
        done = m.merge(branch, prefer="ours")
        kinds = {os.path.relpath(path, base): kind for kind, path, _ in told(done)}
        assert (kinds.get("other/f"), "in" in kinds) == (dict_of(known, base).get("other/f"), False)
        assert kinds["d/in"] == "removed"


def dict_of(known, base):
    return {os.path.relpath(path, base): kind for kind, path, _ in known}


def test_a_rename_of_which_not_all_is_done(base):
    m, branch = renaming(base)
    with m, branch:
        put_on(m, "/d/x", b"changed here")
        with pytest.raises(ostler.MergeConflict):
            m.merge(branch)
        done = m.merge(branch, prefer="ours")
        assert got(m, "/d/x") == "changed here"
        assert "e" not in {os.path.relpath(c.path, base) for c in done if c.kind == "renamed"}
