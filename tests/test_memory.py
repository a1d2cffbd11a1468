"""Memory and reading are bounded by what is in hand, however large a file or a tree is.

Each runs in a process of its own, which tells how much its peak grew and how much it read. With -s,
as in `make test-slow`, these are printed: the figures of the documentation.
"""

import os
import random
import subprocess
import sys

import pytest

import ostler
from ostler.machines.rehearsal import contents

MEASURE = """
import os, sys, ostler
def peak():
    # Of this program alone; ru_maxrss begins with what the process had before it.
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024
def read():
    with open("/proc/self/io") as file:
        return int(file.readline().split()[1])
def measured(function, *args):
    before, then = peak(), read()
    result = function(*args)
    return result, peak() - before, read() - then
"""
MIB = 1 << 20


def growth(program, *args):
    """(bytes that the peak grew, bytes that were read), as the program prints them last."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE + program, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    grown, read = (int(number) for number in done.stdout.split()[-2:])
    test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].partition(" ")[0]
    print(f"{test}: {grown / MIB:.1f} MiB more, {read / MIB:.1f} MiB read")  # with -s
    return grown, read


def test_the_difference_of_large_files(tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(10 << 30)
    with open(tmp_path / "large", "wb") as file:
        file.write(b"some text\n" * (20 * MIB // 10))
    grown, read = growth(
        """
m = ostler.rehearsal(sys.argv[1])
fd = m.open("/sparse", os.O_RDWR)
m.pwrite(fd, b"x", 5 << 30)
m.close(fd)
fd = m.open("/large", os.O_RDWR)
m.pwrite(fd, b"x", 5)
m.close(fd)
with m.open_file("/new", "wb") as file:
    file.write(b"y" * (12 << 20))
text, grown, read = measured(m.diff)
assert text.count("Large file") == 3, text
print(grown, read)
""",
        tmp_path,
    )
    assert grown < 24 * MIB and read < 16 * MIB


def test_files_of_one_size_are_compared_piece_by_piece(tmp_path):
    for name in ("one", "two"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(10 << 30)
            file.seek(7 << 30)
            file.write(b"x" * MIB)
    grown, read = growth(
        """
from ostler.machines.rehearsal import contents
one, two = (os.open(f"{sys.argv[1]}/{name}", os.O_RDONLY) for name in ("one", "two"))
same, grown, much = measured(contents.same, one, two)
assert same
for name in ("a", "b"):
    os.mkdir(f"{sys.argv[1]}/{name}")
os.rename(f"{sys.argv[1]}/one", f"{sys.argv[1]}/a/it")
os.rename(f"{sys.argv[1]}/two", f"{sys.argv[1]}/b/it")
found, more, further = measured(ostler.trees.compare, f"{sys.argv[1]}/a", f"{sys.argv[1]}/b")
assert found == []
os.pwrite(os.open(f"{sys.argv[1]}/b/it", os.O_WRONLY), b"y", 9 << 30)
found = ostler.trees.compare(f"{sys.argv[1]}/a", f"{sys.argv[1]}/b")
assert [difference.what for difference in found] == ["content"]
print(max(grown, more), max(much, further))
""",
        tmp_path,
    )
    assert grown < 8 * MIB and read < 4 * MIB


@pytest.mark.parametrize("seed", range(30))
def test_the_comparison_is_the_bytes(tmp_path, seed):
    rng = random.Random(seed)
    size = rng.choice((0, 1, 4096, 100_000, 900_001))
    data = bytearray(size)
    files = []
    for name in ("one", "two"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(size)
            for _ in range(rng.randrange(5)):
                at = rng.randrange(size + 1)
                part = rng.choice((b"", b"\0" * 5000, b"x" * 5000))[: size - at]
                file.seek(at)
                file.write(part)
                if name == "two" and rng.random() < 0.5:
                    data[at : at + len(part)] = part
        files.append((tmp_path / name).read_bytes())
    if rng.random() < 0.5:  # the same bytes, other holes
        (tmp_path / "two").write_bytes(files[0])
        files[1] = files[0]
    with open(tmp_path / "one", "rb") as one, open(tmp_path / "two", "rb") as two:
        assert contents.same(one.fileno(), two.fileno()) == (files[0] == files[1])


DIGEST = """
result, grown, read = measured(ostler.trees.digest, sys.argv[1])
assert len(result.files) == int(sys.argv[2])
print(grown, read)
"""


def planted(top, directories, files):
    for i in range(directories):
        ostler.makedirs(f"{top}/{i:06}")
        for j in range(files):
            ostler.close(
                ostler.open(f"{top}/{i:06}/a file of no size, number {j:06}", ostler.O_CREAT)
            )


def test_the_digest_of_many_files(tmp_path):
    planted(tmp_path, 40, 1000)
    grown, _ = growth(DIGEST, tmp_path, 40_000)
    assert grown < 40_000 * 160 + 24 * MIB


@pytest.mark.slow
def test_the_digest_of_a_million_files(tmp_path):
    planted(tmp_path, 1000, 1000)
    grown, _ = growth(DIGEST, tmp_path, 1_000_000)
    assert grown < 250 * MIB


def test_keeping_leaves_holes(tmp_path):
    base, kept = tmp_path / "base", tmp_path / "kept"
    base.mkdir()
    grown, read = growth(
        """
m = ostler.rehearsal(sys.argv[1])
with m.open_file("/sparse", "wb") as file:
    file.truncate(4 << 30)
    file.seek(1 << 30)
    file.write(b"x")
_, grown, read = measured(m.keep, sys.argv[2])
print(grown, read)
""",
        base,
        kept,
    )
    assert grown < 24 * MIB and read < 16 * MIB
    (sparse,) = ostler.trees.find(str(kept), "sparse")
    status = ostler.stat(sparse)
    assert status.st_size == 4 << 30 and status.st_blocks * 512 < MIB


CHANGES = """
m = ostler.rehearsal(sys.argv[1])
many = int(sys.argv[2])
for i in range(many):
    path = f"/{i % 40:06}/a file of no size, number {i // 40:06}"
    if i % 3:
        m.close(m.open(path + " new" * (i % 3 - 1), os.O_WRONLY | os.O_CREAT))
        m.chmod(path + " new" * (i % 3 - 1), 0o600)
    else:
        m.unlink(path)
"""


COMMIT = (
    CHANGES
    + """
done, grown, _ = measured(m.commit)
assert len(done) == many
print(grown, 0)
"""
)
KILLED = (
    CHANGES
    + """
from ostler.machines.rehearsal import commits
commits.Work.finish = lambda *_: os._exit(0)
print(0, 0, flush=True)
m.commit()
"""
)
RECOVERY = """
(outcome,), grown, _ = measured(ostler.rehearsal.recover)
assert outcome.outcome == "finished", outcome
print(grown, 0)
"""


def test_the_list_of_many_changes(tmp_path):
    planted(tmp_path, 40, 500)
    grown, _ = growth(
        CHANGES
        + """
found, grown, _ = measured(m.changes)
assert len(found) == many
print(grown, 0)
""",
        tmp_path,
        20_000,
    )
    assert grown < 20_000 * 800 + 4 * MIB


def test_many_changes_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}/state")
    planted(f"{tmp_path}/base", 40, 500)
    grown, _ = growth(COMMIT, f"{tmp_path}/base", 20_000)
    assert grown < 20_000 * 800 + 6 * MIB


def test_the_recovery_of_many_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}/state")
    planted(f"{tmp_path}/base", 40, 500)
    growth(KILLED, f"{tmp_path}/base", 20_000)
    grown, _ = growth(RECOVERY, f"{tmp_path}/base")
    assert grown < 20_000 * 800 + 6 * MIB


@pytest.mark.slow
def test_the_commit_of_300_000_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}/state")
    planted(f"{tmp_path}/base", 40, 7500)
    grown, _ = growth(COMMIT, f"{tmp_path}/base", 300_000)
    assert grown < 250 * MIB
