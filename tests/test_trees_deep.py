"""Trees of thousands of levels, whose paths are longer than the kernel takes: nothing recurses."""

import errno
import os
import subprocess
import sys

import pytest

import ostler

LEVELS = 3200
NAME = "dir"


def dig(top, levels=LEVELS, mode=0o755):
    """A chain of directories below a new one, with a file and a link in each hundredth."""
    os.mkdir(top)
    fd = os.open(top, os.O_RDONLY)
    for level in range(levels):
        os.mkdir(NAME, dir_fd=fd)
        if level % 100 == 0:
            os.close(os.open("file.txt", os.O_CREAT | os.O_WRONLY, 0o640, dir_fd=fd))
            os.symlink("nowhere", "link", dir_fd=fd)
        below = os.open(NAME, os.O_RDONLY, dir_fd=fd)
        os.chmod(fd, mode)
        os.close(fd)
        fd = below
    os.close(fd)


@pytest.fixture
def deep(tmp_path):
    top = str(tmp_path / "deep")
    dig(top)
    yield top
    for name in os.listdir(tmp_path):
        path = str(tmp_path / name)
        if os.path.isdir(path):
            ostler.trees.remove(path)


FILES = LEVELS // 100


def test_what_reads(deep):
    counts = ostler.trees.size(deep)
    assert (counts.directories, counts.files, counts.links) == (LEVELS + 1, FILES, FILES)
    assert ostler.trees.count(deep).files == FILES
    found = list(ostler.trees.find(deep))
    assert len(found) == LEVELS + 2 * FILES and max(map(len, found)) > 3 * os.pathconf("/", 4)
    assert sum(1 for _ in ostler.trees.walk(deep)) == LEVELS + 1
    assert ostler.trees.size(deep, by_directory=True).files == FILES
    assert len(ostler.trees.digest(deep).files) == FILES
    assert len(list(ostler.trees.find(deep, gitignore=True))) == len(found)


def test_a_digest_needs_few_descriptors(tmp_path):
    # Each file in a directory of its own, of which several threads have many in hand.
    for i in range(600):
        os.makedirs(tmp_path / f"{i}/{i}")
        (tmp_path / f"{i}/{i}/x").write_text(str(i))
    program = """
import resource, sys, ostler
resource.setrlimit(resource.RLIMIT_NOFILE, (260, 260))
print(len(ostler.trees.digest(sys.argv[1], threads=8).files), len(ostler.listdir("/proc/self/fd")))
try:
    ostler.trees.digest(sys.argv[1], threads=8, progress=lambda done: 1 / 0)
except ZeroDivisionError as error:
    print(len(error.done.files) > 0, len(ostler.listdir("/proc/self/fd")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    files, before, _, after = done.stdout.split()
    assert files == "600" and before == after


def test_walk_entries(deep):
    entries = list(ostler.walk_entries(deep))
    assert len(entries) == LEVELS + 2 * FILES and entries[-1].depth >= LEVELS
    assert {entry.path for entry in entries} == set(ostler.trees.find(deep))
    # A directory that has another one's name by now is not gone into.
    errors = []
    for entry in ostler.walk_entries(deep, on_error=errors.append):
        if entry.depth == 2 and entry.is_dir():
            os.rename(f"{deep}/{NAME}", f"{deep}/other")
            os.mkdir(f"{deep}/{NAME}")
            os.mkdir(f"{deep}/{NAME}/{NAME}")
    assert [error.errno for error in errors] == [errno.ESTALE]


def test_what_changes(deep):
    copied = deep + "2"
    ostler.trees.copy(deep, copied)
    assert ostler.trees.compare(deep, copied) == []
    assert ostler.trees.digest(deep).hex == ostler.trees.digest(copied).hex
    ostler.trees.chmod(copied, "g-rwx")
    ostler.chmod_tree(copied, "o-rwx")
    ostler.trees.chown(copied, os.getuid(), os.getgid())
    ostler.chown_tree(copied, os.getuid())
    assert len(ostler.trees.compare(deep, copied, metadata=True)) >= LEVELS
    assert ostler.trees.remove(copied).directories == LEVELS + 1
    assert not os.path.exists(copied)


def test_on_a_machine(deep):
    with ostler.confined(os.path.dirname(deep)) as machine:
        assert machine.trees.count("deep").files == FILES
        assert len(machine.trees.digest("deep").files) == FILES
        assert len(list(machine.walk_entries("deep"))) == LEVELS + 2 * FILES
        machine.trees.copy("deep", "deep2")
        machine.move("deep2", "deep3")
        assert machine.trees.remove("deep3").files == FILES


def test_a_temporary_directory_that_was_closed(tmp_path):
    with ostler.temporary_directory(dir=str(tmp_path)) as path:
        dig(path + "/deep", 1500, mode=0o500)
        outside = tmp_path / "outside"
        outside.write_text("x")
        outside.chmod(0o400)
        os.link(outside, path + "/link")
    assert not os.path.exists(path)
    assert outside.stat().st_mode & 0o777 == 0o400  # only directories are opened to ourselves


@pytest.mark.parametrize(
    "command",
    [
        ["size"],
        ["size", "-d", "5000", "--top", "0"],
        ["find"],
        ["find", "--gitignore"],
        ["walk"],
        ["copy"],
        ["remove"],
    ],
    ids=" ".join,
)
def test_the_commands(deep, command):
    arguments = [deep, deep + "2"] if command[0] == "copy" else [deep]
    done = subprocess.run(
        [sys.executable, "-m", "ostler", *command, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "unrecognized" in done.stderr or "no such option" in done.stderr.lower():
        pytest.fail(done.stderr)
    assert "Traceback" not in done.stderr and "Error" not in done.stderr, done.stderr[-500:]
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize("verb", ["makedirs", "removedirs", "renames"])
def test_paths_of_many_components(tmp_path, verb):
    path = "/".join(["x"] * 10_000)
    with ostler.scratch() as machine:
        arguments = (path, "new") if verb == "renames" else (path,)
        with pytest.raises(OSError) as caught:
            getattr(machine, verb)(*arguments)
        assert caught.value.errno == errno.ENAMETOOLONG
