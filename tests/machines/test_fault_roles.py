"""Faults strike what a call acts on, whatever form it has, and each step of a composition."""

import errno
import os
import subprocess
import sys
from pathlib import PurePosixPath

import pytest

import ostler
from ostler.machines.faults import asked
from ostler.verbs import table


@pytest.fixture(params=["scratch", "rehearsal", "confined"])
def machine(request, tmp_path):
    if request.param == "scratch":
        made = ostler.scratch(size="8M")
    elif request.param == "rehearsal":
        made = ostler.rehearsal(str(tmp_path))
    else:
        made = ostler.confined(str(tmp_path))
    with made:
        yield made


def struck(machine, verb, *args, path, call=None, **kwargs):
    fault = machine.faults.add(call or verb, path=path, errno=errno.EDQUOT)
    try:
        getattr(machine, verb)(*args, **kwargs)
    except OSError as error:
        return error.errno == errno.EDQUOT
    finally:
        machine.faults.remove(fault)
    return False


def test_data_and_names_are_no_paths(machine):
    fd = machine.open("file", os.O_CREAT | os.O_RDWR)
    assert not struck(machine, "write", fd, b"see main.db", path="*.db")
    assert not struck(machine, "pwrite", fd, b"see main.db", 0, path="*.db")
    machine.setxattr("file", "user.comment", b"user.text")
    assert not struck(machine, "getxattr", "file", "user.comment", path="user.*")
    assert not struck(machine, "setxattr", "file", "user.other", b"user.x", path="user.*")
    assert not struck(machine, "symlink", "x.db", "link", path="*.db")
    assert struck(machine, "symlink", "text", "x.db", path="*.db")
    machine.close(fd)


def test_every_form_of_a_call(machine):
    machine.mkdir("d")
    machine.open_file("d/x", "w").close()
    here = machine.getcwd().rstrip("/")
    fd = machine.open("d/x", os.O_RDWR)
    folder = machine.open("d", os.O_RDONLY)
    for path in ("x", f"{here}/d/x", f"{here}/d/*"):
        for given in ("d/x", b"d/x", PurePosixPath("d/x"), "d//./x", f"{here}/d/../d/x", fd):
            assert struck(machine, "stat", given, path=path), (given, path)
        assert struck(machine, "chmod", "d/x", 0o600, path=path)
        assert struck(machine, "unlink", "x", dir_fd=folder, path=path)
        assert struck(machine, "write", fd, b"x", path=path)
        assert struck(machine, "rename", "y", "x", dst_dir_fd=folder, path=path)
        assert struck(machine, "rename", "x", "y", src_dir_fd=folder, path=path)
        assert not struck(machine, "rename", "x", "y", dst_dir_fd=folder, path=f"{here}/d/x")
    machine.faults.add("stat", path="x")
    for kwargs in (
        {"path": "d/x"},
        {"path": b"d/x"},
        {"path": fd},
        {"path": "x", "dir_fd": folder},
    ):
        with pytest.raises(OSError) as caught:
            machine.stat(**kwargs)
        assert caught.value.filename == kwargs["path"]
    machine.faults.clear()
    machine.chdir("d")
    assert struck(machine, "listdir", path=f"{here}/d")
    assert struck(machine, "scandir", None, path="d")
    machine.close(fd)
    machine.close(folder)


def test_what_an_error_names(machine):
    machine.faults.add("rename")
    machine.faults.add("symlink")
    machine.faults.add("fsync")
    with pytest.raises(OSError) as caught:
        machine.rename("a", dst="b")
    assert (caught.value.filename, caught.value.filename2) == ("a", "b")
    with pytest.raises(OSError) as caught:
        machine.symlink(PurePosixPath("a"), "b")
    assert (caught.value.filename, caught.value.filename2) == ("a", "b")
    with pytest.raises(OSError) as caught:
        machine.fsync(0)
    assert caught.value.filename is None


def test_closing(machine):
    fd = machine.open("x.db", os.O_CREAT | os.O_RDWR)
    assert struck(machine, "close", fd, path="x.db")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)  # given back all the same, as by the kernel
    machine.faults.add("close")
    machine.close()  # the machine, which is no descriptor
    assert machine.closed


class Touched(Exception):
    """Somebody asked for the text of a path."""


class Probe:
    def __fspath__(self):
        raise Touched


# Parameters that are turned into bytes as paths are, and are none.
NO_PATHS = {
    ("execv", "argv"), ("execve", "argv"), ("execve", "env"), ("fsdecode", "filename"),
    ("fsencode", "filename"), ("fspath", "path"), ("getenvb", "key"), ("memfd_create", "name"),
    ("posix_spawn", "argv"), ("posix_spawn", "env"), ("posix_spawnp", "argv"),
    ("posix_spawnp", "env"), ("putenv", "name"), ("putenv", "value"), ("symlink", "src"),
    ("system", "command"), ("unsetenv", "name"), ("getxattr", "attribute"),
    ("setxattr", "attribute"), ("removexattr", "attribute"), ("initgroups", "username"),
}  # fmt: skip
# What the other parameters get, by name; 0 where nothing is said.
VALUES = {
    "argv": ["x"], "args": ["x"], "env": {"A": "b"}, "attribute": "user.x", "value": b"x",
    "data": b"x", "data_or_writer": b"x", "buffer": bytearray(1), "buffers": [bytearray(1)],
    "command": "x", "cmd": "x", "on_error": "raise", "prefix": "x", "suffix": "x", "key": "x",
    "username": "x", "user": None, "group": None,
}  # fmt: skip
PATHS = ("path", "src", "dst", "old", "new", "first", "second", "top", "file", "name", "filename")
# No verb acts on anything here: what is asked for raises first. These would not come to that, and
# spawn...() would in a child.
LEFT_OUT = {
    "execle", "execlpe", "fdopen", "register_at_fork", "replace_durable", "replacing",
    "write_atomic",
}  # fmt: skip


def test_the_roles_are_what_each_verb_does():
    # A verb asks the text of what it takes for a path; the roles must say the same of all of them.
    differ = []
    with ostler.scratch() as machine:
        for verb in all_verbs():
            of = table.of(verb)
            parameters = list(dict.fromkeys((*of.names, *of.defaults)))
            for name in parameters:
                if name in ("times", "ns") or verb in LEFT_OUT or verb.startswith("spawn"):
                    continue
                is_path = of.roles[name] in (table.PATH, table.PROGRAM, table.TEXT)
                found = takes_path(machine, verb, of, name)
                if found != is_path and (verb, name) not in NO_PATHS:
                    differ.append((verb, name, found))
    assert not differ, str(differ)


def all_verbs():
    return [verb.name for verb in table.every() if "." not in verb.name]


def takes_path(machine, verb, of, name):
    args, kwargs = [], {}
    for other in of.names:
        value = Probe() if other == name else VALUES.get(other, "x" if other in PATHS else 0)
        args.append(value)
        if other == name:
            break
    if name not in of.names:
        kwargs[name] = Probe()
        args = [VALUES.get(n, "x" if n in PATHS else 0) for n in of.names if n not in of.defaults]
    else:
        for other in of.names[len(args) :]:
            if other not in of.defaults:
                args.append(VALUES.get(other, "x" if other in PATHS else 0))
    try:
        made = getattr(machine, verb)(*args, **kwargs)
        if hasattr(made, "__next__"):
            next(made, None)
    except Touched:
        return True
    except BaseException:
        return False
    return False


def test_every_verb_asks_for_its_paths_and_nothing_else():
    with ostler.scratch() as machine:
        for verb in all_verbs():
            of = table.of(verb)
            args = [f"{name}.mark" for name in of.names]
            kwargs = {n: f"{n}.mark" for n in of.defaults if n not in of.names}
            paths = asked(machine, table.bound(verb, args, kwargs))
            roles = (table.PATH, table.PROGRAM)
            wanted = {f"/{n}.mark" for n in (*of.names, *kwargs) if of.roles[n] in roles}
            assert {path for path in paths if path} - {"/."} == wanted, verb


# ---- the steps of compositions

CALLS = {  # what strace tells, and the name that a user gives
    "openat": "open", "openat2": "open", "write": "write", "pwrite64": "pwrite", "fsync": "fsync",
    "rename": "rename", "renameat": "rename", "renameat2": "rename", "linkat": "link",
    "unlinkat": "unlink", "mkdirat": "mkdir", "symlinkat": "symlink", "fchmod": "fchmod",
    "utimensat": "utime", "ftruncate": "ftruncate", "syncfs": "sync", "mknodat": "mknod",
    "read": "read", "pread64": "pread", "setxattr": "setxattr", "fsetxattr": "setxattr",
    "fchown": "fchown", "fchmodat": "chmod", "fchmodat2": "chmod",
}  # fmt: skip


def planted(machine):
    machine.makedirs("from/sub")
    for name in ("from/x.db", "from/sub/y.db", "x.db"):
        with machine.open_file(name, "wb") as file:
            file.write(b"old" * 1000)
        machine.chmod(name, 0o640)
    machine.setxattr("x.db", "user.a", b"b")
    machine.symlink("x.db", "from/link")
    machine.mkfifo("from/pipe")


def tree(machine):
    found = {}
    for path in machine.trees.find("."):
        st = machine.lstat(path)
        content = None
        if st.st_mode & 0o170000 == 0o100000:
            with machine.open_file(path, "rb") as file:
                content = file.read()
        found[path] = (st.st_mode, content)
    return found


def write_atomic(machine):
    machine.write_atomic("x.db", b"new" * 1000)


def write_new(machine):
    machine.write_atomic("new.db", b"new" * 1000)


def replace(machine):
    machine.replace_durable("from/x.db", "x.db")


def move(machine):
    machine.move("from/x.db", "moved.db")


def makedirs(machine):
    machine.makedirs("a/b/c")


def copy(machine):
    machine.trees.copy("from", "to")


def create_file(machine):
    machine.create_file("new.db", b"new" * 1000, mode=0o640)


COMPOSITIONS = {
    "create_file": (create_file, ["open", "write", "fchmod"]),
    "write_atomic": (
        write_atomic, ["open", "write", "fsync", "fchmod", "setxattr", "link", "rename"],
    ),
    "write_atomic, a new file": (write_new, ["open", "write", "fsync", "link"]),
    "replace_durable": (replace, ["open", "fsync", "replace"]),
    "move": (move, ["rename"]),
    "makedirs": (makedirs, ["mkdir"]),
    "trees.copy": (copy, ["open", "read", "write", "mkdir", "symlink", "mknod", "utime", "fchmod"]),
}  # fmt: skip


@pytest.mark.parametrize("what", COMPOSITIONS)
def test_each_step_of_a_composition_can_be_struck(machine, what):
    act, calls = COMPOSITIONS[what]
    for call in calls:
        if not machine.path.exists("from"):
            planted(machine)
        before = tree(machine)
        machine.faults.add(call, errno=errno.EDQUOT, count=1)
        with pytest.raises(OSError) as caught:
            act(machine)
        machine.faults.clear()
        assert caught.value.errno == errno.EDQUOT, (call, caught.value)
        after = tree(machine)
        if what == "trees.copy":  # of a tree a part may be there, but no part of a file
            for path, (_, content) in after.items():
                if path.startswith("./to/") and content is not None:
                    assert content == b"old" * 1000, (call, path)
            if machine.path.lexists("to"):
                machine.trees.remove("to")
        else:
            assert after == before, call
    act(machine)


@pytest.mark.parametrize("call", ["write", "fsync", "fchmod", "setxattr", "link", "rename"])
def test_a_rule_for_the_name_that_is_replaced(machine, call):
    planted(machine)
    before = tree(machine)
    machine.faults.add(call, path="x.db", errno=errno.EDQUOT)
    machine.write_atomic("other", b"1")
    with pytest.raises(OSError) as caught:
        write_atomic(machine)
    assert caught.value.errno == errno.EDQUOT
    machine.faults.clear()
    machine.unlink("other")
    assert tree(machine) == before


def test_the_directory_that_can_not_be_synced(machine):
    # The last step: the new content is there by then, whole, and nothing else is.
    planted(machine)
    machine.faults.add("fsync", errno=errno.EIO, after=1)
    with pytest.raises(OSError):
        write_atomic(machine)
    machine.faults.clear()
    with machine.open_file("x.db", "rb") as file:
        assert file.read() == b"new" * 1000
    assert sorted(machine.listdir(".")) == ["from", "x.db"]


@pytest.mark.skipif(
    subprocess.run(["which", "strace"], capture_output=True).returncode != 0,
    reason="strace tells what is called",
)
@pytest.mark.parametrize("what", COMPOSITIONS)
def test_the_table_has_what_strace_tells(what, tmp_path):
    program = f"""
import os, ostler
from tests.machines import test_fault_roles as t
with ostler.scratch(size="8M") as machine:
    t.planted(machine)
    act = t.COMPOSITIONS[{what!r}][0]
    os.write(2, b"BEGIN")
    act(machine)
    os.write(2, b"ENDED")
"""
    log = tmp_path / "log"
    done = subprocess.run(
        ["strace", "-f", "-o", str(log), sys.executable, "-c", program], capture_output=True
    )
    if b"ptrace" in done.stderr.lower():
        pytest.skip("tracing is not allowed here")
    assert done.returncode == 0, done.stderr
    lines = log.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if 'write(2, "BEGIN"' in line)
    last = next(i for i, line in enumerate(lines) if 'write(2, "ENDED"' in line)
    made = set()
    for line in lines[first + 1 : last]:
        name = line.split(maxsplit=1)[-1].partition("(")[0]
        if (
            name in CALLS
            and ".so" not in line
            and "/proc/" not in line
            and "site-packages" not in line
        ):
            made.add(CALLS[name])
    # An import reads files of the interpreter's; renaming on top of a name is replace() to us.
    known = set(COMPOSITIONS[what][1]) | {"open", "read", "replace" if "rename" in made else "open"}
    extra = {"rename"} if "replace" in COMPOSITIONS[what][1] else set()
    assert made <= known | extra, made - known
