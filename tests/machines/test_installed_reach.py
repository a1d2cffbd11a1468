"""What else is reached by a machine that is installed, what is left to the host, and `strict`."""

import builtins
import contextlib
import ctypes
import importlib
import io
import linecache
import os
import py_compile
import runpy
import socket
import sqlite3
import subprocess
import sys
import threading
import types
import warnings

import pytest

import ostler


@pytest.fixture
def machine():
    with ostler.scratch() as made:
        yield made


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A real directory with a file; nothing in it may change."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("real")
    yield tmp_path
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "real"


# ---- libraries that keep functions


OPENERS = {None: io.open, ".gz": None}  # as numpy's: a dict of what opens files, by their ending


def save(path, text):
    with OPENERS[None](path, "w") as file:
        file.write(text)


def test_a_dict_of_openers(machine, real):
    with machine.installed():
        save("file", "there")
        assert OPENERS[None]("file").read() == "there"
    assert machine.open_file("file").read() == "there"


def test_numpy(machine, real):
    numpy = pytest.importorskip("numpy")
    with machine.installed():
        numpy.savetxt("file", [[1, 2], [3, 4]])
        assert numpy.loadtxt("file").tolist() == [[1, 2], [3, 4]]
        assert numpy.genfromtxt("file").tolist() == [[1, 2], [3, 4]]
        numpy.save("array.npy", numpy.arange(3))
        assert numpy.load("array.npy").tolist() == [0, 1, 2]
        numpy.arange(3.0).tofile("raw")
        assert numpy.fromfile("raw").tolist() == [0, 1, 2]
    assert sorted(machine.listdir("/")) == ["array.npy", "file", "raw"]


def test_py_compile(machine, real):
    with machine.installed():
        save("file", "VALUE = 7")
        py_compile.compile("file", "compiled", doraise=True)
        names = runpy.run_path("file")
    assert names["VALUE"] == 7
    assert sorted(machine.listdir("/")) == ["compiled", "file"]


def test_ostler_itself_as_os(machine, real):
    """`import ostler as os`, and the operations on whole trees."""
    with machine.installed():
        ostler.makedirs("/a/b")
        with open("/a/file", "w") as file:
            file.write("x")
        ostler.write_atomic("/a/atomic", "x")
        assert sorted(ostler.listdir("/a")) == ["atomic", "b", "file"]
        assert ostler.path.exists("/a/b") and not ostler.path.exists(real)
        ostler.environ["ONLY"] = "there"
        assert ostler.getenv("ONLY") == "there" and os.environ["ONLY"] == "there"
        ostler.trees.copy("/a", "/copy")
        assert ostler.trees.count("/copy").files == 2
        ostler.trees.remove("/a")
        # The host by its name is the host.
        assert ostler.host.path.exists(real) and ostler.host.listdir(real) == ["file"]
        assert "ONLY" not in ostler.host.environ and ostler.host.getenv("ONLY") is None
        assert b"ONLY" not in ostler.host.environb
        assert ostler.host.trees.count(real).files == 1
        assert ostler.host.get_exec_path() != []
    assert machine.listdir("/") == ["copy"]
    assert "ONLY" not in os.environ and "ONLY" not in ostler.environ


# ---- nothing is remembered


def test_a_global_that_was_bound_anew(machine, real):
    module = types.ModuleType("rebound")
    module.remove = os.stat
    sys.modules["rebound"] = module
    try:
        with machine.installed():
            save("file", "there")
            module.remove("file")
        module.remove = os.remove  # as many names as before
        with machine.installed():
            module.remove("file")
            assert not os.path.exists("file")
    finally:
        del sys.modules["rebound"]


def test_modules_in_the_place_of_dead_ones(machine, real):
    for number in range(31):
        module = types.ModuleType(f"passing{number}")
        module.act = (os.stat, os.remove)[number % 2]
        sys.modules[module.__name__] = module
        with machine.installed():
            save("file", "there")
            module.act("file")
            assert os.path.exists("file") == (number % 2 == 0)
        del sys.modules[module.__name__], module


def test_the_environment_wherever_it_is_held(machine):
    held, lookup = [os.environ, os.environb], {"e": os.environ}
    kinds = type(os.environ), type(ostler.environ)
    with machine.installed():
        lookup["e"]["HELD"] = "there"
        assert held[0]["HELD"] == "there" and held[1][b"HELD"] == b"there"
        assert os.environ._data[b"HELD"] == b"there"
        assert {**os.environ} == dict(machine.environ)
        assert os.environ.setdefault("HELD", "x") == "there" and os.environ.get("NOT") is None
        assert os.environ.pop("HELD") == "there"
        assert isinstance(os.environ, os._Environ) and os.environ == machine.environ
        with machine.installed(), pytest.raises(ValueError):
            os.environ["A=B"] = "x"
    assert (type(os.environ), type(ostler.environ)) == kinds
    assert "HELD" not in os.environ


@pytest.mark.skipif(sys.version_info < (3, 14), reason="os has it since 3.14")
def test_reload_environ(machine):
    machine.environ["ONLY"] = "there"
    with machine.installed():
        os.reload_environ()
        assert dict(os.environ) == dict(machine.environ)


def test_the_host_keeps_its_environment(machine):
    os.environ["OSTLER_HOST"] = "1"
    try:
        machine.environ.pop("OSTLER_HOST", None)
        with machine.installed():
            assert "OSTLER_HOST" not in os.environ
            found = []
            thread = threading.Thread(target=lambda: found.append(os.environ["OSTLER_HOST"]))
            thread.start()
            thread.join()
        assert found == ["1"]
    finally:
        del os.environ["OSTLER_HOST"]


# ---- the interpreter's own


def test_imports_and_source_lines_are_the_hosts(machine, tmp_path, monkeypatch):
    (tmp_path / "imported_inside.py").write_text("import os\nLIST = os.listdir('/')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with machine.installed():
        module = importlib.import_module("imported_inside")
        assert module.LIST == []
        assert linecache.getline(module.__file__, 1) == "import os\n"
        importlib.reload(module)
        # Its compiled form was written beside it.
        assert machine.listdir("/") == []
    del sys.modules["imported_inside"]


def test_multiprocessing_spawns_on_the_host(machine, tmp_path):
    code = """if True:
        import multiprocessing, os, ostler
        def work(path):
            return os.path.exists(path)
        if __name__ == "__main__":
            with ostler.scratch() as machine, machine.installed():
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.apply(os.path.exists, (%r,)))
    """ % str(tmp_path)  # noqa: UP031
    (tmp_path / "script.py").write_text(code)
    run = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    assert (run.stdout, run.stderr) == ("True\n", "")


# ---- strict


def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def bind(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)


def send(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", path)


PAST_THE_INTERPRETER = {
    "sqlite3": lambda: sqlite3.connect("new"),
    "a path for sqlite3": lambda: sqlite3.connect(b"new"),
    "a library": lambda: ctypes.CDLL("libc.so.6"),
    "connect": lambda: connect("new"),
    "bind": lambda: bind("new"),
    "sendto": lambda: send("new"),
}


@pytest.mark.parametrize("way", PAST_THE_INTERPRETER)
def test_strict_refuses(machine, real, way):
    with machine.installed(strict=True), pytest.raises(RuntimeError, match="would act on the host"):
        PAST_THE_INTERPRETER[way]()
    assert machine.listdir("/") == []


@pytest.mark.parametrize("name", ["_dbm", "_gdbm"])
def test_strict_refuses_databases_that_tell_nobody(machine, real, name):
    module = pytest.importorskip(name)
    with machine.installed(strict=True), pytest.raises(RuntimeError, match="would act on the host"):
        module.open("new", "n")


def test_strict_lets_the_rest_be(machine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imported_strictly.py").write_text("VALUE = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("colorsys", None)
    with machine.installed(strict=True):
        import colorsys  # noqa: F401

        assert importlib.import_module("imported_strictly").VALUE == 7
        sqlite3.connect(":memory:").execute("create table t(a)")
        sqlite3.connect("file::memory:?cache=shared", uri=True)
        ctypes.CDLL(None)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(f"\0ostler-test-{os.getpid()}")
        with socket.socket() as inet:
            inet.bind(("127.0.0.1", 0))
        open("a", "w").close()
        io.FileIO("b", "w").close()
        open("c", "w", opener=os.open).close()
        os.close(os.open("d", os.O_CREAT | os.O_WRONLY))
        machine.mkdir("e")
        ostler.host.mkdir(tmp_path / "by-its-name")
        thread = threading.Thread(target=lambda: os.mkdir("f"))
        thread.start()
        thread.join()
        with warnings.catch_warnings(record=True):
            linecache.checkcache()
    assert sorted(machine.listdir("/")) == ["a", "b", "c", "d", "e", "f"]
    assert (tmp_path / "by-its-name").exists()
    sqlite3.connect(tmp_path / "base").close()  # outside of it nothing is refused
    assert type(builtins.open) is type(len)


def test_strict_is_for_those_who_asked(machine, tmp_path):
    done = []

    def work():
        done.append(sqlite3.connect(tmp_path / "base").close())

    thread_goes, goes = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (goes.set(), thread_goes.wait(30), work()))
    thread.start()
    goes.wait(30)
    with machine.installed(strict=True):
        thread_goes.set()
        thread.join()
        with ostler.scratch() as other, other.installed():
            sqlite3.connect(tmp_path / "other").close()
    assert done == [None]
