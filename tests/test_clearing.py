"""clear(): what machines remove of their own layers."""

import ctypes
import errno
import os
import random
import tempfile
from pathlib import Path

import pytest

from ostler.core.clearing import clear
from tests import tree_maker
from tests.machines.rehearsing import USER, forked


def cleared(top):
    above, name = os.path.split(os.fsencode(top))
    fd = os.open(above, os.O_PATH)
    try:
        clear(fd, name)
    finally:
        os.close(fd)
    assert os.listdir(top) == []


@pytest.mark.parametrize("seed", range(8))
def test_any_tree(tmp_path, seed):
    top = tmp_path / "top"
    tree_maker.make(str(top), seed, random.Random(seed).choice([0, 10, 300]))
    cleared(top)


def test_very_many_names_and_directories(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    for number in range(3000):
        (top / f"file-{number:040}").touch()
    for number in range(300):
        (top / f"directory-{number:040}" / "below").mkdir(parents=True)
    cleared(top)


def test_very_deep(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    fd = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d" * 20, dir_fd=fd)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    cleared(top)


def test_no_link_is_followed(tmp_path):
    (tmp_path / "other" / "below").mkdir(parents=True)
    (tmp_path / "other" / "file").touch()
    (tmp_path / "top" / "directory").mkdir(parents=True)
    (tmp_path / "top" / "link").symlink_to("../other")
    (tmp_path / "top" / "directory" / "link").symlink_to(tmp_path / "other")
    cleared(tmp_path / "top")
    assert sorted(os.listdir(tmp_path / "other")) == ["below", "file"]
    (tmp_path / "link").symlink_to("other")
    with pytest.raises(OSError) as failed:
        cleared(tmp_path / "link")
    assert failed.value.errno in (errno.ELOOP, errno.ENOTDIR)
    assert sorted(os.listdir(tmp_path / "other")) == ["below", "file"]


@pytest.mark.parametrize("user", [None, USER], ids=["root", "user"])
def test_modes_keep_nobody_out_of_what_is_his(user):
    def check():
        top = Path(directory) / "top"
        for mode in (0o000, 0o100, 0o200, 0o400, 0o500, 0o300):
            (top / f"{mode:o}" / "below").mkdir(parents=True)
            (top / f"{mode:o}" / "below" / "file").touch()
            (top / f"{mode:o}" / "below").chmod(mode)
            (top / f"{mode:o}").chmod(mode)
        top.chmod(0)
        cleared(top)

    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        forked(check, user)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts something")
def test_what_is_mounted_there_is_nothing_of_ours(tmp_path):
    (tmp_path / "top" / "a" / "mounted").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()

    def check():
        assert libc.unshare(0x20000) == 0  # a mount namespace of its own
        place = os.fsencode(tmp_path / "top" / "a" / "mounted")
        assert libc.mount(None, b"/", None, 0x44000, None) == 0  # private, with all below it
        assert libc.mount(os.fsencode(tmp_path / "other"), place, None, 0x1000, None) == 0
        with pytest.raises(OSError, match="something is mounted there"):
            cleared(tmp_path / "top")
        assert os.listdir(place) == [b"file"]

    libc = ctypes.CDLL(None)
    forked(check)
    assert os.listdir(tmp_path / "other") == ["file"]
