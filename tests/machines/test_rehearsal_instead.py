"""Commits of some paths where something stands in the place of a directory that is gone.

It is gone with all that was in it, also what was not chosen: what somebody else has changed in it
meanwhile is a conflict, whichever path it was that took the directory away.
"""

import errno
import os

import pytest

import ostler
from tests.machines.rehearsing import put, snapshot, text

pytestmark = pytest.mark.usefixtures("as_user")


def a_file(m):
    m.create_file("/d", "file")


def a_link(m):
    m.symlink("other", "/d")


def a_renamed_file(m):
    m.rename("/file", "/d")


def a_renamed_directory(m):
    m.rename("/n", "/d")
    m.create_file("/d/new", "new")
    m.chmod("/d/f", 0o600)


def one_deeper(m):
    m.mkdir("/d")
    m.rename("/n", "/d/b")


def one_exchanged(m):
    m.create_file("/d", "file")
    m.exchange("/d", "/n")


# What stands there, and the paths that are chosen, each by itself.
INSTEAD = {
    a_file: ["d", "d/b", "d/b/x", "d/b/e"],
    a_link: ["d", "d/b/x"],
    a_renamed_file: ["d", "d/b/x", "file"],
    a_renamed_directory: ["d", "d/new", "d/f", "d/b/x", "n"],
    one_deeper: ["d", "d/b", "d/b/x", "n"],
    one_exchanged: ["d", "n", "d/b/x"],
}
CASES = [(how, chosen) for how, each in INSTEAD.items() for chosen in each]


def furnish(base):
    put(f"{base}/d/b/file", "old")
    put(f"{base}/d/b/x", "x")
    put(f"{base}/d/b/e/y", "y")
    put(f"{base}/n/f", "f")
    put(f"{base}/file", "file")


@pytest.mark.parametrize(("how", "chosen"), CASES)
def test_what_another_has_changed_is_not_lost(base, how, chosen):
    furnish(base)
    with ostler.rehearsal(base) as m:
        m.trees.remove("/d")
        how(m)
        put(f"{base}/d/b/file", "somebody else's")
        before = snapshot(base)
        with pytest.raises(ostler.CommitConflict) as failed:
            m.commit([f"{base}/{chosen}"])
        assert failed.value.errno == errno.ESTALE
        assert f"{base}/d/b/file" in failed.value.paths
        assert snapshot(base) == before
        assert text(f"{base}/d/b/file") == "somebody else's"


@pytest.mark.parametrize(("how", "chosen"), CASES)
def test_else_it_is_done_whole(base, how, chosen):
    """The rest can be committed afterwards, also of a file that has another name elsewhere."""
    furnish(base)
    os.link(f"{base}/d/b/file", f"{base}/other name")
    with ostler.rehearsal(base) as m:
        m.trees.remove("/d")
        how(m)
        fd = m.open("/other name", os.O_WRONLY | os.O_APPEND)
        m.write(fd, b" and new")
        m.close(fd)
        m.commit([f"{base}/{chosen}"])
        assert not os.path.exists(f"{base}/d/b/file")
        assert text(f"{base}/other name") == "old"
        m.commit()
        assert m.changes() == []
    assert text(f"{base}/other name") == "old and new"
