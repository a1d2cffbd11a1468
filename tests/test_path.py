"""Paths: made-up text against the interpreter's own, patching, pickling, realpath's ways."""

import gc
import inspect
import multiprocessing
import os
import pickle
import sys
from multiprocessing import resource_tracker
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ostler
from tests.parity import attempt

_PIECES = st.sampled_from(
    [
        "/",
        "//",
        ".",
        "..",
        "a",
        "b.c",
        ".d",
        "é",
        "日",
        "\udcff",
        "\ud800",
        "~",
        " ",
        "\0",
        "..e",
        "\xff",
    ]
)
TEXT = st.lists(_PIECES, max_size=12).map("".join) | st.text(max_size=20)
DATA = st.lists(
    st.sampled_from([b"/", b"//", b".", b"..", b"a", b"b.c", b"\xff", b"\xc3\xa9", b"\0"]),
    max_size=12,
).map(b"".join) | st.binary(max_size=20)


def agree(name, *args):
    expected = attempt(getattr(os.path, name), *args)
    assert attempt(getattr(ostler.path, name), *args) == expected


@pytest.mark.parametrize(
    "name",
    [
        "normcase",
        "isabs",
        "split",
        "splitext",
        "splitdrive",
        "basename",
        "dirname",
        "normpath",
        "abspath",
    ],
)
def test_text_of_one_path(name):
    @given(TEXT | DATA)
    @settings(max_examples=400, deadline=None)
    def run(path):
        agree(name, path)

    run()


@given(st.lists(TEXT, min_size=1, max_size=6) | st.lists(DATA, min_size=1, max_size=6))
@settings(max_examples=400, deadline=None)
def test_joining(parts):
    agree("join", *parts)
    agree("commonpath", parts)
    agree("commonprefix", parts)


@given(st.lists(TEXT | DATA | st.none() | st.integers(), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_joining_what_does_not_go_together(parts):
    agree("join", *parts)
    agree("commonpath", parts)


@given(TEXT, TEXT)
@settings(max_examples=200, deadline=None)
def test_relpath(path, start):
    agree("relpath", path, start)
    agree("relpath", path)


@given(TEXT | DATA)
@settings(max_examples=200, deadline=None)
def test_encoding(path):
    for name in ("fsencode", "fsdecode", "fspath"):
        assert attempt(getattr(ostler, name), path) == attempt(getattr(os, name), path)


@pytest.fixture(scope="module")
def maze(tmp_path_factory):
    """A directory in which every short path means something."""
    root = tmp_path_factory.mktemp("maze")
    home = os.getcwd()
    os.chdir(root)
    os.makedirs("a/b/a")
    os.mkdir("b")
    open("a/f", "w").close()
    for target, name in [
        ("a", "l"), ("../b", "a/l"), ("loop", "b/loop"), ("../../l/b", "a/b/l"), ("nothing", "b/l"),
        (f"{root}/a/b", "abs"), ("l/l/../a", "twist"), ("f", "a/g"), ("..", "a/b/up"),
        ("./a//b/./", "odd"),
    ]:  # fmt: skip
        os.symlink(target, name)
    yield root
    os.chdir(home)


_STEPS = st.lists(
    st.sampled_from(
        ["a", "b", "l", "f", "g", "loop", "..", ".", "", "abs", "twist", "up", "odd", "no"]
    ),
    min_size=1,
    max_size=8,
)


@given(_STEPS, st.sampled_from([False, True]), st.sampled_from(["", "/", "root"]))
@settings(max_examples=600, deadline=None)
def test_realpath_in_a_maze(maze, steps, strict, start):
    path = "/".join(steps)
    path = f"{maze}/{path}" if start == "root" else start + path
    for form in (path, os.fsencode(path)):
        expected = attempt(os.path.realpath, form, strict=strict)
        assert attempt(ostler.path.realpath, form, strict=strict) == expected


@given(_STEPS)
@settings(max_examples=300, deadline=None)
def test_every_way_of_realpath_agrees(maze, steps):
    """What the kernel and C find is what walking step by step finds."""
    path = "/".join(steps)
    quick = ostler.path.realpath(path)
    with mock.patch.object(ostler, "lstat", os.lstat):
        assert ostler.path.realpath(path) == quick


@pytest.mark.parametrize("strict", [False, True])
def test_realpath_where_the_way_from_the_root_is_closed(tmp_path, strict):
    inside = tmp_path / "closed" / "in"
    inside.mkdir(parents=True)
    (inside / "y").symlink_to("in")
    home, user = os.getcwd(), os.geteuid()
    os.chdir(inside)
    os.chmod(tmp_path / "closed", 0)
    if user == 0:
        os.seteuid(65534)
    try:
        for path in ("y", ".", "..", "../in", "../in/y", "no", "../../closed/in", "../in/.."):
            expected = attempt(os.path.realpath, path, strict=strict)
            assert attempt(ostler.path.realpath, path, strict=strict) == expected
    finally:
        os.seteuid(user)
        os.chmod(tmp_path / "closed", 0o700)
        os.chdir(home)


def test_realpath_between_strict_and_not(maze):
    real = ostler.path.realpath
    here = os.fspath(maze)
    missing, last = ostler.path.ALLOW_MISSING, ostler.path.ALL_BUT_LAST
    for strict in (missing, last):
        assert real("l/b", strict=strict) == f"{here}/a/b"
        assert real("l/no", strict=strict) == f"{here}/a/no"
        assert real("b/l", strict=strict) == f"{here}/b/nothing"
        assert real(b"l/no", strict=strict) == os.fsencode(f"{here}/a/no")
        for wrong in ("a/f/x", "a/f/", "a/f/..", "a/f/."):
            with pytest.raises(NotADirectoryError):
                real(wrong, strict=strict)
        with pytest.raises(OSError, match="symbolic links"):
            real("b/loop", strict=strict)
    assert real("no/no", strict=missing) == f"{here}/no/no"
    assert real("no/../l", strict=missing) == f"{here}/a"
    with pytest.raises(FileNotFoundError):
        real("no/no", strict=last)
    assert real("l/no/", strict=last) == f"{here}/a/no"
    assert pickle.loads(pickle.dumps(missing)) is missing
    assert pickle.loads(pickle.dumps(last)) is last
    assert repr(missing) == "os.path.ALLOW_MISSING"


def test_signatures():
    for name in os.path.__all__:
        own = getattr(os.path, name)
        if callable(own):
            assert inspect.signature(getattr(ostler.path, name)) == inspect.signature(own), name


def test_names_are_those_of_the_interpreter():
    assert ostler.path.__all__ == os.path.__all__
    others = [name for name in ostler.path.__all__ if name != "ALLOW_MISSING"]  # as of 3.13.4
    assert len(others) == {11: 38, 12: 40, 13: 41, 14: 41, 15: 42}[sys.version_info[1]]


def test_functions_pickle():
    for name in os.path.__all__:
        function = getattr(ostler.path, name)
        if callable(function) and name not in ("splitroot",):
            assert pickle.loads(pickle.dumps(function)) == function
    splitroot = pickle.loads(pickle.dumps(ostler.path.splitroot))
    assert splitroot("//a") == ("", "//", "a")


def test_functions_go_to_other_processes(tmp_path):
    paths = []
    for size in range(3):
        paths.append(tmp_path / str(size))
        paths[-1].write_bytes(b"x" * size)
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.map(ostler.path.getsize, paths) == [0, 1, 2]
            pool.close()
            pool.join()
    finally:
        del pool
        gc.collect()  # its semaphores, of which the tracker of resources is told
        # It would stay as a child of the tests until they end; another pool starts it again.
        resource_tracker._resource_tracker._stop()


def test_a_patched_stat_is_seen():
    with mock.patch.object(ostler, "stat", side_effect=FileNotFoundError):
        assert not ostler.path.exists("/")
        assert not ostler.path.isdir("/")
        with pytest.raises(FileNotFoundError):
            ostler.path.getsize("/")
    with mock.patch.object(ostler, "lstat", side_effect=PermissionError):
        assert not ostler.path.lexists("/")
        assert not ostler.path.islink("/")
        assert not ostler.path.ismount("/")
        with pytest.raises(PermissionError):
            ostler.path.realpath("/usr", strict=True)
    assert ostler.path.exists("/")


def test_a_patched_working_directory_is_seen():
    with mock.patch.object(ostler, "getcwd", return_value="/some/where"):
        assert ostler.path.abspath("x") == "/some/where/x"
        assert ostler.path.realpath("x") == "/some/where/x"
        assert ostler.path.relpath("/some") == ".."
    with mock.patch.object(ostler, "getcwdb", return_value=b"/other"):
        assert ostler.path.abspath(b"x") == b"/other/x"


def test_a_patched_environ_is_seen():
    with mock.patch.object(ostler, "environ", {"HOME": "/elsewhere", "V": "value"}):
        assert ostler.path.expanduser("~/x") == "/elsewhere/x"
        assert ostler.path.expandvars("$V") == "value"


def test_errors_in_fspath_are_the_callers():
    class Bad:
        def __fspath__(self):
            raise KeyError("mine")

    for name in ("join", "split", "exists", "realpath", "normpath", "abspath", "isfile"):
        with pytest.raises(KeyError):
            getattr(ostler.path, name)(Bad())

    class Gone:
        def __fspath__(self):
            raise OSError("gone")

    assert ostler.path.exists(Gone()) is False
    with pytest.raises(OSError, match="gone"):
        ostler.path.getsize(Gone())
