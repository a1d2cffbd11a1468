"""Layers that were made into one: what they are together is what they were one upon the other."""

import os
import stat

import pytest

import ostler
from ostler.points import history
from tests.machines.rehearsing import got, put, put_on, text

pytestmark = [
    pytest.mark.usefixtures("as_user"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def make_block(m):
    """Make points until the layers of those before are one, which is returned."""
    for number in range(history.BLOCK):
        put_on(m, f"/{number}", b"")
        m.checkpoint()
        m._history.background.finish()
    (block,) = m._history.blocks.values()
    return block


def test_a_file_that_left_a_directory_that_was_renamed_before(base):
    """When these layers become one, its data are where the base has them, under the old name."""
    put(f"{base}/old/in/file", "content")
    put(f"{base}/to/other", "other")
    with ostler.rehearsal(base) as m:
        m.rename("/old", "/new")
        m.checkpoint()
        m.rename("/new/in/file", "/to/file")
        m.checkpoint()
        make_block(m)
        assert sorted(m.listdir("/to")) == ["file", "other"]
        assert got(m, "/to/file") == "content"


def test_a_name_in_a_new_directory_is_renamed_over_another_file(base):
    """When these layers become one, it has the data of the file that it is a name of."""
    put(f"{base}/file", "content")
    put(f"{base}/to/file", "other")
    with ostler.rehearsal(base) as m:
        m.mkdir("/new")
        m.link("/file", "/new/name")
        m.checkpoint()
        m.replace("/new/name", "/to/file")
        m.checkpoint()
        make_block(m)
        assert got(m, "/to/file") == "content"


def test_a_file_that_was_new_is_so_in_a_directory_that_nobody_may_enter(base):
    """When layers become one, of which one has it new and another a copy of that."""
    with ostler.rehearsal(base) as m:
        m.mkdir("/d")
        put_on(m, "/d/file", b"one")
        m.checkpoint()
        put_on(m, "/d/file", b"two")
        m.chmod("/d", 0)
        m.checkpoint()
        block = make_block(m)
        stores = f"/proc/self/fd/{m._stores}"
        top = os.path.join(stores, os.fsdecode(block.stores[b""]), "upper")
        os.chmod(f"{top}/d", 0o700)
        assert os.listxattr(f"{top}/d/file") == []
        os.chmod(f"{top}/d", 0)
        m.commit()
    os.chmod(f"{base}/d", 0o700)
    assert text(f"{base}/d/file") == "two"


def test_a_directory_that_nobody_may_enter(base):
    """What is in it is linked all the same when layers become one, and at a commit."""
    with ostler.rehearsal(base) as m:
        m.mkdir("/d")
        put_on(m, "/d/file", b"content")
        m.chmod("/d", 0)
        m.checkpoint()
        make_block(m)
        m.commit()
    assert stat.S_IMODE(os.stat(f"{base}/d").st_mode) == 0
    os.chmod(f"{base}/d", 0o700)
    assert text(f"{base}/d/file") == "content"
