"""Rehearsals in which what something is mounted in was renamed, removed or replaced.

Each file system that is mounted below the base is mounted on the rehearsal once more, where the
rehearsal shows the directory by now; where it shows it nowhere, that file system is left out.
"""

import contextlib
import errno
import os
import random
import stat
import subprocess

import pytest

import ostler
from ostler import cli
from tests.machines.rehearsing import by_steps, got, kinds, put, put_on, text, view
from tests.test_durable import own_mounts  # noqa: F401


@pytest.fixture
def above(tmp_path, own_mounts):  # noqa: F811
    """A directory for a base, above which nothing is anybody else's."""
    tmp_path.chmod(0o755)
    mounted = []

    def mount(place):
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "small", place], check=True)
        mounted.append(place)

    yield tmp_path, mount
    for place in reversed(mounted):
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)


# One place, by one command after the other


def run(upper, *steps):
    """A command of its own on what is kept, as `ostler exec --kept DIR --point` runs it."""
    with ostler.rehearsal(upper.parent / "base", upper=upper) as m:
        m.checkpoint(command=" ".join(steps))
        for verb, *words in map(str.split, steps):
            if verb == "put":
                put_on(m, words[0], words[1].encode())
            else:
                verbs = {"mv": m.rename, "rm": m.rmdir, "mkdir": m.makedirs, "ln": m.symlink}
                verbs[verb](*words)


REPLACED = {
    "a file": (["mv proj old", "mkdir proj", "put proj/m x"], "old/m"),
    "a link": (["mv proj old", "mkdir proj", "ln /elsewhere proj/m"], "old/m"),
    "nothing": (["mv proj old", "mkdir proj"], "old/m"),
    "no directory above": (["mv proj old"], "old/m"),
    "a link above": (["mv proj old", "ln old proj"], "old/m"),
    "a directory": (["mv proj old", "mkdir proj/m", "put proj/m/x x"], "old/m"),
    "its own parent": (["mv proj old", "mkdir proj", "mv old proj/m"], "proj/m/m"),
    "twice": (["mv proj old", "mkdir proj/m", "mv old very", "mv proj old"], "very/m"),
}


@pytest.mark.parametrize("how", REPLACED)
def test_its_parent_was_renamed(above, capsys, how):
    top, mount = above
    base, upper = top / "base", top / "kept"
    put(str(base / "proj" / "file"), "base")
    put(str(base / "elsewhere" / "precious"), "precious")
    mount(base / "proj" / "m")
    put(str(base / "proj" / "m" / "there"), "there")
    upper.mkdir(0o700)
    steps, place = REPLACED[how]
    run(upper, "put proj/m/there two")
    run(upper, *steps)
    with ostler.rehearsal(base, upper=upper) as m:
        assert got(m, f"/{place}/there") == "two"
        assert m.listdir("/elsewhere") == ["precious"]
        seen = view(m)
        changed = kinds(m, base)
        assert changed["proj/m/there"] == "modified"
    for argument in ([], ["1"], ["2"], ["1", "2"]):
        assert cli.main(["diff", str(upper), *argument]) == 0
    assert cli.main(["undo", str(upper)]) == 0
    with ostler.rehearsal(base, upper=upper) as m:
        assert got(m, "/proj/m/there") == "two"
        assert kinds(m, base) == {"proj/m/there": "modified"}
    assert cli.main(["undo", str(upper)]) == 0
    with ostler.rehearsal(base, upper=upper) as m:
        assert got(m, "/proj/m/there") == "there"
        assert m.changes() == []
    for _ in range(2):
        assert cli.main(["redo", str(upper)]) == 0
    with ostler.rehearsal(base, upper=upper) as m:
        assert view(m) == seen
        assert kinds(m, base) == changed
        put_on(m, f"/{place}/more", b"more")
        m.checkpoint("last")
        assert got(m, f"/{place}/more") == "more"
    assert cli.main(["commit", str(upper)]) == 0
    assert text(base / place / "there") == "two"
    assert text(base / place / "more") == "more"
    assert os.path.ismount(base / place)


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "kept"])
@pytest.mark.parametrize("how", ["some paths", "up to a point"])
def test_its_parent_is_committed_with_everything(above, how, kept):
    """What was changed in it is kept for its place, which would be another one."""
    top, mount = above
    base, upper = top / "base", top / "kept"
    put(str(base / "proj" / "file"), "base")
    mount(base / "proj" / "m")
    put(str(base / "proj" / "m" / "there"), "there")
    upper.mkdir(0o700)
    with ostler.rehearsal(base, upper=upper if kept else None) as m:
        put_on(m, "/proj/m/there", b"two")
        m.rename("/proj", "/old")
        m.checkpoint("renamed")
        put_on(m, "/old/m/there", b"three")
        which = {"upto": "renamed"} if how == "up to a point" else {"paths": [base / "old"]}
        with pytest.raises(OSError, match="something is mounted in it") as caught:
            m.commit(**which)
        assert (caught.value.errno, caught.value.filename) == (errno.EBUSY, str(base / "proj"))
        assert text(base / "proj" / "m" / "there") == "there"
        assert got(m, "/old/m/there") == "three"
        if how == "some paths":
            m.commit([base / "proj" / "m"])
            assert text(base / "proj" / "m" / "there") == "three"
            assert kinds(m, base) == {"old": "renamed"}
        m.commit()
        assert text(base / "old" / "m" / "there") == "three"
        assert m.changes() == []


INSTEAD = {
    "a file": ["rm proj/m", "put proj/m x"],
    "a link": ["rm proj/m", "ln /elsewhere proj/m"],
    "nothing": ["rm proj/m"],
    "nothing above": ["rm proj/m", "rm proj"],
    "a file above": ["rm proj/m", "rm proj", "put proj x"],
    "a link above": ["rm proj/m", "mv proj old", "ln elsewhere proj"],
    "a directory": ["rm proj/m", "mkdir proj/m", "put proj/m/x x"],
    "another one": ["mv proj/m old", "mkdir proj/m", "put proj/m/x x"],
}


@pytest.mark.parametrize("nested", [False, True], ids=["one", "nested"])
@pytest.mark.parametrize("how", INSTEAD)
def test_something_was_mounted_afterwards(above, capsys, how, nested):
    """Something is mounted where a command has removed the directory, or has replaced it."""
    top, mount = above
    base, upper = top / "base", top / "kept"
    (base / "proj" / "m").mkdir(parents=True)
    (base / "elsewhere" / "m").mkdir(parents=True)
    upper.mkdir(0o700)
    run(upper, "put file one")
    run(upper, *INSTEAD[how])
    with ostler.rehearsal(base, upper=upper) as m:
        seen, changed = view(m), kinds(m, base)
    mount(base / "proj" / "m")
    put(str(base / "proj" / "m" / "there"), "there")
    if nested:
        mount(base / "proj" / "m" / "n")
    shown = "/old" if how == "another one" else None
    with ostler.rehearsal(base, upper=upper) as m:
        if shown is None:
            assert view(m) == seen
        else:
            assert sorted(m.listdir(shown)) == ["n", "there"] if nested else ["there"]
        assert set(changed) <= set(kinds(m, base))
        assert os.listdir(base / "elsewhere" / "m") == []
        put_on(m, "/more", b"more")
        m.checkpoint()
        put_on(m, "/more", b"and more")
    for argument in ([], ["1"], ["2"], ["1", "2"], ["2", "3"]):
        assert cli.main(["diff", str(upper), *argument]) == 0
    capsys.readouterr()
    assert cli.main(["commit", str(upper)]) == 1
    said = capsys.readouterr().err
    assert f"{base}/proj" in said and "something was mounted there" in said
    assert text(base / "proj" / "m" / "there") == "there"
    assert cli.main(["undo", str(upper), "2"]) == 0
    with ostler.rehearsal(base, upper=upper) as m:
        assert got(m, "/proj/m/there") == "there"
        put_on(m, "/proj/m/new", b"new")
        assert kinds(m, base) == {"file": "created", "proj/m/new": "created"}
        m.checkpoint("late")
        m.rollback("3")
        if shown is None:
            assert set(view(m)) == set(seen) | {b"more"}
        m.redo()
        assert got(m, "/proj/m/new") == "new"
    assert cli.main(["commit", str(upper)]) == 0
    assert text(base / "proj" / "m" / "new") == "new"


# Random ones


FILES = ["f", "g"]


def furnish(base, mount):
    """A base with four file systems, one of them in another one, and a file upon a file."""
    put(str(base / "a" / "b" / "file"), "in b")
    put(str(base / "c" / "d" / "file"), "in d")
    mount(base / "a" / "b" / "one")
    put(str(base / "a" / "b" / "one" / "e" / "f"), "in one")
    mount(base / "a" / "b" / "one" / "e" / "two")
    put(str(base / "a" / "b" / "one" / "e" / "two" / "f"), "in two")
    mount(base / "c" / "three")
    put(str(base / "c" / "three" / "f"), "in three")
    put(str(base / "c" / "bound"), "")
    put(str(base.parent / "other"), "bound")
    subprocess.run(["mount", "--bind", base.parent / "other", base / "c" / "bound"], check=True)


def operate(m, rng, count):
    """Random renames, removals and changes; what is refused is no matter."""
    for _ in range(count):
        directories = [path.decode() for path, entry in view(m).items() if entry[0] == stat.S_IFDIR]
        here = "/" + rng.choice(directories)
        there = "/" + rng.choice(directories) + "/" + rng.choice("abcdxyz")
        file = here + "/" + rng.choice(FILES)
        do = rng.choice(["mv", "mv", "mv", "mkdir", "rmdir", "put", "put", "rm", "chmod", "ln"])
        with contextlib.suppress(OSError):
            if do == "mv":
                m.rename(here, there)
            elif do == "mkdir":
                m.mkdir(there)
            elif do == "rmdir":
                m.rmdir(here)
            elif do == "put":
                put_on(m, file, str(rng.random()).encode())
            elif do == "rm":
                m.unlink(file)
            elif do == "chmod":
                m.chmod(file, rng.choice([0o600, 0o640, 0o644]))
            else:
                m.symlink(rng.choice(["/a", "..", "nowhere"]), there)


@by_steps(6)
def test_random(above, step):
    top, mount = above
    for seed in range(0, 60, step):
        folder = top / str(seed)
        base, upper = folder / "base", folder / "kept"
        upper.mkdir(0o700, parents=True)
        furnish(base, mount)
        try:
            course(base, upper, random.Random(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def course(base, upper, rng):
    """Points and ways back over several take-ups: what is seen is what was seen."""
    known = {}
    seen = listed = None
    for _ in range(6):
        with ostler.rehearsal(base, upper=upper) as m:
            if seen is not None:
                assert view(m) == seen
                assert kinds(m, base) == listed
            for _ in range(rng.randrange(3)):
                operate(m, rng, rng.randrange(1, 8))
                point = m.checkpoint().name
                known[point] = view(m)
            if known and rng.random() < 0.5:
                there = rng.choice(sorted(known))
                left = view(m)
                known[m.rollback(there).name] = left
                assert view(m) == known[there]
                if rng.random() < 0.5:
                    m.redo()
                    assert view(m) == left
            operate(m, rng, rng.randrange(4))
            for point in known:
                with m.at(point) as then:
                    assert view(then) == known[point]
                m.diff(point)
                m.changes(point)
            seen, listed = view(m), kinds(m, base)
