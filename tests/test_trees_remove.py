"""remove, against what is left."""

import os

import pytest

import ostler
from tests import tree_maker

THREADS = pytest.mark.parametrize("threads", [1, 2, 5])


@THREADS
def test_remove(tmp_path, threads):
    tree = tree_maker.make(str(tmp_path / "t"), seed=2, size=3000)
    beside = tree_maker.make(str(tmp_path / "u"), seed=3, size=30)
    kept = tree_maker.names(beside)
    total = len(tree_maker.names(tree)) + 1
    assert ostler.trees.remove(tree, threads=threads).entries == total
    assert os.listdir(tmp_path) == ["u"]
    assert tree_maker.names(beside) == kept


def test_relative_and_slash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("a", "a/", b"a", "./a", "../" + tmp_path.name + "/a//"):
        os.makedirs("a/b")
        assert ostler.trees.remove(given).directories == 2
        assert os.listdir() == []
    for bad in (".", "./", "a/.."):
        with pytest.raises(OSError, match="Invalid argument"):
            ostler.trees.remove(bad)
    with pytest.raises(FileNotFoundError):
        ostler.trees.remove("")


def test_a_link_is_not_a_tree(tmp_path):
    tree_maker.make(str(tmp_path / "t"), size=20)
    (tmp_path / "link").symlink_to("t")
    before = tree_maker.names(tmp_path)
    with pytest.raises(NotADirectoryError):
        ostler.trees.remove(tmp_path / "link")
    assert tree_maker.names(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_could_not_be_removed_is_told(tmp_path):
    check_refused(tmp_path)


def check_refused(tmp_path):
    (tmp_path / "t/a/locked/inner").mkdir(parents=True)
    (tmp_path / "t/b").mkdir()
    (tmp_path / "t/b/file").write_text("x")
    (tmp_path / "t/a/locked").chmod(0o500)
    try:
        done = ostler.trees.remove(tmp_path / "t", on_error="collect")
        assert [type(e) for e in done.errors] == [PermissionError]
        assert done.errors[0].filename == str(tmp_path / "t/a/locked/inner")
        assert (done.files, done.directories) == (1, 1)
        assert tree_maker.names(tmp_path) == [
            str(tmp_path / name) for name in ("t", "t/a", "t/a/locked", "t/a/locked/inner")
        ]
        with pytest.raises(PermissionError) as caught:
            ostler.trees.remove(tmp_path / "t")
        assert caught.value.done.entries == 0
        told = []
        ostler.trees.remove(tmp_path / "t", on_error=told.append)
        assert len(told) == 1
    finally:
        (tmp_path / "t/a/locked").chmod(0o700)
