"""Places: removing and reaching trees of any depth, by descriptors."""

import os

import pytest

from ostler.machines.rehearsal.places import HeldTree

pytestmark = pytest.mark.usefixtures("as_user")

DEPTH = 3000  # several times the interpreter's limit of recursion


def deep(directory):
    """Make a tree of many levels in a directory, in each a file, a link and a directory."""
    os.mkdir(f"{directory}/top")
    here = os.open(f"{directory}/top", os.O_RDONLY)
    for _ in range(DEPTH):
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.symlink("..", "link", dir_fd=here)
        os.mkdir("empty", dir_fd=here)
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_a_deep_tree_is_reached_and_removed(base):
    deep(base)
    before = len(os.listdir("/proc/self/fd"))
    with HeldTree(os.open(base, os.O_PATH)) as place:
        path = b"/".join([b"top"] + [b"d"] * DEPTH)
        assert os.fstat(place.directory(path)).st_nlink == 2
        assert place.status(path + b"/file") is None
        assert place.status(path.removesuffix(b"/d") + b"/file").st_size == 0
        place.remove(b"top")
    assert os.listdir(base) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_links_are_removed_and_not_followed(base):
    os.makedirs(f"{base}/kept/below")
    os.makedirs(f"{base}/tree/locked/d")
    os.symlink("../kept", f"{base}/tree/link")
    os.symlink("../../kept", f"{base}/tree/locked/link")
    os.chmod(f"{base}/tree/locked", 0)
    with HeldTree(os.open(base, os.O_PATH)) as place:
        place.remove(b"tree")
        place.remove(b"nothing")
    assert os.listdir(base) == ["kept"]
    assert os.listdir(f"{base}/kept") == ["below"]
