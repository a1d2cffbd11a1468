"""The commands size, find, copy, remove and walk, run as they are by a user."""

import json
import os
import subprocess
import sys

import pytest

import ostler
from ostler.cli import _trees, size_bars
from tests import tree_maker

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(ostler.__file__)))
PROGRAM = [
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {SOURCE!r}); from ostler.cli import main; sys.exit(main())",
]


def run(*arguments, status=0, cwd=None):
    """The output of a command, as bytes."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, cwd=cwd, check=False
    )
    assert done.returncode == status, done.stderr.decode()
    return done


@pytest.fixture
def tree(tmp_path):
    return tree_maker.make(str(tmp_path / "t"), seed=40, size=300)


def test_size(tree, tmp_path):
    lines = run("size", "-B", "-n", 0, tree).stdout.split(b"\n")
    said = dict(reversed(line.split(b"\t")) for line in lines if b"\t" in line)
    du = subprocess.run(["du", "-B1", "-d1", tree], check=True, capture_output=True).stdout
    assert int(said[os.fsencode(tree)]) == int(du.split()[-2])
    told = json.loads(run("size", "--json", tree, __file__).stdout)
    assert told[0]["files"] == ostler.trees.size(tree).files
    assert told[0]["by_directory"][tree]["disk"] == told[0]["disk"]
    assert told[1]["bytes"] == os.path.getsize(__file__)
    missing = run("size", tmp_path / "missing", status=1)
    assert missing.stdout == b""
    assert b"missing: No such file or directory" in missing.stderr


def test_find(tree):
    expected = tree_maker.names(os.fsencode(tree))
    assert sorted(run("find", "-0", tree).stdout.split(b"\0")[:-1]) == expected
    assert run("find", "-0", "--sort", ".", cwd=tree).stdout.split(b"\0")[0].startswith(b"./")
    ours = run("find", tree, "-n", "*.py", "-t", "f", "-c").stdout
    theirs = subprocess.run(
        ["find", tree, "-name", "*.py", "-type", "f", "-print0"], check=True, capture_output=True
    ).stdout
    assert int(ours) == theirs.count(b"\0")
    rows = [
        json.loads(line) for line in run("find", tree, "--json", "-s", "+150k").stdout.splitlines()
    ]
    assert len(rows) == len(list(ostler.trees.find(tree, size=(150 * 1024, None))))
    assert b"no type" in run("find", "-t", "q", status=2).stderr
    assert b"not a size" in run("find", "-s", "+q", status=2).stderr
    assert b"not a time" in run("find", "--newer", "someday", status=2).stderr


def test_find_into_a_pipe_that_closes(tree):
    done = subprocess.run(
        ["sh", "-c", '"$@" | head -n 1', "sh", *PROGRAM, "find", "/usr"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


def test_copy_and_remove(tree, tmp_path):
    would = run("copy", "-n", "-0", tree, tmp_path / "c").stdout.split(b"\0")[:-1]
    assert not (tmp_path / "c").exists()
    told = json.loads(run("copy", "--json", tree, tmp_path / "c").stdout)
    made = [os.fsencode(tmp_path / "c"), *tree_maker.names(os.fsencode(tmp_path / "c"))]
    assert sorted(would) == sorted(made)
    assert told[0]["directories"] == ostler.trees.size(tree).directories
    assert ostler.trees.compare(tree, tmp_path / "c", times=True) == []
    run("copy", tree, tmp_path / "c")  # into the directory that is there, as cp does
    assert (tmp_path / "c/t").is_dir()
    run("remove", tmp_path / "c/t")
    run("copy", "--merge", tree, tmp_path / "c")
    assert ostler.trees.compare(tree, tmp_path / "c") == []
    before = tree_maker.names(tmp_path / "c")
    would = run("remove", "-n", "-0", tmp_path / "c").stdout.split(b"\0")[:-1]
    assert tree_maker.names(tmp_path / "c") == before
    assert len(would) == len(before) + 1
    (tmp_path / "link").symlink_to("c")
    run("remove", tmp_path / "link")
    assert tree_maker.names(tmp_path / "c") == before
    (tmp_path / "file").write_text("")
    run("remove", tmp_path / "c", tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == ["t"]
    run("remove", tmp_path / "c", status=1)
    run("remove", "-f", tmp_path / "c")
    assert b"wanted" in run("copy", tree, status=2).stderr
    assert b"no directory" in run("copy", tree, tree, tmp_path / "x", status=2).stderr
    assert b"inside" in run("copy", tree, tree + "/x", status=1).stderr


def test_remove_refuses_where_it_stands(tree):
    before = tree_maker.names(tree)
    for path in (".", "./", "../t/."):
        assert b"Invalid argument" in run("remove", path, status=1, cwd=tree).stderr
    assert tree_maker.names(tree) == before


def test_walk(tree):
    rows = [json.loads(line) for line in run("walk", "--json", tree).stdout.splitlines()]
    assert [row["directory"] for row in rows] == [
        _trees.shown(directory) for directory, _, _ in ostler.trees.walk(tree, sort=True)
    ]
    listed = run("walk", "-0", "-d", tree).stdout.split(b"\0")[:-1]
    assert listed == [os.fsencode(d) for d, _, _ in ostler.trees.walk(tree, sort=True)]


def test_words():
    assert [_trees.human(n) for n in (0, 999, 1000, 1024, 1536, 10**9, 2**60)] == [
        "0 B", "999 B", "1.0 KiB", "1.0 KiB", "1.5 KiB", "953.7 MiB", "1.0 EiB",
    ]  # fmt: skip
    assert [_trees.size_of(t) for t in ("7", "10k", "1.5M", "2g")] == [7, 10240, 1572864, 2**31]
    assert _trees.moment("@77") == 77
    assert size_bars.bar(1).strip() == "█" * 30
    assert size_bars.bar(0).strip() == ""
    assert len(size_bars.bar(0.333)) == 30
