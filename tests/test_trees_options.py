"""What trees take besides: names left out, updates, followed links, several roots; as du and cp."""

import os
import random
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

import pytest

from ostler import trees
from ostler.cli.copy import copy_parser
from ostler.trees import operations
from tests import tree_maker
from tests.tree_maker import names

PATTERNS = [(), ("*.py",), ("*_a", "[1-3]*"), "*", ("1?_*",)]


def made(tmp_path, seed, size=80, links=tree_maker.LINKS):
    return os.fsencode(tree_maker.make(str(tmp_path / f"t{seed}"), seed, size, links))


def lines_of(*words):
    out = subprocess.run(words, check=True, capture_output=True).stdout
    pairs = [line.split(b"\t", 1) for line in out.split(b"\0")[:-1]]
    return [(int(number), name) for number, name in pairs]


def excluded(patterns):
    patterns = (patterns,) if isinstance(patterns, str) else patterns
    return [f"--exclude={pattern}" for pattern in patterns]


@pytest.mark.parametrize("seed", range(6))
def test_sizes_of_several_roots_are_those_of_du(tmp_path, seed):
    rng = random.Random(seed)
    a, b = made(tmp_path, seed), made(tmp_path, seed + 100, 50)
    files = [p for p in names(a) if os.path.isfile(p) and not os.path.islink(p)]
    for number in range(5):
        os.link(rng.choice(files), b + b"/shared%d" % number)
    roots = [a, b, *(p for p in names(os.fsencode(tmp_path)) if not os.path.islink(p))]
    for _ in range(4):
        chosen = [rng.choice(roots) for _ in range(rng.randint(1, 5))]
        du = lines_of("du", "-B1", "-s", "-0", *chosen)
        for how in ({}, {"by_directory": True}, {"by_directory": 1, "files": True}):
            ours = trees.sizes(chosen, threads=rng.choice([1, 3]), **how)
            pairs = zip(ours, chosen, strict=True)
            assert [(c.disk, root) for c, root in pairs if c is not None] == du
    du = lines_of("du", "-B1", "-s", "-c", "-0", a, b)
    assert sum(c.disk for c in trees.sizes([a, b])) == du[-1][0]


@pytest.mark.parametrize("patterns", [p for p in PATTERNS if p != "*"])  # du takes its root too
def test_size_without_some_names_is_that_of_du(tmp_path, patterns):
    for seed in range(3):
        top = made(tmp_path, seed)
        for depth in (0, 1, 2, 50):
            du = lines_of("du", "-B1", "-a", "-0", f"-d{depth}", *excluded(patterns), top + b"/.")
            du = {os.path.normpath(name): number for number, name in du}
            counts = trees.size(top, by_directory=depth, files=True, exclude=patterns)
            assert counts == trees.size(top, exclude=patterns, by_directory=depth, files=True,
                                        threads=1)  # fmt: skip
            ours = {name: c.disk for name, c in counts.by_directory.items()}
            assert ours[top] == du[top] == counts.disk
            # Where a file has several names, du takes the first that it meets, we the first.
            once = [n for n in du if os.path.isdir(n) is False and os.lstat(n).st_nlink < 2]
            assert {n: ours[n] for n in once} == {n: du[n] for n in once}
        with ThreadPoolExecutor(2) as executor:
            pieces = trees.size(top, executor=executor, exclude=patterns)
        assert pieces.numbers() == trees.size(top, exclude=patterns).numbers()


@pytest.mark.parametrize("patterns", PATTERNS)
def test_copy_without_some_names(tmp_path, patterns):
    several = (patterns,) if isinstance(patterns, str) else patterns
    for seed in range(3):
        top = made(tmp_path, seed)

        def kept(path, top=top):
            parts = path[len(top) :].split(b"/")
            return not any(fnmatch(os.fsdecode(part), p) for part in parts for p in several)

        expected = [path[len(top) :] for path in names(top) if kept(path)]
        to = top + b"-copy"
        trees.copy(top, to, exclude=patterns)
        assert [path[len(to) :] for path in names(to)] == expected
        with ThreadPoolExecutor(2) as executor:
            trees.copy(top, to + b"2", exclude=patterns, executor=executor)
        assert trees.compare(to, to + b"2") == []


def test_update_is_that_of_cp(tmp_path):
    for seed in range(6):
        rng = random.Random(seed)
        top = made(tmp_path, seed, 60)
        for name in names(top):
            if os.lstat(name).st_nlink > 1 and not os.path.isdir(name):
                data = b"several names"
                os.unlink(name)  # cp -u has its own way with these
                with open(name, "wb") as file:
                    file.write(data)
        ours, theirs = top + b"-ours", top + b"-theirs"
        for to in (ours, theirs):
            subprocess.run(["cp", "-a", top, to], check=True)
        for name in names(top):
            below, change = name[len(top) :], rng.choice(["old", "new", "gone", "same", "same"])
            if os.path.isdir(name) and not os.path.islink(name):
                continue
            for to in (ours, theirs):
                if change == "gone":
                    os.unlink(to + below)
                elif change != "same":
                    seconds = os.lstat(name).st_mtime + (-100 if change == "old" else 100)
                    if os.path.isfile(to + below) and not os.path.islink(to + below):
                        with open(to + below, "w") as file:
                            file.write(change)
                    os.utime(to + below, (seconds, seconds), follow_symlinks=False)
        subprocess.run(["cp", "-a", "-u", "-T", top, theirs], check=True)
        trees.copy(top, ours, existing="update")
        assert tree_maker.picture(ours) == tree_maker.picture(theirs)
        done = trees.copy(top, ours, existing="update")
        assert (done.files, done.links, done.others) == (0, 0, 0)


def test_update_keeps_names_together(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a/one").write_text("one")
    os.link(tmp_path / "a/one", tmp_path / "a/two")
    (tmp_path / "b/one").write_text("later")
    trees.copy(tmp_path / "a", tmp_path / "b", existing="update")
    assert (tmp_path / "b/two").samefile(tmp_path / "b/one") or (
        (tmp_path / "b/two").read_text() == "one"  # whichever came first
    )
    assert (tmp_path / "b/one").read_text() == "later"
    with pytest.raises(ValueError, match="existing must be"):
        trees.copy(tmp_path / "a", tmp_path / "c", existing="newer")


def linked(tmp_path, seed):
    """Two trees with links in and between them, some that lead in circles."""
    rng = random.Random(seed)
    links = (b"missing", b"loop")  # cp sees a circle in ".." one step sooner
    top = made(tmp_path, seed, 40, links)
    other = made(tmp_path, seed + 50, 25, links)
    directories = [p for p in [top, *names(top)] if os.path.isdir(p) and not os.path.islink(p)]
    targets = [p for p in names(other) if not os.path.islink(p)] + directories
    for number in range(12):
        os.symlink(rng.choice(targets), rng.choice(directories) + b"/link%d" % number)
    return top


@pytest.mark.parametrize("seed", range(5))
def test_links_are_followed_as_by_cp(tmp_path, seed):
    top = linked(tmp_path, seed)
    ours, theirs = top + b"-ours", top + b"-theirs"
    done = subprocess.run(["cp", "-rL", "--preserve=mode,timestamps", top, theirs],
                          capture_output=True, check=False)  # fmt: skip
    counts = trees.copy(top, ours, follow_links=True, on_error="collect", hard_links=False)
    assert bool(counts.errors) == bool(done.returncode)
    assert len(counts.errors) == done.stderr.count(b"\ncp: ") + done.stderr.startswith(b"cp: ")

    def look(place):
        return {n: (*v[:4], v[5]) for n, v in tree_maker.picture(place)[0].items()}

    # What leads in a circle is an error for both; cp has made an empty directory by then.
    mine, cps = look(ours), look(theirs)
    assert mine.keys() <= cps.keys() and all(
        os.path.isdir(theirs + name) and not os.listdir(theirs + name)
        for name in cps.keys() - mine.keys()
    )
    times = {name for name in mine if os.path.isdir(ours + name)}
    for name in mine:
        assert mine[name][:3] == cps[name][:3] and mine[name][4] == cps[name][4]
        assert name in times or mine[name][3] == cps[name][3]
    for error in counts.errors:
        assert isinstance(error.filename, bytes) and error.filename.startswith(top)


def test_links_that_are_followed(tmp_path):
    (tmp_path / "a/d").mkdir(parents=True)
    (tmp_path / "a/d/f").write_text("f")
    (tmp_path / "a/up").symlink_to("..")
    (tmp_path / "a/down").symlink_to("d")
    os.utime(tmp_path / "a/d", (1, 1))
    os.utime(tmp_path / "a", (2, 2))
    with pytest.raises(OSError, match="inside the source"):
        trees.copy(tmp_path / "a", tmp_path / "c", follow_links=True)
    (tmp_path / "a/up").unlink()
    (tmp_path / "a/lost").symlink_to("nowhere")
    os.utime(tmp_path / "a", (2, 2))
    with pytest.raises(FileNotFoundError) as caught:
        trees.copy(tmp_path / "a", tmp_path / "b", follow_links=True)
    assert caught.value.filename == str(tmp_path / "a/lost")
    told = []
    trees.copy(tmp_path / "a", tmp_path / "b2", follow_links=True, on_error=told.append)
    assert [error.filename for error in told] == [str(tmp_path / "a/lost")]
    assert (tmp_path / "b2/down/f").read_text() == "f"
    assert not (tmp_path / "b2/down").is_symlink()
    for name, seconds in (("b2", 2), ("b2/d", 1), ("b2/down", 1)):
        assert (tmp_path / name).stat().st_mtime == seconds
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="together"):
        trees.copy(tmp_path / "a", tmp_path / "b3", follow_links=True, executor=executor)


def test_case_is_ignored(tmp_path):
    for name in ("README.md", "readme.txt", "Über.py", "über.PY", "x"):
        (tmp_path / name).write_text("")

    def found(*arguments, top=tmp_path, **how):
        return sorted(os.path.basename(p) for p in trees.find(top, *arguments, **how))

    assert found("README*", ignore_case=True) == ["README.md", "readme.txt"]
    assert found("ÜBER.py", ignore_case=True) == ["Über.py", "über.PY"]
    assert found(b"*.py", ignore_case=True, top=os.fsencode(tmp_path)) == [
        "Über.py".encode(), "über.PY".encode(),
    ]  # fmt: skip
    assert found(regex=r"MD$|\.py$", ignore_case=True) == ["README.md", "Über.py", "über.PY"]
    assert found(["x", "*.TXT"], regex="e", ignore_case=True) == ["readme.txt"]
    assert found(ignore_case=True) == found()


def test_walks_that_end_at_a_depth(tmp_path):
    top = made(tmp_path, 9, 200)
    whole = list(trees.walk(top, sort=True))
    for depth in range(6):
        for threads in (1, 3):
            assert list(trees.walk(top, sort=True, max_depth=depth, threads=threads)) == [
                step for step in whole if step[0][len(top) :].count(b"/") <= depth
            ]
    # It does not look below.
    with pytest.raises(NotADirectoryError):
        list(trees.walk(__file__, max_depth=0))
    assert re.match("t9", os.path.basename(os.fsdecode(top)))


def test_what_a_copy_keeps_has_one_name_everywhere():
    """Its options, the members of the struct in C, and what `ostler copy` may leave out."""
    text = (Path(operations.__file__).parent / "_task.pxd").read_text()
    struct = re.search(r"cdef struct Keep:\n((?:    .*\n)+)", text)[1]
    members = re.findall(r"^    \w+ (\w+)", struct, re.MULTILINE)
    assert members == [*operations.KEEP, "merge", "update"]
    assert operations.kept().keys() == set(members)
    options = trees.Trees.copy.__kwdefaults__
    assert operations.KEEP.keys() <= options.keys()
    offered = {name for action in copy_parser()._actions for name in action.option_strings}
    for name, words in operations.KEEP.items():
        assert (f"--no-{name.replace('_', '-')}" in offered) is (words is not None)
