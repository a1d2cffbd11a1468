"""`with m.installed():` os and what is built on it act on the machine, here and only here."""

import _thread
import asyncio
import builtins
import errno
import gc
import glob
import io
import linecache
import os
import os.path
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import traceback
import zipfile
from concurrent.futures import ThreadPoolExecutor
from os import environ, getcwd, stat
from os.path import exists

import pytest

import ostler
from ostler.core import asking
from tests.machines import as_self, as_user

captured = [os.stat]


def with_default(path, look=os.path.exists):
    return look(path)


class Holder:
    listdir = staticmethod(os.listdir)
    scandir = os.scandir


@pytest.fixture
def machine():
    with ostler.scratch() as made:
        yield made


@pytest.fixture
def shelled():
    with ostler.scratch(bind=ostler.machines.SHELL) as made:
        yield made


WAYS_TO_WRITE = {
    "open": lambda: open("it", "w").close(),
    "io.open": lambda: io.open("it", "w").close(),  # noqa: UP020
    "os.open": lambda: os.close(os.open("it", os.O_CREAT | os.O_WRONLY)),
    "absolute": lambda: os.close(os.open("/it", os.O_CREAT | os.O_WRONLY)),
    "pathlib touch": lambda: pathlib.Path("it").touch(),
    "pathlib write": lambda: pathlib.Path("it").write_bytes(b""),
    "os.mkdir": lambda: os.mkdir("it"),
    "os.makedirs": lambda: os.makedirs("it/a/b"),
    "os.symlink": lambda: os.symlink("x", "it"),
    "shutil": lambda: (os.mkdir("from"), shutil.copytree("from", "it")),
    "zipfile": lambda: zipfile.ZipFile("it", "w").close(),
    "tarfile": lambda: tarfile.open("it", "w").close(),
    "tempfile": lambda: os.rename(tempfile.mkdtemp(), "it"),
    "opener": lambda: open("it", "w", opener=os.open).close(),
}


@pytest.mark.parametrize("way", WAYS_TO_WRITE)
def test_writes_go_to_the_machine(machine, tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    with machine.installed():
        WAYS_TO_WRITE[way]()
        assert exists("it") or os.path.islink("it")
        assert os.path.lexists("/it")
        assert "it" in [entry.name for entry in os.scandir()]
        assert glob.glob("i*") == ["it"]
        assert [p.name for p in pathlib.Path().glob("i?")] == ["it"]
    assert os.listdir(tmp_path) == []
    assert not os.path.lexists("/it")
    assert machine.path.lexists("/it")


def test_names_taken_before(machine):
    machine.mkdir("/only-there")
    with machine.installed():
        assert getcwd() == "/"
        assert stat("/only-there") and exists("/only-there") and with_default("/only-there")
        assert Holder.listdir("/") == ["only-there"]
        assert [entry.name for entry in Holder.scandir("/")] == ["only-there"]
        environ["ONLY_THERE"] = "1"
        assert os.getenv("ONLY_THERE") == "1" and os.environb[b"ONLY_THERE"] == b"1"
        assert captured[0]("/only-there")
    assert "ONLY_THERE" not in os.environ and "ONLY_THERE" not in environ
    assert machine.environ["ONLY_THERE"] == "1"


def everything():
    """What could be replaced, as it is now."""
    found = {}
    for module in (os, os.path, io, builtins, subprocess, tempfile, shutil, glob, pathlib, sys,
                   sys.modules[__name__], sys.modules["genericpath"], tarfile):  # fmt: skip
        for key, value in vars(module).items():
            if key != "__warningregistry__":
                found[module.__name__, key] = value
    for name in ("supports_dir_fd", "supports_fd", "supports_follow_symlinks"):
        found[name] = frozenset(getattr(os, name))
    found["default"] = with_default.__defaults__
    found["code"] = [f.__code__ for f in vars(os).values() if hasattr(f, "__code__")]
    found["kinds"] = type(os.environ), type(os.environb), io.FileIO.__init__
    found["asks"] = [asking.asks(f) for f in vars(os).values()]
    found["class"] = dict(vars(Holder))
    return found


def test_everything_is_given_back(machine):
    before = everything()
    with machine.installed():
        assert asking.asks(os.stat) and os.stat is before["os", "stat"]
    after = everything()
    assert after.keys() == before.keys()
    assert [
        key for key in before if after[key] is not before[key] and after[key] != before[key]
    ] == []
    with pytest.raises(KeyError), machine.installed():
        raise KeyError
    after = everything()
    assert [
        key for key in before if after[key] is not before[key] and after[key] != before[key]
    ] == []


def test_a_module_that_is_loaded_inside(machine, tmp_path, monkeypatch):
    (tmp_path / "loaded_inside.py").write_text("from os import getcwd, listdir\nimport colorsys\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("colorsys", None)
    with machine.installed():
        import loaded_inside  # from the host

        assert loaded_inside.getcwd() == "/" and loaded_inside.listdir() == []
    assert loaded_inside.getcwd is os.getcwd
    assert "loaded_inside.py" in loaded_inside.listdir(tmp_path)
    del sys.modules["loaded_inside"]


def test_tracebacks_show_their_source(machine):
    linecache.clearcache()
    with machine.installed():
        try:
            raise ValueError("this line")
        except ValueError:
            assert 'raise ValueError("this line")' in traceback.format_exc()


def test_other_threads_are_untouched(machine, tmp_path):
    machine.mkdir("/there")
    seen = []

    def look():
        seen.append(os.path.exists("/there"))
        seen.append(os.path.exists(tmp_path))
        with open(tmp_path / "by-thread", "w"):
            pass

    with machine.installed():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert os.path.exists("/there")
    assert seen == [False, True]
    assert (tmp_path / "by-thread").exists()


def threads_of(machine, work):
    """Start a thread in each way there is; what `work` came to in them."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(2) as pool:
        found += pool.map(lambda _: work(), range(2))
    done = threading.Event()
    _thread.start_new_thread(lambda: (found.append(work()), done.set()), ())
    assert done.wait(30)
    with ThreadPoolExecutor(1) as pool:  # a thread of a thread
        inner = pool.submit(lambda: ThreadPoolExecutor(1).submit(work).result())
        found.append(inner.result())

    async def main():
        return await asyncio.get_running_loop().run_in_executor(None, work)

    found.append(asyncio.run(main()))
    return found


def test_threads_that_are_asked_for(machine):
    machine.mkdir("/there")
    kept, go, answers = ThreadPoolExecutor(1), threading.Event(), []
    with ostler.scratch() as other:
        with machine.installed(threads=True):
            assert threads_of(machine, lambda: os.listdir("/")) == [["there"]] * 6
            outlives = kept.submit(
                lambda: (answers.extend([*os.listdir("/"), go.wait(30)]), os.path.exists("/there"))
            )
            with other.installed():
                assert True not in threads_of(other, lambda: os.path.exists("/there"))
                # Jobs that are handed over are on the machine, threads of one's own are not.
                on_other = threads_of(other, lambda: os.listdir("/") == [])
                assert on_other == [False, True, True, False, True, True]
            with other.installed(threads=True):
                assert threads_of(other, lambda: os.listdir("/")) == [[]] * 6
        with other.installed():
            # Another's machine is nothing to those that are left over, nor is the host.
            go.set()
            with pytest.raises(RuntimeError):
                outlives.result(30)
            assert os.listdir("/") == []
    kept.shutdown()
    assert answers == ["there", True]
    assert type(_thread.start_new_thread) is type(len)


def test_two_threads_each_on_its_own():
    results = {}
    barrier = threading.Barrier(2)

    def work(name):
        with ostler.scratch() as machine, machine.installed():
            barrier.wait(30)
            os.mkdir(name)
            barrier.wait(30)
            results[name] = os.listdir()
            barrier.wait(30)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"a": ["a"], "b": ["b"]}


def test_tasks():
    async def work(name, machine):
        with machine.installed():
            await asyncio.sleep(0)
            os.mkdir(name)
            await asyncio.sleep(0)
            inner = await asyncio.create_task(names())
            return os.listdir(), inner, await asyncio.to_thread(os.listdir)

    async def names():
        return os.listdir()

    async def main(a, b):
        here = os.listdir()
        found = await asyncio.gather(work("a", a), work("b", b))
        return found, os.listdir() == here

    with ostler.scratch() as a, ostler.scratch() as b:
        found, same = asyncio.run(main(a, b))
    assert same
    assert found == [(["a"],) * 3, (["b"],) * 3]


def test_nested(machine):
    with ostler.scratch() as inner, machine.installed():
        os.mkdir("outer")
        with inner.installed() as given:
            assert given is inner
            os.mkdir("inner")
            with machine.installed():
                assert os.listdir() == ["outer"]
            assert os.listdir() == ["inner"]
        assert os.listdir() == ["outer"]


def test_one_context_manager_many_times(machine):
    installed = machine.installed()
    for _ in range(3):
        with installed, installed:
            assert os.getcwd() == "/"
        assert os.getcwd() != "/"


def test_functions_look_as_before(machine):
    import inspect
    import pickle

    before = inspect.signature(os.stat), os.stat.__name__, os.stat.__doc__
    with machine.installed():
        assert (inspect.signature(os.stat), os.stat.__name__, os.stat.__doc__) == before
        assert pickle.loads(pickle.dumps(os.stat)) is os.stat
        assert os.stat in os.supports_dir_fd and os.open in os.supports_dir_fd


def test_environment(machine):
    machine.environ.clear()
    machine.environ["A"] = "1"
    with machine.installed():
        assert dict(os.environ) == {"A": "1"} and len(os.environ) == 1 and "A" in os.environ
        os.environ |= {"B": "2"}
        assert os.environ | {"C": "3"} == {"A": "1", "B": "2", "C": "3"}
        assert os.path.expandvars("$A$B") == "12"
        del os.environ["A"]
        assert repr(os.environ) == repr(machine.environ)
        with pytest.raises(KeyError):
            os.environ["A"]
    assert "B" not in os.environ


def test_tempfile_is_the_machines(machine):
    outside = tempfile.gettempdir()
    machine.mkdir("/tmp")
    machine.environ.pop("TMPDIR", None)
    with machine.installed():
        assert tempfile.gettempdir() == "/tmp"
        with tempfile.TemporaryDirectory() as directory:
            assert machine.path.isdir(directory)
    assert machine.listdir("/tmp") == []
    assert tempfile.gettempdir() == outside


def test_subprocess(shelled):
    with shelled.installed():
        os.mkdir("/d")
        run = subprocess.run("pwd; echo $X; echo out > file; cat", shell=True, cwd="d",
                             env={"X": "x", "PATH": "/bin:/usr/bin"}, input=b"in",
                             capture_output=True)  # fmt: skip
        assert run.stdout == b"/d\nx\nin" and run.stderr == b""
        assert pathlib.Path("/d/file").read_text() == "out\n"
        assert subprocess.check_output(["cat", "/d/file"]) == b"out\n"
        assert subprocess.call(["sh", "-c", "exit 7"]) == 7
        assert subprocess.call(["sh", "-c", "kill -9 $$"]) == -9
        with pytest.raises(FileNotFoundError) as caught:
            subprocess.run(["no-such-program"])
        assert caught.value.filename == "no-such-program"
        with pytest.raises(FileNotFoundError) as caught:
            subprocess.run(["true"], cwd="/no/where")
        assert caught.value.filename == "/no/where"
        with pytest.raises(PermissionError):
            subprocess.run(["/d/file"])
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "60"], timeout=0.05)
        assert os.system("exit 3") == 3 << 8
        with os.popen("cat /d/file") as stream:
            assert stream.read() == "out\n"
    assert not os.path.exists("/d/file")


def test_subprocess_descriptors(shelled):
    reading, writing = os.pipe()
    with shelled.installed():
        # Standard output into the place of standard error, and a descriptor that is passed on.
        done = subprocess.run(
            f"echo one; echo two >&2; echo three >/proc/self/fd/{writing}; ls /proc/self/fd",
            shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[writing],
        )  # fmt: skip
    os.close(writing)
    assert done.stdout.split()[:2] == [b"one", b"two"]
    assert set(map(int, done.stdout.split()[2:])) - {3} == {0, 1, 2, writing} - {3}
    assert os.read(reading, 100) == b"three\n"
    os.close(reading)


def test_subprocess_with_python_before_exec(shelled):
    with shelled.installed():
        done = subprocess.run("umask; pwd", shell=True, capture_output=True, umask=0o037,
                              preexec_fn=lambda: os.chdir("/usr"))  # fmt: skip
        assert done.stdout == b"0037\n/usr\n", done.stderr
        with pytest.raises(subprocess.SubprocessError):
            subprocess.run("true", preexec_fn=lambda: 1 / 0)
        with pytest.raises(FileNotFoundError):
            subprocess.run("no-such-program", preexec_fn=lambda: None)


def test_what_c_opens_is_not_caught(machine, tmp_path):
    import sqlite3

    with machine.installed():
        sqlite3.connect(tmp_path / "base").execute("create table t(a)")
    assert (tmp_path / "base").exists()


def test_no_space(tmp_path):
    with ostler.scratch(size="64K") as machine, machine.installed():
        with pytest.raises(OSError) as caught:
            pathlib.Path("big").write_bytes(b"x" * 100_000)
        assert caught.value.errno == errno.ENOSPC


def test_a_machine_that_was_closed_inside(machine):
    with machine.installed():
        machine.close()
        with pytest.raises(ValueError):
            os.stat("/")
    assert os.stat("/")


def test_machines_are_made_of_the_host(machine, tmp_path):
    """Inside, making another machine still means the host's files."""
    (tmp_path / "file").write_text("x")
    with machine.installed():
        with ostler.rehearsal(tmp_path) as rehearsal:
            assert rehearsal.listdir("/") == ["file"]
        with ostler.confined(tmp_path) as confined:
            assert confined.open_file("/file").read() == "x"
        assert ostler.host.path.exists(tmp_path)


def test_with_ostler_in_the_place_of_os(machine, tmp_path):
    code = """if True:
        import ostler
        ostler.install()
        import os
        assert os is ostler
        stat = os.stat
        with ostler.scratch() as machine, machine.installed():
            os.makedirs("/a/b")
            assert os.listdir("/a") == ["b"]
            assert not ostler.host.path.exists("/a/b")
            try:
                ostler.host.makedirs("/dev/null/x")
            except NotADirectoryError:
                pass
            ostler.host.makedirs("made/here")
            assert machine.listdir("/") == ["a"]
        assert os.stat is stat and os.path.exists("made/here")
        ostler.uninstall()
    """
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert run.stderr == "" and run.returncode == 0


def leave_many():
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        with ostler.scratch() as machine, machine.installed():
            os.mkdir("x")
    gc.collect()
    return len(os.listdir("/proc/self/fd")) - before


@pytest.mark.parametrize("user", [as_self, as_user])
def test_nothing_stays(user):
    assert user(leave_many) == 0
