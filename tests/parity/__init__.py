"""Parity: the interpreter's own os is the reference, in the same process and the same moment.

A *case* is a function of one argument, an os. It runs twice, each time in a fresh, empty working
directory: once with the interpreter's own os and once with the machine under test. What it
returns must be equal. A case makes what it needs through the os it is given, with relative paths,
and so runs on every kind of machine.
"""

import contextlib
import gc
import genericpath
import os
import posixpath
import subprocess
import sys
import warnings
from collections import deque

from ostler.core import popen
from ostler.machines import between
from ostler.machines.rehearsal import kind

# The files of functions of os that are written in Python, and of kinds of machines that are.
_LIBRARY = {
    function.__code__.co_filename
    for function in (
        os.makedirs, posixpath.expanduser, genericpath.commonprefix, between.Between.called,
        kind.Rehearsal.link,
    )
}  # fmt: skip
_TESTS = __file__.removesuffix("parity/__init__.py")

# What CPython has mended since: before 3.11.3 dup2() of a negative number told another errno,
# and utime() took times that are too large. docs/limits.md says so.
FAULTS_OF_OS = sys.version_info < (3, 11, 7)

CASES = {}


def case(function):
    """Register a case under its module's and its own name."""
    topic = function.__module__.rpartition("cases_")[2]
    name = f"{topic}.{function.__name__}"
    if name in CASES:
        raise ValueError(f"two cases named {name}")
    CASES[name] = function
    return function


def attempt(function, *args, **kwargs):
    """What a call came to, as a value that can be compared: a result or an error, and warnings."""
    _forget_others()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.disable()  # garbage of other tests warns too when it goes
        try:
            outcome = ("value", plain(function(*args, **kwargs)))
        except Exception as error:
            outcome = ("error", type(error).__name__, plain(error.args), *_details(error))
        finally:
            gc.enable()
    return (*outcome, [(w.category.__name__, str(w.message), _place(w)) for w in caught])


def _place(warning):
    """Where a warning points. os points to its own lines where it calls itself; we have none."""
    here = warning.filename in _LIBRARY or warning.filename.startswith(_TESTS)
    return "the program" if here else (warning.filename, warning.lineno)


def _forget_others():
    """Let go of commands that other tests left running: a new one would, with warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subprocess._active.clear()
        popen._left.clear()


def _details(error):
    return [
        plain(getattr(error, name, None)) for name in ("errno", "strerror", "filename", "filename2")
    ]


def plain(value):
    """The value with its type's name at every level, so that 1 and True, b"" and "" differ."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return kind, [(plain(k), plain(v)) for k, v in value.items()]
    if isinstance(value, (set, frozenset)):
        return kind, sorted(map(plain, value), key=repr)
    if isinstance(value, (tuple, list)):
        return kind, [plain(item) for item in value]
    return kind, bytes(value) if isinstance(value, memoryview) else value


def touch(os, name, data=b""):
    """Make a file through the given os."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        if data:
            os.write(fd, data)
    finally:
        os.close(fd)


class Named:
    """A path that is neither text nor bytes; made with an exception, it raises that."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        if isinstance(self.path, Exception):
            raise self.path
        return self.path


class Number:
    """An integer by __index__ alone."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@contextlib.contextmanager
def opened(os, *descriptors):
    try:
        yield descriptors if len(descriptors) > 1 else descriptors[0]
    finally:
        for fd in descriptors:
            os.close(fd)


def file(os, data=b"0123456789", flags=None):
    """An open file for a block, through the given os."""
    touch(os, "f", data)
    return opened(os, os.open("f", os.O_RDWR if flags is None else flags))


CLOSED = 987_654_321  # a descriptor that nobody can have open
# Arguments that are wrong for nearly every path-taking call.
BAD_PATHS = [
    None, 3.5, [], object, "a\0b", b"a\0b", "", b"", "x" * 5000, b"x" * 300,
    "missing", b"missing", "\udcff", "\ud800", deque(), -1, 2**31, -(2**31) - 1, 2**80,
    bytearray(b"a"),
]  # fmt: skip
# Arguments that are wrong, or at the edge, where a C int is wanted.
BAD_INTS = [None, "1", b"1", 1.0, 2**31, -(2**31) - 1, 2**63, -(2**63) - 1, 2**80, [], deque(), -1]
