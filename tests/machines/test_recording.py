"""The log has what was asked of a machine, once each and truly; a machine answers from it alike."""

import errno
import io
import json
import os
import subprocess
import sys
import threading
import types

import pytest

import ostler
from ostler.core import interpreter
from ostler.machine import Host
from ostler.machines.recording import Object, Replayed
from ostler.verbs import table
from tests.test_table import HARMLESS, called, furnish, without_leaks

# A module that has taken a function before.
taken = sys.modules["tests.taken_before"] = types.ModuleType("tests.taken_before")
taken.listdir = ostler.listdir

VERBS = [verb for verb in HARMLESS if verb.touches != table.NOTHING]


def outcome(machine, verb):
    """What a call gives, as a value that can be compared; the error's numbers and names."""
    try:
        return "gave", shown(called(machine, verb))
    except OSError as error:
        return "raised", error.errno, error.filename, error.filename2
    except (BufferError, LookupError, ValueError, TypeError) as error:
        return "raised", type(error)


def shown(value):
    if isinstance(value, io.IOBase):
        return type(value)
    if hasattr(value, "__next__"):
        return [shown(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return type(value)(shown(item) for item in value) if type(value) in (list, tuple) else value
    return value if type(value).__eq__ is not object.__eq__ or value is None else type(value)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_each_verb_is_seen_once_and_answered_alike(verb, tmp_path):
    furnish(tmp_path)
    with without_leaks(), ostler.confined(str(tmp_path)) as machine:
        with machine.recorded() as log:
            found = outcome(machine, verb)
        assert [call.verb for call in log] == [verb.name]
        call = log[0]
        assert call.thread == threading.get_ident()
        assert set(call.arguments) <= {*table.of(verb.name).roles, "args"}
        if found[0] == "raised":
            assert call.error is not None and call.errno == (found[1] if len(found) > 2 else None)
        json.loads(call.as_json())
    replayed = Replayed(log)
    again = outcome(replayed, verb)
    if isinstance(call.result, Object):
        assert again[:2] == ("raised", errno.ENOSYS)
    else:
        assert again == found


def test_compositions_are_seen_and_their_parts_are_not():
    with ostler.scratch(size="8M") as m, m.recorded() as log:
        m.makedirs("/a/b/c")
        m.write_atomic("/a/f", b"x")
        with m.replacing("/a/f") as file:
            file.write("y")
        with m.temporary_directory(dir="/a") as path:
            m.mkdir(path + "/d")
        for _ in m.walk("/"):
            pass
        with m.scandir("/a") as entries:
            next(entries)
        m.trees.remove("/a")
    assert [call.verb for call in log] == [
        "makedirs", "write_atomic", "replacing", "temporary_directory", "mkdir", "walk", "scandir",
        "trees.remove",
    ]  # fmt: skip
    assert [top for top, _, _ in log[5].result] == ["/", "/a", "/a/b", "/a/b/c"]
    assert len(log[6].result) == 1  # what was taken


def test_what_a_callback_asks_for_is_in_it():
    with ostler.scratch(size="8M") as m, m.recorded() as log:
        for _ in m.walk("/missing", onerror=lambda error: m.path.exists("/a")):
            pass
        m.write_atomic("/c", lambda file: file.write(str(m.getpid()).encode()))
    assert [c.verb for c in log] == [
        "walk", "path.exists", "write_atomic", "getpid"
    ]  # fmt: skip


def test_data_is_in_it():
    with ostler.scratch(size="8M") as m:
        m.create_file("/f", b"hello")
        with m.recorded() as log:
            fd = m.open("/f", m.O_RDWR)
            buffers = [bytearray(3), bytearray(9)]
            m.readv(fd, buffers)
            m.pwrite(fd, bytearray(b"J"), 0)
            m.writev(fd, [b"a", memoryview(b"bc")])
            m.close(fd)
        assert log[1].arguments["buffers"] == (table.INTO, b"hello")
        assert log[2].arguments["buffer"] == (table.DATA, b"J")
        assert log[3].arguments["buffers"] == (table.DATA, b"abc")
    again = Replayed(log)
    fd = again.open("/f", os.O_RDWR)  # a number of then
    buffers = [bytearray(3), bytearray(9)]
    assert again.readv(fd, buffers) == 5
    assert bytes(buffers[0]) == b"hel" and bytes(buffers[1][:2]) == b"lo"


def test_answers_come_in_turn():
    with ostler.scratch(size="8M") as m, m.recorded() as log:
        m.path.exists("/f")
        m.create_file("/f", b"")
        m.path.exists("/f")
    again = Replayed(log)
    assert [again.path.exists("/f") for _ in range(4)] == [False, True, True, True]
    with pytest.raises(OSError) as caught:
        again.listdir("/")
    assert caught.value.errno == errno.ENOSYS


def test_json_lines():
    out = io.StringIO()
    with ostler.scratch(size="8M") as m, m.recorded() as log:
        m.create_file(b"/\xff", b"data")
        m.listdir(b"/")
        m.stat("/")
        with pytest.raises(FileNotFoundError):
            m.stat("/missing")
    log.write(out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines[0]["arguments"]["path"] == {"role": "path", "value": "/\udcff"}
    assert lines[0]["arguments"]["contents"] == {"role": "data", "value": {"size": 4}}
    assert lines[1]["result"] == ["\udcff"]
    assert lines[2]["result"]["st_mode"] & 0o170000 == 0o040000
    assert lines[3]["errno"] == "ENOENT" and "result" not in lines[3]


def test_it_stacks_with_faults_in_both_orders():
    with ostler.scratch(size="8M") as m:
        m.faults.add("stat")
        with m.recorded() as log, pytest.raises(OSError):
            m.stat("/")
        assert log[0].errno == errno.EIO
        m.faults.clear()
        with m.recorded() as log:
            m.faults.add("stat")
            with pytest.raises(OSError):
                m.stat("/")
            m.faults.clear()
            m.stat("/")
        assert [(call.verb, call.errno) for call in log] == [("stat", None)]


def test_two_logs_at_once_and_none_afterwards():
    with ostler.scratch(size="8M") as m:
        with m.recorded() as outer:
            m.mkdir("/a")
            with m.recorded() as inner:
                m.mkdir("/b")
            m.mkdir("/c")
        m.mkdir("/d")
    assert [c.arguments["path"][1] for c in outer] == ["/a", "/b", "/c"]
    assert [c.arguments["path"][1] for c in inner] == ["/b"]


def test_threads_are_told_apart():
    with ostler.scratch(size="8M") as m, m.recorded() as log:

        def work(number):
            for at in range(20):
                m.makedirs(f"/{number}/{at}/x")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(log) == 160
    for number in range(8):
        mine = [c for c in log if c.arguments["name"][1].startswith(f"/{number}/")]
        assert len({c.thread for c in mine}) == 1 and len(mine) == 20


def test_installed():
    with ostler.scratch(size="8M") as m, m.recorded() as log, m.installed():
        os.mkdir("/d")
        with open("/d/f", "w") as file:
            file.write("x")
        os.path.getsize("/d/f")
    assert [c.verb for c in log] == ["mkdir", "open_file", "path.getsize"]


def test_closed_inside_and_begun_twice():
    m = ostler.scratch(size="8M")
    recording = m.recorded()
    with recording as log:
        with pytest.raises(RuntimeError):
            recording.__enter__()
        m.mkdir("/d")
        m.close()
    assert len(log) == 1
    with pytest.raises(ValueError, match="closed"):
        recording.__enter__()


def test_own_kinds():
    from ostler.machines.between import Between

    class View(Between):
        pass

    with View(ostler.scratch(size="8M")) as m, m.recorded() as log:
        m.makedirs("/a/b")
        assert m.path.isdir("/a")
        assert m.trees.count("/").directories == 3
    assert [c.verb for c in log] == ["makedirs", "path.isdir", "trees.count"]


def test_the_host():
    """By its own methods, by the module's functions, and where they have been put."""
    names = {"listdir": ostler.listdir}
    with ostler.host.recorded() as log:
        ostler.getcwd()
        ostler.path.isdir("/")
        ostler.host.stat("/")
        ostler.trees.count("/proc/self/fdinfo")
        taken.listdir("/")
        for _ in ostler.walk("/proc/self/fdinfo"):
            pass
    assert [c.verb for c in log] == [
        "getcwd", "path.isdir", "stat", "trees.count", "listdir", "walk"
    ]  # fmt: skip
    assert ostler.listdir is names["listdir"] is taken.listdir
    assert type(ostler.host) is Host and type(ostler.getcwd).__name__.startswith("builtin")
    ostler.getcwd()
    assert len(log) == 6


def test_the_host_that_is_installed():
    code = """
import os, shutil, pathlib
import ostler
from ostler.core import interpreter
ostler.install()
with ostler.recorded() as log:
    os.stat("/")
    os.path.exists("/")
    shutil.os.listdir("/")
    pathlib.Path("/").stat()
print([c.verb for c in log])
ostler.uninstall()
assert os.stat is not ostler.stat
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split("'")[1::2][:3] == ["stat", "path.exists", "listdir"]


def test_functions_that_need_no_machine():
    code = """
import ostler
from ostler.core import interpreter
with ostler.recorded() as log:
    ostler.register_at_fork(before=lambda: None)
print(log[0].verb)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "register_at_fork\n"


def test_what_the_hosts_functions_support_is_said_while_it_is_recorded():
    sets = {name: getattr(ostler, name) for name in interpreter.SUPPORTS}
    before = {name: set(members) for name, members in sets.items()}

    def supported():
        names = [name for name in dir(ostler) if callable(getattr(ostler, name))]
        return {
            name: sorted(each for each in names if _is_in(getattr(ostler, each), members))
            for name, members in sets.items()
        }

    plain = supported()
    assert "stat" in plain["supports_fd"]
    with ostler.host.recorded(), ostler.host.recorded():
        assert supported() == plain
    assert sets == before


def _is_in(function, members):
    try:
        return function in members
    except TypeError:  # not hashable
        return False


def test_a_handler_of_a_signal_may_ask_a_log_that_is_being_asked():
    class Interrupted(int):
        def __hash__(self):
            found.append(machine.getcwd())  # as a handler does that comes right here
            return super().__hash__()

    with ostler.scratch() as recorded, recorded.recorded() as log:
        recorded.getcwd()
        recorded.umask(0o22)
    machine, found = Replayed(log), []
    asking = threading.Thread(
        target=lambda: found.append(machine.umask(Interrupted(0o22))), daemon=True
    )
    asking.start()
    asking.join(20)
    assert not asking.is_alive()
    assert found[0] == "/" and found[-1] == 0o22
