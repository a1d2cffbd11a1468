"""files.py: what parity with os can't tell."""

import errno
import os
import sys

import pytest

import ostler


def test_statx_agrees_with_stat(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    own = os.stat(path)
    told = ostler.statx(path, ostler.STATX_BASIC_STATS | ostler.STATX_BTIME)
    for name in ("mode", "nlink", "uid", "gid", "ino", "size", "blocks", "dev", "rdev", "blksize",
                 "atime", "mtime", "ctime", "atime_ns", "mtime_ns", "ctime_ns"):  # fmt: skip
        assert getattr(told, f"stx_{name}") == getattr(own, f"st_{name}"), name
    assert repr(told).startswith("os.statx_result(stx_mask=")


def test_statx_tells_only_what_it_knows(tmp_path):
    told = ostler.statx("/proc/self", ostler.STATX_BTIME)
    assert told.stx_btime is None
    assert told.stx_btime_ns is None
    assert "btime" not in repr(told)


def test_statx_arguments(tmp_path):
    (tmp_path / "l").symlink_to("nowhere")
    with open(tmp_path / "f", "w") as f:
        assert ostler.statx(f.fileno(), ostler.STATX_SIZE).stx_size == 0
        with pytest.raises(ValueError, match="cannot use fd and follow_symlinks together"):
            ostler.statx(f.fileno(), 0, follow_symlinks=False)
        with pytest.raises(ValueError, match="dir_fd"):
            ostler.statx(f.fileno(), 0, dir_fd=f.fileno())
    assert ostler.statx(tmp_path / "l", ostler.STATX_TYPE, follow_symlinks=False).stx_mode
    with pytest.raises(FileNotFoundError) as caught:
        ostler.statx(str(tmp_path / "l"), 0)
    assert caught.value.filename == str(tmp_path / "l")
    with pytest.raises(ValueError, match="follow_symlinks"):
        ostler.statx(".", 0, flags=0x100)
    with pytest.raises(ValueError, match="AT_EMPTY_PATH"):
        ostler.statx(".", 0, flags=0x1000)
    with pytest.raises(TypeError):
        ostler.statx(".", 1.5)
    with pytest.raises(TypeError):
        ostler.statx_result()


@pytest.mark.parametrize("call", [ostler.statvfs, lambda fd: ostler.pathconf(fd, 3)])
def test_no_descriptor_and_no_path(call):
    # The interpreter's own crash here, up to 3.14 and 3.13.
    with pytest.raises(OSError) as caught:
        call(-1)
    since = (3, 15) if call is ostler.statvfs else (3, 14)
    expected = errno.EBADF if sys.version_info >= since else errno.EFAULT
    assert caught.value.errno == expected


def test_members_of_supports():
    for name in ("supports_dir_fd", "supports_fd", "supports_follow_symlinks",
                 "supports_effective_ids"):  # fmt: skip
        ours, own = getattr(ostler, name), getattr(os, name)
        assert {f.__name__ for f in ours} == {f.__name__ for f in own}
        assert getattr(ostler.host, name) is ours
    assert ostler.stat in ostler.supports_dir_fd
    assert ostler.host.stat in ostler.supports_follow_symlinks
