"""Every function of os and os.path, with each argument in turn wrong, on os and on ostler.

The error must be of the same type, with the same arguments and file names, after the same
warnings and audit events. The calls are made in an empty room of their own, with what a call can
want lying ready.
"""

import contextlib
import inspect
import os
import sys

import pytest

import ostler
from tests.harmful import HARMFUL, STARTING
from tests.parity import FAULTS_OF_OS, attempt, plain

# What takes long, or makes something large, when an argument happens to fit.
LONG = {"getrandom", "pidfd_open", "posix_fallocate", "sendfile", "tcsetpgrp", "urandom"}
LEFT_OUT = HARMFUL | STARTING | LONG


class Failing:
    """Refuses to be a number or a path."""

    def __index__(self):
        raise ZeroDivisionError("no number")

    def __fspath__(self):
        raise ZeroDivisionError("no path")


class Lying:
    """Says it is a path, and is a number."""

    def __fspath__(self):
        return 7


class Index:
    def __index__(self):
        return 9999


class PathLike:
    def __fspath__(self):
        return "missing/one"


WRONG = {
    "None": None,
    "float": 3.5,
    "object": object,
    "list": [],
    "list of None": [None],
    "tuple": (),
    "2**31": 2**31,
    "2**32": 2**32,
    "2**63": 2**63,
    "2**64": 2**64,
    "2**80": 2**80,
    "-1": -1,
    "-2": -2,
    "-2**31-1": -(2**31) - 1,
    "-2**63-1": -(2**63) - 1,
    "closed": 9999,
    "index": Index(),
    "NUL": "a\0b",
    "NUL bytes": b"a\0b",
    "empty": "",
    "empty bytes": b"",
    "missing": "missing",
    "missing bytes": b"missing/one",
    "pathlike": PathLike(),
    "a folder": "dir",
    "below a file": "file/x",
    "long": "x" * 300,
    "surrogate": "\ud800",
    "escaped": "\udcff",
    "bytearray": bytearray(b"file"),
    "memoryview": memoryview(b"file"),
    "failing": Failing(),
    "lying": Lying(),
}

# What fits, by the parameter's name: the rest of a call in which one argument is wrong.
FITTING = {
    "args": ("x",),
    "attribute": "user.x",
    "buffers": [bytearray(4)],
    "cmd": 0,
    "count": 3,
    "data": b"data",
    "dst": "new",
    "env": {},
    "flags": 0,
    "follow_symlinks": True,
    "group": 0,
    "how": 0,
    "idtype": 1,
    "in_fd": "fd",
    "length": 3,
    "mode": 0o700,
    "n": 3,
    "name": "name",
    "offset": 0,
    "options": 1,
    "path": "file",
    "paths": ["a/b", "a/c"],
    "pid": 0,
    "key": "OSTLER_SWEEP",
    "seq": ["a", "b"],
    "start": ".",
    "user": "root",
    "value": "value",
    "who": 0,
    "which": 0,
}
OWN = {
    "confstr": {"name": "CS_PATH"},
    "dup2": {"fd2": 9998},
    "eventfd_read": {"fd": 9998},
    "fpathconf": {"name": "PC_NAME_MAX"},
    "getxattr": {"attribute": "user.x"},
    "memfd_create": {"name": "name"},
    "open": {"flags": 0},
    "path.join": {"a": "a"},
    "pathconf": {"name": "PC_NAME_MAX"},
    "putenv": {"name": "OSTLER_SWEEP", "value": "x"},
    "removexattr": {"attribute": "user.x"},
    "rmdir": {"path": "dir"},
    "setxattr": {"attribute": "user.x", "value": b"x"},
    "sysconf": {"name": "SC_PAGESIZE"},
    "unsetenv": {"name": "OSTLER_SWEEP"},
    "writev": {"buffers": [b"data"]},
    "pwritev": {"buffers": [b"data"]},
    "pwrite": {"buffer": b"data"},
    "link": {"src": "file", "dst": "new"},
}
DESCRIPTORS = {"fd", "fd1", "in_fd", "out_fd", "src_fd", "dst_fd"}
# Those whose results are compared, not only the results' types.
TELLING = {
    "fsdecode", "fsencode", "fspath", "path.abspath", "path.basename", "path.dirname",
    "path.exists", "path.isabs", "path.isdir", "path.isfile", "path.islink",
    "path.ismount", "path.lexists",
    "path.normcase", "path.normpath", "path.realpath", "path.join",
    "path.expanduser", "path.expandvars",
}  # fmt: skip
DESCRIPTOR_MAKERS = {
    "dup", "dup2", "eventfd", "memfd_create", "open", "posix_openpt", "timerfd_create",
}  # fmt: skip

# A negative descriptor in a path's place: the interpreter's own os hands on a null pointer for a
# path, which ends in a segmentation fault where the C library looks at it.
NULL = {"pathconf"}
# What inspect.signature can't tell.
SIGNATURES = {
    "chmod": lambda path, mode, *, dir_fd=None, follow_symlinks=True: None,
    "utime": lambda path, times=None, *, ns=None, dir_fd=None, follow_symlinks=True: None,
    "get_terminal_size": lambda fd: None,
    "link": lambda src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True: None,
}


def functions():
    """The names of what is swept: os's functions, and as path.x those of os.path."""
    found = []
    for prefix, module in (("", os), ("path.", os.path)):
        for name in dir(module):
            function = getattr(module, name)
            public = not name.startswith("_") and callable(function)
            if public and not isinstance(function, type) and name not in LEFT_OUT:
                found.append(prefix + name)
    return found


class Audit:
    """The audit events of os while it is on; a hook can't be taken out again."""

    def __init__(self):
        self.events = None

    def __call__(self, event, args):
        if self.events is not None and (event.startswith("os.") or event == "open"):
            self.events.append((event, plain(args)))


AUDIT = Audit()


@pytest.fixture(scope="module", autouse=True)
def _hook():
    sys.addaudithook(AUDIT)


def parameters(name):
    """The names of a function's parameters, each with whether it goes by keyword only."""
    signature = inspect.signature(SIGNATURES.get(name) or attribute(os, name))
    skipped = (inspect.Parameter.VAR_KEYWORD,)
    return [p for p in signature.parameters.values() if p.kind not in skipped]


def attribute(module, name):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def fitting(name, parameter, system, fd):
    own = OWN.get(name, {})
    if parameter.name in own:
        return own[parameter.name]
    if parameter.name in DESCRIPTORS or (name.startswith("f") and parameter.name == "fildes"):
        return fd
    if name.startswith(("copy_file_range", "splice")) and parameter.name in ("src", "dst"):
        return fd
    if parameter.default is not inspect.Parameter.empty:
        return parameter.default
    return FITTING.get(parameter.name, "file")


def calls(name):
    """Each call of the sweep: the parameter that is wrong, and the kind of wrong."""
    yield None, None
    for parameter in parameters(name):
        for kind in WRONG:
            if name not in NULL or parameter.name != "path" or kind not in ("-1", "-2"):
                yield parameter.name, kind


def outcome(system, name, wrong, kind):
    """Make one call in a fresh room, and tell what came of it."""
    system.mkdir("dir")
    fd = system.open("file", system.O_RDWR | system.O_CREAT, 0o600)
    system.write(fd, b"text")
    system.symlink("loop", "loop")
    positional, keywords = [], {}
    for parameter in parameters(name):
        value = WRONG[kind] if parameter.name == wrong else fitting(name, parameter, system, fd)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if parameter.name == wrong:
                keywords[parameter.name] = value
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            positional.append(value)
        else:
            positional.append(value)
    AUDIT.events = []
    try:
        return attempt(call, system, name, positional, keywords), AUDIT.events
    finally:
        AUDIT.events = None
        with contextlib.suppress(OSError):
            os.close(fd)


def call(system, name, positional, keywords):
    return shape(name, attribute(system, name)(*positional, **keywords))


def shape(name, value):
    """A result as far as it must be equal in two different rooms: its type, and plain answers."""
    if name in DESCRIPTOR_MAKERS:
        os.close(value)
    elif hasattr(value, "close"):
        value.close()
    elif name in ("walk", "fwalk"):
        value = list(value)
    if value is None or isinstance(value, (bool, str, bytes)):
        return value if name in TELLING else type(value).__name__
    return type(value).__name__


def sweep(system, name, directory):
    home = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    found = {}
    try:
        for number, (wrong, kind) in enumerate(calls(name)):
            room = directory / str(number)
            room.mkdir(parents=True)
            os.chdir(room)
            mask = os.umask(0o022)
            try:
                found[wrong, kind] = outcome(system, name, wrong, kind)
            finally:
                os.umask(mask)
                os.fchdir(home)
    finally:
        os.close(home)
    return found


@pytest.mark.parametrize("name", functions())
def test_sweep(name, tmp_path):
    place = tmp_path / "rooms"  # the same for both: some errors tell the whole path
    expected = sweep(os, name, place)
    place.rename(tmp_path / "before")
    found = sweep(ostler, name, place)
    different = {
        call: {"os": expected[call], "ostler": found[call]}
        for call in expected
        if found[call] != expected[call]
        and not (FAULTS_OF_OS and name == "dup2" and "-" in call[1])
    }
    assert not different
