"""walk, find and size against os.walk, os.lstat, fnmatch and du."""

import fnmatch
import os
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ostler
from tests import tree_maker

THREADS = pytest.mark.parametrize("threads", [1, 2, 5])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return tree_maker.make(str(tmp_path_factory.mktemp("trees") / "t"), seed=1, size=2000)


@THREADS
def test_walk_is_os_walk(tree, threads):
    assert list(ostler.trees.walk(tree, threads=threads)) == list(os.walk(tree))
    encoded = os.fsencode(tree)
    assert list(ostler.trees.walk(encoded, threads=threads)) == list(os.walk(encoded))


@THREADS
def test_walk_sorted(tree, threads):
    expected = []
    for directory, directories, files in os.walk(tree):
        directories.sort()
        expected.append((directory, directories, sorted(files)))
    assert list(ostler.trees.walk(tree, sort=True, threads=threads)) == expected


@THREADS
def test_find_all(tree, threads):
    assert sorted(ostler.trees.find(tree, threads=threads)) == tree_maker.names(tree)
    assert list(ostler.trees.find(tree, sort=True, threads=threads)) == tree_maker.names(tree)
    expected = tree_maker.names(os.fsencode(tree))
    assert sorted(ostler.trees.find(os.fsencode(tree), threads=threads)) == expected
    assert sorted(ostler.trees.find(tree + "/")) == tree_maker.names(tree + "/")


@pytest.mark.parametrize(
    "pattern",
    ["*", "*.py", "1*", "*2*", "?_a", "[0-9]_?", "[!0-9]*", "*ü", "*_x*x", "[", "[]a]*", ""],
)
def test_find_patterns(tree, pattern):
    expected = [
        p for p in tree_maker.names(tree) if fnmatch.fnmatchcase(os.path.basename(p), pattern)
    ]
    assert sorted(ostler.trees.find(tree, pattern)) == expected


@given(
    pattern=st.text("ab*?[]!-ü", max_size=8).filter(lambda p: "--" not in p),
    names=st.lists(st.text("ab-!]ü", min_size=1, max_size=6), max_size=6, unique=True),
)
def test_patterns_are_those_of_fnmatch(tmp_path_factory, pattern, names):
    top = str(tmp_path_factory.mktemp("patterns"))
    for name in names:
        open(os.path.join(top, name), "w").close()
    expected = sorted(os.path.join(top, n) for n in names if fnmatch.fnmatchcase(n, pattern))
    assert sorted(ostler.trees.find(top, pattern)) == expected


@THREADS
def test_find_filters(tree, threads):
    def expected(test):
        return [p for p in tree_maker.names(tree) if test(p, os.lstat(p))]

    def found(*args, **kwargs):
        return sorted(ostler.trees.find(tree, *args, threads=threads, **kwargs))

    assert found(type="directory") == expected(
        lambda p, s: os.path.isdir(p) and not os.path.islink(p)
    )
    assert found(type=("link", "fifo")) == expected(
        lambda p, s: s.st_mode & 0o170000 in (0o120000, 0o010000)
    )
    assert found(size=(1, 100)) == expected(lambda p, s: 1 <= s.st_size <= 100)
    assert found(size=(150_000, None)) == expected(lambda p, s: s.st_size >= 150_000)
    assert found(newer=2**40) == []
    assert found(older=2**40) == expected(lambda p, s: True)
    assert found(regex=r"/\d+_a$") == expected(
        lambda p, s: re.search(r"/\d+_a$", p[len(tree) + 1 :])
    )
    assert found(max_depth=1) == sorted(os.path.join(tree, n) for n in os.listdir(tree))
    assert found(max_depth=0) == []
    below = expected(lambda p, s: p[len(tree) + 1 :].count("/") == 2)
    assert found(min_depth=3, max_depth=3) == below
    kept = found(exclude=("*_a", "*_b.py"))
    hidden = re.compile(r"_(a|b\.py)(/|$)")
    assert kept == expected(lambda p, s: not hidden.search(p[len(tree) :]))


@THREADS
def test_size(tree, threads):
    assert ostler.trees.size(tree, threads=threads).numbers() == tree_maker.measured(tree)


@THREADS
def test_size_by_directory(tree, threads):
    counts = ostler.trees.size(tree, by_directory=True, threads=threads)
    assert counts.numbers() == tree_maker.measured(tree)
    assert counts == ostler.trees.size(tree, by_directory=True, threads=1)
    totals = counts.by_directory
    directories = [d for d, _, _ in os.walk(tree)]
    assert sorted(totals) == sorted(directories)
    assert totals[tree].numbers() == counts.numbers()
    shallow = ostler.trees.size(tree, by_directory=1, threads=threads).by_directory
    assert shallow == {d: t for d, t in totals.items() if d.count("/") <= tree.count("/") + 1}


@THREADS
def test_the_kinds_in_each_directory(tmp_path, threads):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("12345")
    os.symlink("to", tmp_path / "a" / "b" / "link")
    os.link(tmp_path / "a" / "b" / "link", tmp_path / "twice", follow_symlinks=False)
    os.mkfifo(tmp_path / "a" / "pipe")
    counts = ostler.trees.size(os.fspath(tmp_path), by_directory=True, files=True, threads=threads)
    kinds = {
        os.path.relpath(path, tmp_path): (c.files, c.directories, c.links, c.others, c.bytes)
        for path, c in counts.by_directory.items()
    }
    assert kinds == {
        ".": (1, 3, 1, 1, 7), "a": (1, 2, 1, 1, 7), "a/b": (1, 1, 1, 0, 7),
        "a/pipe": (0, 0, 0, 1, 0),
        "a/b/file": (1, 0, 0, 0, 5), "a/b/link": (0, 0, 1, 0, 2),
    }  # fmt: skip


@THREADS
def test_count(tree, threads):
    counts = ostler.trees.count(tree, threads=threads)
    kinds = [os.lstat(path).st_mode & 0o170000 for path in [tree, *tree_maker.names(tree)]]
    assert counts.files == kinds.count(0o100000)
    assert counts.directories == kinds.count(0o040000)
    assert counts.links == kinds.count(0o120000)
    assert counts.entries == len(kinds)


def test_size_is_what_du_says(tree):
    said = subprocess.run(["du", "-s", "-B1", tree], check=True, capture_output=True, text=True)
    assert ostler.trees.size(tree).disk == int(said.stdout.split()[0])


def test_no_tree(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    link = tmp_path / "loop"
    link.symlink_to("loop")
    for operation in (ostler.trees.size, ostler.trees.walk, ostler.trees.find, ostler.trees.remove):
        with pytest.raises(NotADirectoryError) as caught:
            operation(file)
        assert caught.value.filename in (file, str(file))
        with pytest.raises(FileNotFoundError):
            operation(tmp_path / "missing")
        with pytest.raises(OSError, match="loop"):
            operation(link)
        with pytest.raises(ValueError, match="null"):
            operation("a\0b")
        with pytest.raises(TypeError):
            operation(None)
        with pytest.raises(ValueError, match="threads"):
            operation(tmp_path, threads=0)
        with pytest.raises(ValueError, match="on_error"):
            operation(tmp_path, on_error="no")


def test_counts_are_told_while_it_runs(tree):
    told = []
    counts = ostler.trees.size(tree, progress=told.append)
    assert told[-1] == counts


def test_a_stream_may_be_dropped(tree):
    for threads in (1, 4):
        for operation in (ostler.trees.find, ostler.trees.walk):
            stream = operation(tree, threads=threads)
            next(stream)
            del stream
    assert len(os.listdir("/proc/self/task")) == 1 or len(os.listdir("/proc/self/fd")) < 100
