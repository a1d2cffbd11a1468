"""How a block ends in which a machine is installed, and what is made of os in the middle of it."""

import importlib.util
import os
import subprocess
import sys
import threading

import pytest

import ostler


@pytest.fixture
def machine():
    with ostler.scratch() as made:
        yield made


def outcome(function):
    try:
        return function()
    except RuntimeError as error:
        return str(error)


def test_a_block_that_another_thread_ends(machine, tmp_path):
    """Who began it is on neither machine until it has left the block itself, and is told so."""
    block = machine.installed()
    block.__enter__()
    try:
        thread = threading.Thread(target=block.__exit__, args=(None, None, None))
        thread.start()
        thread.join()
        said = outcome(lambda: os.mkdir(tmp_path / "made"))
    finally:
        with pytest.raises(RuntimeError, match="ended already"):
            block.__exit__(None, None, None)
    assert "after the way out" in said
    assert os.listdir(tmp_path) == [] and machine.listdir("/") == []
    with pytest.raises(RuntimeError, match="ended already"):
        block.__exit__(None, None, None)
    with machine.installed():
        os.mkdir("/again")
    assert machine.listdir("/") == ["again"]


def test_an_interrupt_as_the_block_is_left(machine, tmp_path):
    """No code of Python's runs on the way out, in which a signal could strike."""

    def interrupt(frame, event, argument):
        if frame.f_code.co_name == "__exit__":
            raise KeyboardInterrupt

    before = sys.gettrace()
    try:
        with machine.installed():
            sys.settrace(interrupt)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    os.mkdir(tmp_path / "made")
    assert os.listdir(tmp_path) == ["made"]
    assert machine.listdir("/") == []


RELOADED = """
import importlib, os
import ostler
os.environ["ROOM"] = "host"
machine = ostler.scratch()
machine.environ["ROOM"] = "machine"
with machine.installed():
    try:
        importlib.reload(os)
    except RuntimeError as error:
        assert "loaded anew" in str(error)
    else:
        raise AssertionError
    assert os.environ["ROOM"] == "machine"
for _ in range(2):
    importlib.reload(os)
    assert os.environ["ROOM"] == "host"
    with machine.installed():
        assert os.environ["ROOM"] == os.getenv("ROOM") == "machine"
        assert os.environb[b"ROOM"] == b"machine"
        os.environ["ROOM"] = "machine"
        os.makedirs("/a/b", exist_ok=True)
        assert [found[0] for found in os.walk("/")] == ["/", "/a", "/a/b"]
    assert os.environ["ROOM"] == "host"
"""


def test_os_is_loaded_anew():
    subprocess.run([sys.executable, "-c", RELOADED], check=True, timeout=60)


@pytest.mark.parametrize("name", ["posix", "_io", "_thread", "atexit"])
def test_no_module_of_functions_that_ask_is_loaded_anew(machine, name):
    """The new one's functions would be others, which act on the host."""
    before = sys.modules[name]
    with machine.installed():
        spec = importlib.util.find_spec(name)
        with pytest.raises(RuntimeError, match="can't be loaded anew"):
            importlib.util.module_from_spec(spec)
        del sys.modules[name]
        try:
            with pytest.raises(RuntimeError, match="can't be loaded anew"):
                importlib.import_module(name)
        finally:
            sys.modules[name] = before
        assert importlib.import_module(name) is before
