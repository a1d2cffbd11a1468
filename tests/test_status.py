"""What is asked of very many objects at once, beside the calls of os for one."""

import errno
import os

import pytest

from ostler.core.status import attribute, kept, listed
from tests.machines import as_self, containers

MEMBERS = "dev ino mode nlink uid gid rdev size atime_ns mtime_ns ctime_ns".split()


def members(status):
    """What is kept of a stat result."""
    return [getattr(status, "st_" + name) for name in MEMBERS]


def opened(path):
    """A descriptor of a directory, for listing."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def test_a_directory_is_listed_as_os_sees_it(tmp_path):
    """Sorted, with what the lstat of each says, of more than the kernel gives at once."""
    for number in range(2000):
        (tmp_path / f"{number:04}{'x' * (number % 200)}").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    odd = os.fsencode(tmp_path) + b"/\xff\n"
    os.close(os.open(odd, os.O_CREAT | os.O_WRONLY))
    os.utime(odd, ns=(-1, 2**33 * 10**9 + 7))
    fd = opened(tmp_path)
    try:
        found = listed(fd)
    finally:
        os.close(fd)
    assert [name for name, _ in found] == sorted(os.listdir(os.fsencode(tmp_path)))
    for name, status in found:
        real = os.lstat(os.path.join(os.fsencode(tmp_path), name))
        assert members(status) == members(kept(real)) == members(real)


def test_what_cannot_be_listed_is_an_error(tmp_path):
    """What is no directory, or not open; of one that was removed there is nothing to list."""
    (tmp_path / "file").touch()
    with open(tmp_path / "file", "rb") as file, pytest.raises(NotADirectoryError):
        listed(file.fileno())
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        listed(-1)
    assert caught.value.errno == errno.EBADF
    (tmp_path / "gone").mkdir()
    fd = opened(tmp_path / "gone")
    try:
        (tmp_path / "gone").rmdir()
        assert listed(fd) == []
    finally:
        os.close(fd)


def check_attributes(directory, refused):
    """Of a file, a directory and a link, however long; None where there is none."""
    values = {"user.short": b"x", "user.empty": b"", "user.long": bytes(range(256)) * 9}
    for name, value in values.items():
        os.setxattr(directory / "file", name, value)
        os.setxattr(directory / "directory", name, value[::-1])
    if refused:
        containers.refuse({"getxattrat": refused})
    fd = opened(directory)
    for name, value in values.items():
        assert attribute(fd, b"file", name) == value
        assert attribute(fd, b"directory", name) == value[::-1]
        assert attribute(fd, b"link", name) is None  # and it is not followed
    assert attribute(fd, b"file", "user.none") is None
    assert attribute(fd, b".", "user.none") is None
    with pytest.raises(FileNotFoundError):
        attribute(fd, b"nothing", "user.short")
    with pytest.raises(NotADirectoryError):
        attribute(fd, b"file/below", "user.short")


@pytest.mark.parametrize("refused", [0, errno.ENOSYS, errno.EPERM])
def test_attributes_are_those_that_os_gives(tmp_path, refused):
    """Also where the kernel is older than the call for it, or a sandbox knows none."""
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("file")
    as_self(check_attributes, tmp_path, refused)
