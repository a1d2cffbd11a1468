"""Commits of trees that are deeper than any path is long, and than Python calls itself."""

import os
import signal

import pytest

import ostler
from tests.attacks.committing import CHANGING, Failing

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
LEVELS = 1200
ENTER = os.O_RDONLY | os.O_DIRECTORY


def made(m, start, name, levels, mark):
    """Make directories within one another on a machine, a file in the last one."""
    fd = m.open(start, ENTER)
    for _ in range(levels):
        m.mkdir(name, dir_fd=fd)
        below = m.open(name, ENTER, dir_fd=fd)
        m.close(fd)
        fd = below
    written(m, fd, mark)


def bottom(m, start, name):
    """A descriptor of the last of such directories, and how many there are."""
    fd, levels = m.open(start, ENTER), 0
    while True:
        try:
            below = m.open(name, ENTER, dir_fd=fd)
        except FileNotFoundError:
            return fd, levels
        m.close(fd)
        fd, levels = below, levels + 1


def written(m, fd, text):
    file = m.open("f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=fd)
    m.write(file, text)
    m.close(file)
    m.close(fd)


def seen(start, name):
    """(levels, content of the file at the bottom) in the real files."""
    fd, levels = bottom(ostler.host, start, name)
    file = os.open("f", os.O_RDONLY, dir_fd=fd)
    try:
        return levels, os.read(file, 100)
    finally:
        os.close(file)
        os.close(fd)


@pytest.fixture
def base(memory):
    yield f"{memory}/base"
    if os.path.exists(f"{memory}/base"):
        ostler.host.trees.remove(f"{memory}/base")


@pytest.mark.thorough
def test_a_tree_that_is_made_changed_and_removed(base):
    os.mkdir(base)
    with ostler.rehearsal(base) as m:
        made(m, "/", "d", LEVELS, b"one")
        assert len(m.changes()) == LEVELS + 1
        assert m.tree().count("d/") >= LEVELS
        m.commit()
        assert seen(base, "d") == (LEVELS, b"one")
        assert m.changes() == []
        fd, _ = bottom(m, "/", "d")
        written(m, fd, b"two")
        changes = m.changes()
        assert [change.kind for change in changes] == ["modified"]
        assert "+two" in m.diff()
        m.commit([changes[0]])
        assert seen(base, "d") == (LEVELS, b"two")
        m.trees.remove("/d")
        assert {change.kind for change in m.changes()} == {"removed"}
        m.commit()
        assert os.listdir(base) == []


def killed(commit, at):
    """Commit in a child, killed at call number `at` of those that change something: the number."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with Failing(at, 0, CHANGING, False) as calls:
                calls.strike = lambda: os.kill(os.getpid(), signal.SIGKILL)
                commit()
            os.write(writer, b"%d" % calls.count)
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        count = int(pipe.read() or -1)
    os.waitpid(pid, 0)
    return count


@pytest.mark.thorough
def test_a_kill_and_a_recovery(base, run, tried):
    """One deep tree is removed and another one is made; each recovery has both, or neither."""

    def check():
        os.mkdir(base)
        total, outcomes = 0, set()
        for part in (0, 40, 93):
            made(ostler.host, base, "old", LEVELS, b"one")
            with ostler.rehearsal(base) as m:
                m.trees.remove("/old")
                made(m, "/", "new", LEVELS, b"two")
                count = killed(m.commit, total * part // 100)
            assert (count == -1) == (part > 0)
            total = total or count
            found = [o.outcome for o in ostler.rehearsal.recover() if o.base == base]
            outcomes.update(found)
            [name] = os.listdir(base)
            if part == 0 or found:
                assert name == ("old" if found == ["undone"] else "new"), found
            assert seen(base, name) == (LEVELS, b"two" if name == "new" else b"one")
            ostler.host.trees.remove(f"{base}/{name}")
        assert "undone" in outcomes

    run(check)
    tried(2)
