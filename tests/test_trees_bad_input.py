"""Every operation on what is no tree: the error, the path in it, and that nothing has changed."""

import errno
import os

import pytest

import ostler
from tests import tree_maker

OPERATIONS = {
    "walk": lambda top, to: list(ostler.trees.walk(top)),
    "find": lambda top, to: list(ostler.trees.find(top)),
    "count": lambda top, to: ostler.trees.count(top),
    "size": lambda top, to: ostler.trees.size(top),
    "by_directory": lambda top, to: ostler.trees.size(top, by_directory=True),
    "digest": lambda top, to: ostler.trees.digest(top),
    "compare": lambda top, to: ostler.trees.compare(top, to),
    "compared": lambda top, to: ostler.trees.compare(to, top),
    "copy": lambda top, to: ostler.trees.copy(top, to + (b"/c" if isinstance(to, bytes) else "/c")),
    "remove": lambda top, to: ostler.trees.remove(top),
    "chmod": lambda top, to: ostler.trees.chmod(top, 0),
    "chown": lambda top, to: ostler.trees.chown(top, 1, 1),
}
# These refuse a link at the root itself, wherever it leads.
THEMSELVES = {"remove", "chmod", "chown"}
EVERY = pytest.mark.parametrize("operation", OPERATIONS)


def refused(operation, top, tmp_path, number):
    """It fails with this errno and the path as it was given; nothing is different then."""
    (tmp_path / "beside").mkdir(exist_ok=True)
    before = tree_maker.picture(tmp_path)
    beside = str(tmp_path / "beside")
    with pytest.raises(OSError) as caught:
        OPERATIONS[operation](top, os.fsencode(beside) if isinstance(top, bytes) else beside)
    assert caught.value.errno == number, caught.value
    assert caught.value.filename == (top if isinstance(top, bytes) else os.fspath(top))
    after = tree_maker.picture(tmp_path)
    assert after == before


@EVERY
def test_a_file(operation, tmp_path):
    (tmp_path / "file").write_text("mine")
    refused(operation, tmp_path / "file", tmp_path, errno.ENOTDIR)


@EVERY
def test_a_pipe(operation, tmp_path):
    os.mkfifo(tmp_path / "pipe")  # which must not be waited for
    refused(operation, tmp_path / "pipe", tmp_path, errno.ENOTDIR)


@EVERY
def test_nothing(operation, tmp_path):
    refused(operation, tmp_path / "missing", tmp_path, errno.ENOENT)
    refused(operation, tmp_path / "missing/below", tmp_path, errno.ENOENT)


@EVERY
def test_a_name_that_is_not_utf8(operation, tmp_path):
    bad = os.path.join(os.fsencode(tmp_path), b"\xff\xfe")
    refused(operation, bad, tmp_path, errno.ENOENT)
    refused(operation, os.fsdecode(bad), tmp_path, errno.ENOENT)
    with open(bad, "w"):
        pass
    refused(operation, bad, tmp_path, errno.ENOTDIR)
    refused(operation, os.fsdecode(bad), tmp_path, errno.ENOTDIR)


@EVERY
def test_a_loop_of_links(operation, tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    number = errno.ENOTDIR if operation in THEMSELVES else errno.ELOOP
    refused(operation, tmp_path / "one", tmp_path, number)
    refused(operation, tmp_path / "one/below", tmp_path, errno.ELOOP)


@EVERY
def test_a_name_with_a_nul(operation, tmp_path):
    with pytest.raises(ValueError, match="embedded null"):
        OPERATIONS[operation](str(tmp_path) + "\0", str(tmp_path))


def test_a_loop_of_links_inside(tmp_path):
    # It is an entry as any other.
    (tmp_path / "t/d").mkdir(parents=True)
    (tmp_path / "t/d/up").symlink_to("..")
    (tmp_path / "t/self").symlink_to("self")
    before = tree_maker.picture(tmp_path / "t")
    assert ostler.trees.size(tmp_path / "t").links == 2
    assert sum(1 for _ in ostler.trees.walk(tmp_path / "t")) == 2
    ostler.trees.copy(tmp_path / "t", tmp_path / "c")
    assert tree_maker.picture(tmp_path / "c") == before
    ostler.trees.chmod(tmp_path / "c", "u+rwx")
    assert ostler.trees.remove(tmp_path / "c").links == 2
    assert tree_maker.picture(tmp_path / "t") == before


def test_links_where_a_copy_goes(tmp_path):
    # What stands there is replaced itself; a link in the place of a directory is not followed.
    outside = tree_maker.make(str(tmp_path / "outside"), seed=50, size=50)
    (tmp_path / "outside/file").write_text("theirs")
    before = tree_maker.picture(outside)
    (tmp_path / "t/d").mkdir(parents=True)
    (tmp_path / "t/d/file").write_text("mine")
    (tmp_path / "t/file").write_text("mine")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/d").symlink_to(outside)
    (tmp_path / "c/file").symlink_to(outside + "/file")
    done = ostler.trees.copy(tmp_path / "t", tmp_path / "c", existing="merge", on_error="collect")
    assert [(e.errno, e.filename) for e in done.errors] == [(errno.ENOTDIR, str(tmp_path / "t/d"))]
    assert done.files == 1
    assert not (tmp_path / "c/file").is_symlink()
    assert tree_maker.picture(outside) == before
    (tmp_path / "to").symlink_to(outside)
    for existing in ("refuse", "merge"):
        with pytest.raises(OSError) as caught:
            ostler.trees.copy(tmp_path / "t", tmp_path / "to", existing=existing)
        assert caught.value.filename == str(tmp_path / "to")
    assert tree_maker.picture(outside) == before


def test_what_was_done_is_told(tmp_path):
    (tmp_path / "t").mkdir()
    for number in range(200):
        (tmp_path / f"t/d{number}").mkdir()
        (tmp_path / f"t/d{number}/f").write_text("x")

    (tmp_path / "c/d7/f").mkdir(parents=True)  # where a file is to go
    with pytest.raises(IsADirectoryError) as caught:
        ostler.trees.copy(tmp_path / "t", tmp_path / "c", existing="merge", threads=1)
    assert caught.value.filename == str(tmp_path / "t/d7/f")
    there = ostler.trees.count(tmp_path / "c")
    # The directories that were there and the one at d7/f are not the copy's.
    assert caught.value.done.files == there.files
    assert ostler.trees.remove(tmp_path / "c").files == there.files
