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


def lines_of(done):
    """The objects that --json printed, one on each line."""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def tree(tmp_path):
    return tree_maker.make(str(tmp_path / "t"), seed=40, size=300)


def test_size(tree, tmp_path):
    lines = run("size", "--bytes", "--top", 0, tree).stdout.split(b"\n")
    said = dict(reversed(line.split(b"\t")) for line in lines if b"\t" in line)
    du = subprocess.run(["du", "-B1", "-d1", tree], check=True, capture_output=True).stdout
    assert int(said[os.fsencode(tree)]) == int(du.split()[-2])
    contents = int(run("size", "-sb", tree).stdout.split()[0])
    du = subprocess.run(["du", "-sb", tree], check=True, capture_output=True).stdout
    directories = sum(os.lstat(directory).st_size for directory, _, _ in os.walk(tree))
    # Which du, up to coreutils 9.4, counts as contents, too.
    assert contents in (int(du.split()[0]) - directories, int(du.split()[0]))
    told = lines_of(run("size", "--json", tree, __file__))
    assert told[0]["files"] == ostler.trees.size(tree).files
    same = {name: value for name, value in told[0].items() if isinstance(value, int)}
    assert told[0]["by_directory"][tree] == same
    assert told[1]["bytes"] == os.path.getsize(__file__)
    missing = run("size", tmp_path / "missing", status=1)
    assert missing.stdout == b""
    assert b"missing: No such file or directory" in missing.stderr


def test_find(tree):
    expected = tree_maker.names(os.fsencode(tree))
    assert sorted(run("find", "-0", tree).stdout.split(b"\0")[:-1]) == expected
    assert run("find", "-0", "--sort", ".", cwd=tree).stdout.split(b"\0")[0].startswith(b"./")
    ours = run("find", tree, "-name", "*.py", "-type", "f", "--count").stdout
    theirs = subprocess.run(
        ["find", tree, "-name", "*.py", "-type", "f", "-print0"], check=True, capture_output=True
    ).stdout
    assert int(ours) == theirs.count(b"\0")
    rows = [
        json.loads(line) for line in run("find", tree, "--json", "-s", "+150k").stdout.splitlines()
    ]
    assert len(rows) == len(list(ostler.trees.find(tree, size=(150 * 1024, None))))
    assert b"no type" in run("find", "--type", "q", status=2).stderr
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
    told = lines_of(run("copy", "--json", tree, tmp_path / "c"))
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


def test_json_has_the_numbers_that_are_known(tree, tmp_path):
    counts = ostler.trees.size(tree)
    copied = lines_of(run("copy", "--json", tree, tmp_path / "c"))[0]
    removed = lines_of(run("remove", "--json", tmp_path / "c"))[0]
    assert "disk" not in copied and "disk" not in removed and "bytes" not in removed
    for told in (copied, removed):
        for name in ("files", "directories", "links", "others"):
            assert name in told
    assert copied["links"] == removed["links"] >= counts.links


def test_copy_of_single_entries(tmp_path):
    (tmp_path / "f").write_text("one")
    (tmp_path / "f").chmod(0o4751)
    os.setxattr(tmp_path / "f", "user.note", b"x")
    os.utime(tmp_path / "f", ns=(1, 2))
    os.mkfifo(tmp_path / "p", 0o640)
    (tmp_path / "l").symlink_to("nowhere")
    (tmp_path / "d").mkdir()
    told = lines_of(run("copy", "--json", "f", "g", cwd=tmp_path))
    assert (told[0]["files"], told[0]["bytes"]) == (1, 3)
    run("copy", "-a", "f", "p", "l", "d", cwd=tmp_path)
    run("copy", "-t", "d", "g", cwd=tmp_path)
    for name in ("g", "d/f", "d/g"):
        st, old = os.stat(tmp_path / name), os.stat(tmp_path / "f")
        assert (tmp_path / name).read_text() == "one"
        assert (st.st_mode, st.st_mtime_ns, st.st_uid) == (old.st_mode, 2, old.st_uid)
        assert os.getxattr(tmp_path / name, "user.note") == b"x"
    assert os.readlink(tmp_path / "d/l") == "nowhere"
    assert os.lstat(tmp_path / "d/p").st_mode == os.lstat(tmp_path / "p").st_mode
    # What is there stays, unless told otherwise; a directory in any case.
    (tmp_path / "f").write_text("two")
    assert b"d/f: File exists" in run("copy", "f", "d", status=1, cwd=tmp_path).stderr
    assert b"d/f: File exists" in run("copy", "-n", "f", "d", status=1, cwd=tmp_path).stderr
    assert (tmp_path / "d/f").read_text() == "one"
    assert run("copy", "-fn", "f", "d", cwd=tmp_path).stdout == b"d/f\n"
    run("copy", "-f", "f", "d", cwd=tmp_path)
    assert (tmp_path / "d/f").read_text() == "two"
    for arguments, why in ((("-fT", "f", "d"), b"d: Is a directory"),
                           (("-f", "f", "f"), b"destination is the source"),
                           (("missing", "d"), b"missing: No such file"),
                           (("f/", "d"), b"f/: Not a directory")):  # fmt: skip
        assert why in run("copy", *arguments, status=1, cwd=tmp_path).stderr
    assert (tmp_path / "f").read_text() == "two"
    assert sorted(os.listdir(tmp_path / "d")) == ["f", "g", "l", "p"]
    for arguments in (("-t", "f", "g"), ("-Tt", "d", "g"), ("f", "g", "l")):
        assert b"ostler: " in run("copy", *arguments, status=2, cwd=tmp_path).stderr
    # "." is what it holds, as with cp.
    run("copy", "-f", ".", "../copy", cwd=tmp_path / "d")
    assert ostler.trees.compare(tmp_path / "d", tmp_path / "copy") == []
    run("copy", "f", tmp_path / "copy", "-f", cwd=tmp_path)
    run("copy", ".", tmp_path / "copy", cwd=tmp_path / "d")
    assert ostler.trees.compare(tmp_path / "d", tmp_path / "copy") == []


def test_remove_asks(tmp_path):
    (tmp_path / "t/a").mkdir(parents=True)
    (tmp_path / "f").write_text("")
    done = subprocess.run(
        [*PROGRAM, "remove", "-ri", "t", "f"], input=b"n\nyes\n", capture_output=True, cwd=tmp_path,
        check=True,
    )  # fmt: skip
    assert b"remove t and the entry below? " in done.stderr
    assert os.listdir(tmp_path) == ["t"]


def test_remove_refuses_where_it_stands(tree):
    before = tree_maker.names(tree)
    for path in (".", "./", "../t/."):
        assert b"are never removed" in run("remove", path, status=1, cwd=tree).stderr
    assert tree_maker.names(tree) == before


def test_walk(tree):
    rows = lines_of(run("walk", "--json", tree))
    assert [(row["directory"], row["directories"], row["others"]) for row in rows] == list(
        ostler.trees.walk(tree, sort=True)
    )
    listed = run("walk", "-0", "-D", tree).stdout.split(b"\0")[:-1]
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


@pytest.mark.parametrize(
    ("number", "directories", "said"),
    [(0, 0, "0 entries"), (1, 0, "1 entry"), (1, 1, "1 entry, a directory"),
     (2, 0, "2 entries"), (2, 1, "2 entries, 1 of them a directory"),
     (12345, 1234, "12,345 entries, 1,234 of them directories")],
)  # fmt: skip
def test_entries_in_words(number, directories, said):
    assert _trees.entries_in_words(number, directories) == said
