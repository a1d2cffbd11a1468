"""Faults of a machine: the kernel's own, and those that a test asks for."""

import errno
import fnmatch
import os
import threading

import pytest

import ostler
from ostler.machines import faults


@pytest.fixture
def machine():
    with ostler.scratch(size="1M") as made:
        yield made


def failure(function, *args):
    with pytest.raises(OSError) as caught:
        function(*args)
    return caught.value.errno


def test_write_of_some_files(machine):
    machine.faults.add(call="write", path="*.db", errno=errno.EIO, after=3)
    other = machine.open("other", os.O_CREAT | os.O_WRONLY)
    base = machine.open("x.db", os.O_CREAT | os.O_WRONLY)
    for _ in range(3):
        assert machine.write(base, b"x") == machine.write(other, b"x") == 1
    assert failure(machine.write, base, b"x") == errno.EIO
    assert machine.write(other, b"x") == 1
    assert failure(machine.write, base, b"x") == errno.EIO
    assert machine.path.getsize("x.db") == 3
    machine.close(other)
    machine.close(base)


def test_through_file_objects(machine):
    fault = machine.faults.add(call="write", path="*.db", errno=errno.ENOSPC)
    with machine.open_file("x.db", "wb", buffering=0) as file:
        assert failure(file.write, b"x") == errno.ENOSPC
    file = machine.open_file("x.db", "w")
    file.write("text")
    assert failure(file.flush) == errno.ENOSPC
    machine.faults.remove(fault)
    file.close()
    assert machine.open_file("x.db").read() == "text"
    machine.faults.add(call="read", count=1)
    with machine.open_file("x.db", "rb") as file:
        assert failure(file.read) == errno.EIO
        assert file.read() == b"text"


def test_installed(machine):
    machine.faults.add(call="rename", errno=errno.EXDEV)
    machine.faults.add(call="write", path="/a*")
    with machine.installed():
        with open("b", "w") as file:
            file.write("x")
        assert failure(os.rename, "b", "c") == errno.EXDEV
        with open("a", "wb", buffering=0) as file:
            assert failure(file.write, b"x") == errno.EIO
            assert failure(os.write, file.fileno(), b"x") == errno.EIO
    assert machine.path.exists("b")


def test_count_remove_clear(machine):
    kind = type(machine)
    fault = machine.faults.add("mkdir", errno=errno.EDQUOT, count=2)
    machine.faults.add("stat", path="x")
    assert len(machine.faults) == 2 and fault in list(machine.faults)
    assert [failure(machine.mkdir, "d") for _ in range(2)] == [errno.EDQUOT] * 2
    machine.mkdir("d")
    machine.faults.remove(fault)
    with pytest.raises(ValueError):
        machine.faults.remove(fault)
    assert failure(machine.stat, "x") == errno.EIO
    machine.faults.clear()
    assert type(machine) is kind and len(machine.faults) == 0
    with pytest.raises(ValueError):
        machine.faults.add("no_such_call")


def test_nothing_is_changed_without_faults(machine):
    with ostler.scratch() as other:
        machine.faults.add("mkdir")
        other.mkdir("d")
        assert type(other) is not type(machine)
        assert type(other).mkdir is type(ostler.host).mkdir


def test_close(machine):
    machine.faults.add("close", count=0)
    machine.close()
    assert machine.closed


def test_the_kernels_own(machine):
    with machine.open_file("big", "wb", buffering=0) as file:
        written = 0
        while True:
            try:
                written += file.write(b"x" * 5000)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                break
    assert written == 1 << 20
    machine.resize(size="2M")
    machine.mkdir("more")
    machine.read_only_now()
    assert failure(machine.mkdir, "again") == errno.EROFS
    machine.read_only_now(False)
    machine.mkdir("again")


def planted(machine):
    machine.makedirs("top/a/b")
    machine.makedirs("top/c")
    for name in ("top/a/x.db", "top/a/b/y", "top/c/z"):
        machine.open_file(name, "w").close()
    machine.symlink("z", "top/c/link")


def test_what_takes_several_steps(machine):
    planted(machine)
    machine.faults.add("mkdir", path="/new/sub")
    assert failure(machine.makedirs, "new/sub/deep") == errno.EIO
    assert machine.listdir("new") == []
    machine.faults.add("rmdir", path="/new", errno=errno.EBUSY)
    assert failure(machine.rmdir, "new") == errno.EBUSY
    machine.faults.clear()
    machine.makedirs("p/q")
    machine.faults.add("rmdir", path="p")
    machine.removedirs("p/q")
    assert machine.listdir("p") == []
    machine.faults.add("scandir", path="a", errno=errno.EACCES)
    errors = []
    walked = [where for where, _, _ in machine.walk("top", onerror=errors.append)]
    assert walked == ["top", "top/c"]
    assert [error.errno for error in errors] == [errno.EACCES]
    machine.faults.add("stat", path="x.db")
    assert not machine.path.exists("top/a/x.db")
    machine.faults.add("rename", errno=errno.EXDEV, count=1)
    assert failure(machine.renames, "top/a/b/y", "r/s") == errno.EXDEV


def test_whole_trees(machine):
    planted(machine)
    machine.faults.add("unlink", path="*.db", errno=errno.EBUSY)
    assert failure(machine.trees.remove, "top") == errno.EBUSY
    done = machine.trees.remove("top", on_error="collect")
    assert [(error.errno, error.filename) for error in done.errors] == [(errno.EBUSY, "top/a/x.db")]
    assert machine.listdir("top") == ["a"] and machine.listdir("top/a") == ["x.db"]
    machine.faults.clear()
    machine.faults.add("rmdir", path="/top", count=1)
    done = machine.trees.remove("top", on_error="collect")
    assert [error.filename for error in done.errors] == ["top"]
    assert machine.listdir("top") == []
    machine.trees.remove("top")
    planted(machine)
    machine.faults.add("write", path="/copied/a/*", errno=errno.ENOSPC)
    machine.faults.add("readlink", errno=errno.EIO)
    done = machine.trees.copy("top", "copied", on_error="collect")
    assert sorted((error.errno, error.filename) for error in done.errors) == [
        (errno.EIO, "top/c/link"),
        (errno.ENOSPC, "top/a/b/y"),
        (errno.ENOSPC, "top/a/x.db"),
    ]
    machine.faults.clear()
    machine.faults.add("chmod", path="z", errno=errno.EPERM)
    assert failure(machine.trees.chmod, "top", "u+x") == errno.EPERM
    machine.faults.add("scandir", path="c", errno=errno.EACCES)
    done = machine.trees.walk("top", on_error="collect")
    assert sorted(where for where, _, _ in done) == ["top", "top/a", "top/a/b"]


def test_faults_of_another_machine(machine):
    planted(machine)
    with ostler.scratch() as other:
        other.faults.add("symlink", errno=errno.ENOSPC)
        assert failure(lambda: machine.trees.copy("top", "it", machine=other)) == errno.ENOSPC
        other.faults.clear()
        other.trees.remove("it")
        machine.trees.copy("top", "it", machine=other)
        assert other.path.islink("it/c/link")


# Of four directories, three files and a link: how often each operation asks about each call.
ASKED = {
    "remove": {"unlink": 4, "rmdir": 4, "scandir": 4},
    "copy": {"scandir": 4, "mkdir": 4, "symlink": 1, "readlink": 1, "read": 3, "write": 3},
    "digest": {"scandir": 4, "open": 7, "readlink": 1},
    "size": {"scandir": 4, "lstat": 4},
    "chmod": {"scandir": 4, "chmod": 7},
}


@pytest.mark.parametrize(("verb", "call"), [(v, c) for v, calls in ASKED.items() for c in calls])
def test_whole_trees_ask_once_for_each_entry(verb, call):
    more = {"copy": ["/copied"], "chmod": [0o700]}.get(verb, [])
    struck = 0
    while True:
        with ostler.scratch() as machine:
            machine.makedirs("/top/a/b")
            machine.makedirs("/top/c")
            for name in ("a/x", "a/y", "c/z"):
                with machine.open_file(f"/top/{name}", "w") as file:
                    file.write("data")
            machine.symlink("a", "/top/link")
            machine.faults.add(call=call, errno=errno.EIO, after=struck)
            try:
                getattr(machine.trees, verb)("/top", *more)
            except OSError as error:
                assert error.errno == errno.EIO
            else:
                break
        struck += 1
    assert struck == ASKED[verb][call]


@pytest.mark.parametrize("number", ["EIO", None, 5.0])
def test_an_errno_is_a_number(number):
    with ostler.scratch() as m:
        with pytest.raises(TypeError, match=r"errno should be a number, as errno\.EIO is"):
            m.faults.add(call="write", errno=number)
        assert len(m.faults) == 0


def test_a_handler_of_a_signal_may_use_the_machine_while_a_rule_is_looked_at(monkeypatch):
    found = []

    def interrupted(name, pattern):
        monkeypatch.setattr(faults, "fnmatchcase", fnmatch.fnmatchcase)
        found.append(machine.stat("/f").st_size)  # as a handler does that comes right here
        machine.faults.remove(machine.faults.add("mkdir", "/x"))
        return fnmatch.fnmatchcase(name, pattern)

    with ostler.scratch() as machine:
        machine.create_file("/f", b"data")
        machine.faults.add("stat", "/other")
        monkeypatch.setattr(faults, "fnmatchcase", interrupted)
        asking = threading.Thread(target=lambda: found.append(machine.stat("/f")), daemon=True)
        asking.start()
        asking.join(20)
        assert not asking.is_alive()
    assert found[0] == found[1].st_size == 4
