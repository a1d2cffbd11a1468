"""Whatever holds a function of os, it acts on the machine inside, and on the host outside.

A generated table: every function that is the machine's, in each way of holding one. The same call
is made by the machine's own method, or outside by os, in a room of its own with the same things in
it; results and rooms must be equal, and the other side's room untouched.
"""

import builtins
import functools
import inspect
import io
import operator
import os
import sys
import weakref
from types import BuiltinFunctionType, FunctionType

import pytest

import ostler
from ostler.core import asking
from ostler.installation import installed
from ostler.machines.rooted import Rooted
from ostler.verbs import table

HERE = sys.modules[__name__]


def as_global(f):
    HERE.held = f
    return lambda *args, **kwargs: held(*args, **kwargs)  # noqa: F821


def in_closure(f):
    def call(*args, **kwargs):
        return f(*args, **kwargs)

    return call


def as_default(f):
    def call(*args, _look=f, **kwargs):
        return _look(*args, **kwargs)

    return call


def in_class(f):
    kind = type("Kind", (), {"attribute": staticmethod(f)})
    return lambda *args, **kwargs: kind.attribute(*args, **kwargs)


def in_instance(f):
    thing = type("Kind", (), {})()
    thing.attribute = f
    return lambda *args, **kwargs: thing.attribute(*args, **kwargs)


def in_slot(f):
    thing = type("Kind", (), {"__slots__": ("attribute",)})()
    thing.attribute = f
    return lambda *args, **kwargs: thing.attribute(*args, **kwargs)


def in_namespace(f):
    names = {"f": f}
    exec("def call(*args, **kwargs): return f(*args, **kwargs)", names)
    return names["call"]


def in_weak_dict(f):
    held = weakref.WeakValueDictionary({"f": f})
    return lambda *args, **kwargs: held["f"](*args, **kwargs)


def as_key(f):
    held = {f: 1}

    def call(*args, **kwargs):
        assert held[f] == 1
        return next(iter(held))(*args, **kwargs)

    return call


def iterated(f):
    # C code that calls it, with all arguments in a partial.
    return lambda *args, **kwargs: next(iter(functools.partial(f, *args, **kwargs), f))


def mapped(f):
    def call(*args, **kwargs):
        if kwargs or not args:
            return f(*args, **kwargs)
        return next(map(f, *([a] for a in args)))

    return call


def cached(f):
    return functools.lru_cache(f)


WAYS = {
    "a global": as_global,
    "a dict": lambda f: {"f": f}["f"],
    "a list": lambda f: lambda *args, _held=[f], **kwargs: _held[0](*args, **kwargs),
    "a closure": in_closure,
    "a partial": functools.partial,
    "a default": as_default,
    "a class": in_class,
    "an instance": in_instance,
    "a slot": in_slot,
    "an exec": in_namespace,
    "a weak dict": in_weak_dict,
    "a key": as_key,
    "iter of a partial": iterated,
    "map": mapped,
    "lru_cache": cached,
    "__call__": lambda f: f.__call__,
    "operator.call": lambda f: functools.partial(operator.call, f),
}


# How each is called, in a room that has file, dir/inner, link, and here: a file that only the
# machine's rooms have.
CALLS = {
    "access": lambda f: f("here", os.R_OK),
    "chdir": lambda f: f("dir"),
    "chmod": lambda f: f("file", 0o640),
    "chown": lambda f: f("file", 1, 1),
    "fwalk": lambda f: [step[:3] for step in f("dir")],
    "get_exec_path": lambda f: f(),
    "getcwd": lambda f: f().replace("host", "machine"),
    "getcwdb": lambda f: f(),
    "getenv": lambda f: f("OSTLER_ROOM"),
    "getenvb": lambda f: f(b"OSTLER_ROOM"),
    "getxattr": lambda f: f("here", "user.x"),
    "lchown": lambda f: f("link", 1, 1),
    "link": lambda f: f("file", "linked"),
    "listdir": lambda f: sorted(f(".")),
    "listxattr": lambda f: f("here"),
    "lstat": lambda f: f("here").st_size,
    "makedirs": lambda f: f("new/a/b"),
    "mkdir": lambda f: f("new"),
    "mkfifo": lambda f: f("new", 0o600),
    "mknod": lambda f: f("new", 0o600),
    "open": lambda f: os.close(f("new", os.O_CREAT | os.O_WRONLY)),
    "pathconf": lambda f: f("here", "PC_NAME_MAX"),
    "putenv": lambda f: f("OSTLER_PUT", "x"),
    "readlink": lambda f: f("link"),
    "remove": lambda f: f("file"),
    "removedirs": lambda f: f("dir/inner"),
    "removexattr": lambda f: f("here", "user.x"),
    "rename": lambda f: f("file", "renamed"),
    "renames": lambda f: f("file", "new/renamed"),
    "replace": lambda f: f("file", "renamed"),
    "rmdir": lambda f: f("dir/inner"),
    "scandir": lambda f: sorted(entry.name for entry in f(".")),
    "setxattr": lambda f: f("here", "user.y", b""),
    "stat": lambda f: f("here").st_size,
    "statvfs": lambda f: f("here").f_namemax,
    "symlink": lambda f: f("to", "new"),
    "truncate": lambda f: f("file", 3),
    "unlink": lambda f: f("file"),
    "unsetenv": lambda f: f("OSTLER_PUT"),
    "utime": lambda f: f("file", (5, 5)),
    "walk": lambda f: list(f("dir")),
    "path.abspath": lambda f: f("x").replace("host", "machine"),
    "path.exists": lambda f: f("here"),
    "path.expanduser": lambda f: f("~/x"),
    "path.expandvars": lambda f: f("$OSTLER_ROOM"),
    "path.getatime": lambda f: f("here") > 0,
    "path.getctime": lambda f: f("here") > 0,
    "path.getmtime": lambda f: f("here") > 0,
    "path.getsize": lambda f: f("here"),
    "path.isdir": lambda f: f("here.d"),
    "path.isfile": lambda f: f("here"),
    "path.islink": lambda f: f("here.l"),
    "path.ismount": lambda f: f("here"),
    "path.lexists": lambda f: f("here"),
    "path.realpath": lambda f: f("here.l")[-4:],
    "path.relpath": lambda f: f("dir", "."),
    "path.samefile": lambda f: f("here", "here"),
    "io.open": lambda f: f("file", "w").close(),
    "io.open_code": lambda f: len(f("here").read()),
    "io.FileIO": lambda f: f("file", "w").close(),
}  # fmt: skip
if hasattr(os, "statx"):
    CALLS["statx"] = lambda f: f("here", os.STATX_SIZE).stx_size
# Of a descriptor the kernel knows whose it is. Others end or replace the process, or start one, or
# take the root away: tests of their own have them.
BY_DESCRIPTOR = set(
    """
    copy_file_range fchdir fchmod fchown fdatasync fpathconf fstat fstatvfs fsync ftruncate lockf
    lseek posix_fadvise posix_fallocate pread preadv pwrite pwritev read readinto readv sendfile
    splice write writev
    """.split()
)
NOT_HERE = set(
    """
    chroot execl execle execlp execlpe execv execve execvp execvpe lchmod popen posix_spawn
    posix_spawnp spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe system umask
    reload_environ
    """.split()
)


def function(name):
    if name.startswith("io."):
        return getattr(io, name[3:])
    value = os
    for part in name.split("."):
        value = getattr(value, part)
    return value


def own(machine, name):
    """What the machine itself has for it."""
    if name == "io.FileIO":
        return machine.open_file
    if name == "io.open":
        return machine.open_file
    if name == "io.open_code":
        return lambda path: machine.open_file(path, "rb")
    value = machine
    for part in name.split("."):
        value = getattr(value, part)
    return value


def make_room(system, path, here):
    system.mkdir(path)
    system.chdir(path)
    os.close(os_open(system, "file"))
    system.mkdir("dir")
    system.mkdir("dir/inner")
    system.symlink("file", "link")
    if here:
        os.close(os_open(system, "here"))
        system.setxattr("here", "user.x", b"")
        system.mkdir("here.d")
        system.symlink("here", "here.l")


def os_open(system, name):
    return system.open(name, os.O_CREAT | os.O_WRONLY, 0o644)


def picture(system, path):
    found = {}
    for top, dirs, files in system.walk(path):
        for name in (*dirs, *files):
            whole = f"{top}/{name}"
            st = system.lstat(whole)
            found[whole[len(path) :]] = (
                st.st_mode, st.st_size, st.st_uid, st.st_nlink,
                st.st_mtime if st.st_mtime < 1000 else None,
                None if st.st_mode >> 12 == 0o12 else tuple(system.listxattr(whole)),
            )  # fmt: skip
    return found


def outcome(call, *args):
    try:
        return call(*args)
    except OSError as error:
        return type(error), error.errno


@pytest.mark.parametrize("name", CALLS)
def test_held(name, tmp_path):
    call, held = CALLS[name], {way: hold(function(name)) for way, hold in WAYS.items()}
    os.environ["OSTLER_ROOM"] = "host"
    here = os.getcwd()
    try:
        with ostler.scratch() as machine:
            machine.environ["OSTLER_ROOM"] = "machine"
            for number, way in enumerate(held):
                check(machine, name, call, held[way], f"{number}", tmp_path, way)
    finally:
        os.chdir(here)
        del os.environ["OSTLER_ROOM"]


def check(machine, name, call, held, room, tmp_path, way):
    host_room, expected_room = str(tmp_path / room), str(tmp_path / f"{room}-x")
    make_room(machine, f"/{room}-x", True)
    expected = outcome(call, own(machine, name))
    make_room(machine, f"/{room}", True)
    make_room(os, host_room, False)
    before = picture(os, host_room)
    with machine.installed():
        found = outcome(call, held)
    assert os.getcwd() == host_room
    if name not in ("getcwd", "getcwdb", "path.abspath"):
        assert found == expected, way
    assert picture(machine, f"/{room}") == picture(machine, f"/{room}-x"), way
    assert picture(os, host_room) == before, way
    # Outside it is the host's, as it was.
    if way == "lru_cache":
        held.cache_clear()
    on_machine = picture(machine, f"/{room}")
    found = outcome(call, held)
    on_host = picture(os, host_room)
    make_room(os, expected_room, False)
    if name not in ("getcwd", "getcwdb", "path.abspath"):
        assert found == outcome(call, function(name)), way
    assert on_host == picture(os, expected_room), way
    assert picture(machine, f"/{room}") == on_machine, way


def os_functions():
    """The functions of os and os.path, public ones."""
    for prefix, module in (("", os), ("path.", os.path)):
        for name, value in vars(module).items():
            if isinstance(value, (FunctionType, BuiltinFunctionType)) and not name.startswith("_"):
                yield prefix + name, value


def affected(name):
    return installed.is_affected(name.removeprefix("path."), name.startswith("path."))


def test_every_function_is_the_machines_or_known_to_touch_nothing():
    asked = {f for f, *_ in installed.builtins_that_ask()}
    asked |= {f for f, *_ in installed.functions_that_ask()}
    missing = {name for name, value in os_functions() if value not in asked and affected(name)}
    # Written in Python, upon others that are the machine's.
    assert {name for name in missing if type(function(name)) is BuiltinFunctionType} == set()
    assert missing <= {"reload_environ"}


# Parameters that name a file, and of those functions that have such a one the few that nevertheless
# touch none: they work on text.
NAMING = {"path", "src", "dst", "dir_fd", "filename", "file", "top", "name", "p", "s", "f1", "f2",
          "path1", "path2", "source", "target", "fd"}  # fmt: skip
TEXT = set(
    """
    confstr sysconf memfd_create fsdecode fsencode fspath path.isabs path.basename path.dirname
    path.normcase path.split path.splitext path.splitdrive path.splitroot path.normpath path.join
    path.isdevdrive path.isjunction strerror
    """.split()
)
# About the descriptor itself, or a terminal.
ONLY_NUMBERS = set(
    """
    close closerange device_encoding dup dup2 eventfd_read eventfd_write fdopen get_blocking
    get_inheritable get_terminal_size grantpt isatty login_tty ptsname set_blocking set_inheritable
    setns tcgetpgrp tcsetpgrp timerfd_gettime timerfd_gettime_ns timerfd_settime
    timerfd_settime_ns ttyname unlockpt pidfd_open path.sameopenfile
    """.split()
)


def test_what_is_said_to_touch_nothing_has_no_path():
    for name, value in os_functions():
        if not affected(name) and name not in TEXT | ONLY_NUMBERS:
            try:
                parameters = set(inspect.signature(value).parameters)
            except ValueError:
                continue
            assert not parameters & NAMING, name


def test_the_table_has_every_function():
    names = {f"path.{n}" if of_path else n for _, n, of_path in installed.functions_that_ask()}
    for f, name, of_path, _ in installed.builtins_that_ask():
        if f.__self__ is sys.modules["posix"] and not name.startswith("_"):
            names.add(f"path.{name}" if of_path else name)
    names -= BY_DESCRIPTOR | NOT_HERE
    names = {name for name in names if not table.by_identity(name)}  # see test_users.py
    assert names == {n for n in CALLS if not n.startswith("io.")}


def test_a_function_that_machines_lack_is_refused(tmp_path, monkeypatch):
    """As one of a newer Python would be."""
    monkeypatch.setattr(Rooted, "stat", None)
    assert installed._handler("stat_of_tomorrow", Rooted) is installed._refuse_unknown
    asking.stand(os.getloadavg, "stat_of_tomorrow", handler=installed._refuse_unknown)
    try:
        with ostler.scratch() as machine:
            with machine.installed(), pytest.raises(NotImplementedError, match="getloadavg"):
                os.getloadavg()
            assert len(os.getloadavg()) == 3
    finally:
        asking.stand(os.getloadavg, "getloadavg")


HOT = ("stat", "getcwd", "listdir", "access", "readlink")


@pytest.mark.parametrize("name", HOT)
def test_specialised_code(name, tmp_path, monkeypatch):
    """A loop that the interpreter has specialised for the function, before and inside."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("host")
    (tmp_path / "link").symlink_to("host")
    calls = {
        "stat": lambda f, n: [f("file").st_size for _ in range(n)],
        "getcwd": lambda f, n: [f() for _ in range(n)],
        "listdir": lambda f, n: [f(".") for _ in range(n)],
        "access": lambda f, n: [f("there", os.F_OK) for _ in range(n)],
        "readlink": lambda f, n: [f("link") for _ in range(n)],
    }
    call, f = calls[name], getattr(os, name)
    with ostler.scratch() as machine:
        machine.chdir("/")
        machine.open_file("file", "w").close()
        machine.open_file("there", "w").close()
        machine.symlink("machine", "link")
        of_host, of_machine = call(f, 1)[0], call(getattr(machine, name), 1)[0]
        assert of_host != of_machine
        for _ in range(3):
            assert call(f, 2000) == [of_host] * 2000
            with machine.installed():
                assert call(f, 2000) == [of_machine] * 2000


def test_functions_are_what_they_were():
    import pickle

    def looks(f):
        return (
            id(f), hash(f), f.__name__, f.__qualname__, f.__module__, f.__doc__, repr(f),
            getattr(f, "__self__", None), getattr(f, "__text_signature__", None),
            by_name(f), signature(f),
        )  # fmt: skip

    def by_name(f):
        try:
            return pickle.dumps(f)
        except (AttributeError, pickle.PicklingError):
            return None  # os.fsencode is a closure

    def signature(f):
        try:
            return str(inspect.signature(f))
        except ValueError:
            return None

    functions = [f for name, f in os_functions()] + [open, io.open_code]
    before = [looks(f) for f in functions]
    kinds = [inspect.isgeneratorfunction(f) for f in functions]
    with ostler.scratch() as machine, machine.installed():
        assert asking.asks(os.stat) and asking.asks(builtins.open)
        assert [looks(f) for f in functions] == before
        assert [inspect.isgeneratorfunction(f) for f in functions] == kinds
        assert os.stat in os.supports_dir_fd and os.stat == os.stat
    assert [looks(f) for f in functions] == before
    assert not any(asking.asks(f) for f in functions)


def test_kinds_of_files_that_were_made_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Plain(io.FileIO):
        pass

    class Own(io.FileIO):
        def __init__(self, *args):
            super().__init__(*args)

    class Both(Plain, Own):
        pass

    make = [io.FileIO, Plain, Own, Both, lambda *args: io.FileIO.__init__(
        io.FileIO.__new__(io.FileIO), *args)]  # fmt: skip
    init = io.FileIO.__init__
    with ostler.scratch() as machine:
        with machine.installed():
            inside = type("Inside", (io.FileIO,), {})
            for number, kind in enumerate([*make, inside]):
                made = kind(f"f{number}", "w")
                if made is not None:
                    assert made.name == f"f{number}"
                    made.close()
            io.FileIO("with-opener", "w", True, lambda path, flags: os.open(path, flags)).close()
            io.FileIO("none", "w", True, None).close()
            io.FileIO(file="named", mode="w", opener=None).close()
            fd = os.open("number", os.O_CREAT | os.O_WRONLY)
            io.FileIO(fd, "w").close()
        names = [f"f{n}" for n in range(6)] + ["with-opener", "none", "named", "number"]
        assert sorted(machine.listdir("/")) == sorted(names)
        assert os.listdir() == []
        for number, kind in enumerate([*make, inside]):
            made = kind(f"f{number}", "w")
            if made is not None:
                made.close()
    assert sorted(os.listdir()) == [f"f{n}" for n in range(6)]
    assert io.FileIO.__init__ is init
