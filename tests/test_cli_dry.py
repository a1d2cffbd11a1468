"""Dry runs refuse what the run refuses, and print what it does; the run itself is the judge."""

import json
import os
import random
import shutil
import subprocess

import pytest

from tests import tree_maker
from tests.command_line import AS_USER, called, program
from tests.tree_maker import INSIDE

RUNS = int(os.environ.get("DRY_RUNS", 12))


def picture(top):
    """Every entry below a directory, and what makes it that one; as bytes."""
    shown = {}
    for path in [os.fsencode(top), *tree_maker.names(os.fsencode(top))]:
        st = os.lstat(path)
        change = None if os.path.isdir(path) and not os.path.islink(path) else st.st_mtime_ns
        shown[path[len(os.fsencode(top)) :]] = (st.st_mode & 0o170000, st.st_ino, change)
    return shown


def made(base, rng):
    """A directory with two trees and some entries beside them."""
    tree_maker.make(str(base / "a"), rng.randrange(1 << 30), rng.choice([3, 20, 60]), INSIDE)
    tree_maker.make(str(base / "b"), rng.randrange(1 << 30), rng.choice([0, 10]), INSIDE)
    (base / "empty").mkdir()
    (base / "f").write_text("f")
    (base / "g").write_text("older")
    os.utime(base / "g", (1, 1))
    (base / "link").symlink_to("a")
    (base / "lost").symlink_to("missing")
    os.mkfifo(base / "pipe")
    for path in tree_maker.names(os.fsencode(base / "a"))[:: rng.choice([2, 3])]:
        # Some of it is in b already, of the same kind or another.
        other = os.fsencode(base / "b") + path[len(os.fsencode(base / "a")) :]
        if not os.path.isdir(os.path.dirname(other)) or os.path.lexists(other):
            continue
        if rng.random() < 0.3 or (os.path.isdir(path) and rng.random() < 0.7):
            os.mkdir(other)
        else:
            with open(other, "w") as file:
                file.write("was there")
            if rng.random() < 0.5:
                os.utime(other, (1, 1))


PLACES = ["a", "b", "empty", "f", "g", "link", "lost", "pipe", "missing", "a/", "f/", "link/", ".",
          "./", "..", "a/.", "a/..", "new", "new/", "a/new", "missing/new", "f/new", "b/../a",
          "empty/x", "", "/"]  # fmt: skip


def choose(rng, base):
    found = [os.fsdecode(path) for path in tree_maker.names(os.fsencode(base))]
    below = [os.path.relpath(rng.choice(found), base) for _ in range(3)]
    return rng.choice([*PLACES, *below])


def two(tmp_path, rng):
    """A directory with a random tree, and one for its copy."""
    base, copy = tmp_path / "base", tmp_path / "copy"
    base.mkdir()
    copy.mkdir()
    made(base, rng)
    return base, copy


def both(base, copy, arguments):
    """The dry run in one directory, and the run in its copy."""
    before = picture(base)
    dry = called(*arguments[:1], "-n", "-0", *arguments[1:], cwd=base)
    assert picture(base) == before
    shutil.rmtree(copy)
    subprocess.run(["cp", "-a", base, copy], check=True)
    old = picture(copy)
    real = called(*arguments, cwd=copy)
    return dry, real, old, picture(copy)


def alike(base, copy, arguments):
    """Both, when their status and what they said are the same."""
    dry, real, old, new = both(base, copy, arguments)
    assert dry[0] == real[0], (arguments, dry, real)
    assert sorted(dry[2].splitlines()) == sorted(real[2].splitlines()), arguments
    return dry, old, new


def removes_what_it_shows(base, copy, arguments):
    dry, old, new = alike(base, copy, arguments)
    gone = sorted(os.path.normpath(b"/" + name.lstrip(b"/")) for name in old.keys() - new.keys())
    assert names(dry[1]) == gone, arguments


def names(out):
    return sorted(map(normal, out.split(b"\0")[:-1]))


def normal(name):
    name = os.path.normpath(b"/" + name.lstrip(b"/"))
    return b"/a" + name[5:] if name.startswith(b"/link/") else name


@pytest.mark.parametrize("seed", range(RUNS))
def test_copy(tmp_path, seed):
    rng = random.Random(seed)
    base, copy = two(tmp_path, rng)
    for _ in range(4):
        options = rng.sample(["-f", "-m", "-T", "-u", "-q", "--exclude=*_a", "-tempty", "-tb", "-L",
                              "--threads=1"], rng.choice([0, 0, 1, 1, 2]))  # fmt: skip
        paths = [choose(rng, base) for _ in range(rng.choice([1, 2, 2, 2, 3]))]
        if rng.random() < 0.3:
            paths = ["a", "b"]
        if any(path.startswith("/") or ".." in path for path in paths):
            continue  # not out of the directory
        if any(os.path.normpath(path) in ("b", "empty") for path in paths[1:-1]):
            continue  # what one source makes there is not there for another in a dry run
        arguments = ["copy", *options, "--", *paths]
        dry, old, new = alike(base, copy, arguments)
        changed = sorted(normal(name) for name in new if new[name] != old.get(name))
        assert set(old) <= set(new), arguments
        printed = names(dry[1])
        links = {name for name in printed if os.path.islink(b"%b%b" % (os.fsencode(copy), name))}
        assert [n for n in printed if n not in links] == [n for n in changed if n not in links], (
            arguments
        )


@pytest.mark.parametrize("seed", range(RUNS))
def test_remove(tmp_path, seed):
    rng = random.Random(seed)
    base, copy = two(tmp_path, rng)
    for _ in range(3):
        options = rng.sample(["-f", "-r", "-q", "-x", "--threads=1"], rng.choice([0, 1, 2]))
        paths = [choose(rng, base) for _ in range(rng.choice([1, 1, 2]))]
        if any(path.startswith("/") for path in paths):
            continue
        if len(paths) > 1 and (
            any(".." in path for path in paths)
            or len({os.path.normpath(path).split("/")[0] for path in paths}) < len(paths)
        ):
            continue  # a dry run of the second does not know that the first is gone
        arguments = ["remove", *options, "--", *paths]
        removes_what_it_shows(base, copy, arguments)


@pytest.mark.parametrize("seed", range(RUNS // 2))
def test_find_delete(tmp_path, seed):
    rng = random.Random(seed)
    base, copy = two(tmp_path, rng)
    for _ in range(3):
        options = rng.sample(
            ["-type=f", "--type=d", "--name=*_a", "--max-depth=2", "--size=+1", "-x"],
            rng.choice([0, 1, 2]),
        )
        options = [option.replace("-type=", "--type=").replace("---", "--") for option in options]
        paths = [rng.choice(["a", "b", "empty", ".", "link", "missing", "f"])]
        arguments = ["find", *options, "--delete", "--", *paths]
        removes_what_it_shows(base, copy, arguments)


def as_user(base, *arguments):
    done = subprocess.run(
        program(*arguments, before=AS_USER), cwd=base, capture_output=True, check=False, text=True
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, sorted(done.stderr.splitlines())


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.parametrize(
    "arguments",
    [
        ["remove", "shut"],
        ["remove", "mine"],
        ["remove", "sticky"],
        ["remove", "unreadable"],
        ["remove", "theirs"],
        ["copy", "theirs", "copy"],
        ["copy", "mine", "shut"],
        ["copy", "-m", "mine", "shut"],
        ["copy", "mine", "copy"],
        ["copy", "secret", "copy"],
        ["copy", "-f", "open", "sticky/theirs"],
        ["copy", "unreadable", "copy"],
        ["find", "mine", "--delete"],
        ["find", "shut", "--delete"],
        ["find", "sticky", "--delete"],
    ],
)
def test_what_an_ordinary_user_may_not(arguments):
    import tempfile

    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o777)
        for name, mode, owner in (
            ("shut", 0o555, 65534), ("mine", 0o755, 65534), ("mine/below", 0o555, 65534),
            ("sticky", 0o1777, 0), ("theirs", 0o755, 0), ("unreadable", 0o000, 65534),
        ):  # fmt: skip
            os.mkdir(f"{base}/{name}")
            for file, kept in (("own", 65534), ("theirs", 0)):
                with open(f"{base}/{name}/{file}", "w") as stream:
                    stream.write("x")
                os.chown(f"{base}/{name}/{file}", kept, kept)
            os.chown(f"{base}/{name}", owner, owner)
            os.chmod(f"{base}/{name}", mode)
        for name, mode in (("open", 0o644), ("secret", 0o600)):
            with open(f"{base}/{name}", "w") as stream:
                stream.write("x")
            os.chmod(f"{base}/{name}", mode)
        os.chmod(f"{base}/mine/theirs", 0o600)
        before = picture(base)
        flag = ["-n", *arguments[1:]]
        status, printed, said = as_user(base, arguments[0], *flag)
        assert picture(base) == before
        real_status, _, real_said = as_user(base, *arguments)
        assert (status, said) == (real_status, real_said)
        after = picture(base)
        changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
        assert {b"/" + os.fsencode(n) for n in printed.splitlines()} == changed


def test_json_of_dry_runs(tmp_path):
    tree_maker.make(str(tmp_path / "a"), 3, 30)
    status, out, _ = called("copy", "-n", "--json", "a", "b", cwd=tmp_path)
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and {row["would"] for row in rows} == {"make"}
    there = ["", *(os.fsdecode(p)[len(str(tmp_path / "a")):] for p in
                   tree_maker.names(os.fsencode(tmp_path / "a")))]  # fmt: skip
    assert sorted(row["path"] for row in rows) == sorted("b" + name for name in there)
    assert sorted(row["source"] for row in rows) == sorted("a" + name for name in there)
    for arguments in (
        ["remove", "-n"],
        ["find", "--delete", "-n"],
        ["find", "--exec", "x", ";", "-n"],
    ):
        status, out, _ = called(*arguments, "--json", "a", cwd=tmp_path)
        assert status == 0
        assert all(isinstance(json.loads(line), dict) for line in out.splitlines())
