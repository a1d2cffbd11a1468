"""Commits of trees that are deeper than any path is long, and than Python calls itself."""

import os

import pytest

import ostler

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
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
def test_a_tree_that_is_made_changed_and_removed(base, run):
    def check():
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

    run(check)
