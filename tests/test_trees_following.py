"""Links that a copy follows: what they lead to is read, and nothing outside the copy is written."""

import errno
import os
import stat
import struct

import pytest

import ostler
from ostler import trees

ACCESS = "system.posix_acl_access"


@pytest.fixture
def place(tmp_path):
    """A directory "a" with a link to "elsewhere/d", in which lies a link to "elsewhere/e"."""
    for name in ("a/z", "elsewhere/d", "elsewhere/e"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "elsewhere/e/f").write_text("f")
    (tmp_path / "a/z/link").symlink_to("../../elsewhere/e")
    return tmp_path


def test_links_put_into_the_copy_lead_nowhere(place):
    # The copies of directories have their owners before the links in them are followed.
    (place / "a/first").symlink_to("../elsewhere/d")
    (place / "elsewhere/d/lost").symlink_to("nowhere")
    (place / "outside").mkdir()
    told = []

    def swap(error):
        told.append(error)
        if error.filename.endswith("lost"):
            os.rename(place / "b/z", place / "b/y")
            (place / "b/z").symlink_to(place / "outside")

    counts = trees.copy(place / "a", place / "b", follow_links=True, on_error=swap)
    assert [os.path.basename(error.filename) for error in told] == ["lost", "z"]
    assert counts.files == 0
    assert os.listdir(place / "outside") == []
    assert (place / "b/z").is_symlink()


def test_a_copy_that_was_replaced_is_not_written(place):
    (place / "a/first").symlink_to("../elsewhere/d")
    (place / "elsewhere/d/lost").symlink_to("nowhere")
    (place / "outside/z/link").mkdir(parents=True)
    told = []

    def swap(error):
        told.append(error)
        if error.filename.endswith("lost"):
            os.rename(place / "b", place / "c")
            os.rename(place / "outside", place / "b")

    trees.copy(place / "a", place / "b", follow_links=True, on_error=swap)
    assert [error.errno for error in told] == [errno.ENOENT, errno.ESTALE]
    assert os.listdir(place / "b/z/link") == []


def test_links_in_what_is_merged_into_are_not_followed(place):
    (place / "b/z").mkdir(parents=True)
    (place / "outside").mkdir()
    (place / "b/z/link").symlink_to(place / "outside")
    counts = trees.copy(
        place / "a", place / "b", follow_links=True, existing="merge", on_error="collect"
    )
    assert [error.filename for error in counts.errors] == [str(place / "b/z/link")]
    assert os.listdir(place / "outside") == []
    assert (place / "b/z/link").is_symlink()


def test_directories_that_were_there_stay(place):
    (place / "a/z/up").symlink_to("..")
    (place / "a/z/further").symlink_to("..")
    (place / "b/z/up").mkdir(parents=True)
    for top, to in ((place / "a", place / "b"), (os.fsencode(place / "a"), place / "b")):
        counts = trees.copy(top, to, follow_links=True, existing="merge", on_error="collect")
        assert [error.errno for error in counts.errors] == [errno.ELOOP] * 2
        assert sorted(os.listdir(place / "b/z")) == ["link", "up"]
        assert (place / "b/z/link/f").read_text() == "f"


def test_without_modes_all_is_as_if_it_were_made_there(place):
    os.chmod(place / "elsewhere/e", 0o700)
    os.chmod(place / "elsewhere/e/f", 0o600)
    for mask in (0o022, 0o027):
        before = os.umask(mask)
        try:
            trees.copy(place / "a", place / f"b{mask}", follow_links=True, modes=False)
        finally:
            os.umask(before)
        for name, mode in (("z", 0o777), ("z/link", 0o777), ("z/link/f", 0o666)):
            assert stat.S_IMODE((place / f"b{mask}" / name).stat().st_mode) == mode & ~mask


def test_special_files_behind_links(place):
    os.mkfifo(place / "pipe")
    (place / "a/pipe").symlink_to("../pipe")
    # Its mode shows the mask of this list, not what the group may.
    entries = [(1, 6, 2**32 - 1), (2, 6, 4321), (4, 0, 2**32 - 1), (16, 6, 2**32 - 1),
               (32, 0, 2**32 - 1)]  # fmt: skip
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(place / "pipe", ACCESS, value)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        pytest.skip("no access control lists here")
    trees.copy(place / "a", place / "b", follow_links=True)
    assert stat.S_ISFIFO(os.lstat(place / "b/pipe").st_mode)
    assert os.getxattr(place / "b/pipe", ACCESS) == value
    trees.copy(place / "a", place / "c", follow_links=True, xattrs=False)
    assert stat.S_IMODE(os.lstat(place / "c/pipe").st_mode) == 0o600
    with pytest.raises(OSError) as caught:
        trees.copy(place / "a", place / "d", follow_links=True, special=False)
    assert (caught.value.errno, caught.value.filename) == (
        errno.EOPNOTSUPP, str(place / "a/pipe"),
    )  # fmt: skip


def test_links_of_a_machine_do_not_lead_to_the_host(place):
    (place / "a/link").symlink_to("/etc/passwd")
    with ostler.read_only(place) as machine:
        with pytest.raises(OSError) as caught:
            machine.trees.copy("/a", place / "b", machine=ostler.host, follow_links=True)
        assert (caught.value.errno, caught.value.filename) == (errno.EOPNOTSUPP, "/a")
    assert not (place / "b").exists()
