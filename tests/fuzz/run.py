"""Run a program on both sides, each in a child and in an equal directory, and compare."""

import contextlib
import fcntl
import gc
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings

import ostler
from ostler.core import popen
from tests.fuzz import helpers, room

SECONDS = 10  # of a program, before it is ended
_OLD = 1_500_000_000  # a time before this was set, a later one is the present
_NUMBERS = re.compile(r"0x[0-9a-f]+|subprocess \d+")
_MODULES = re.compile(r"\b(?:posix|posixpath|ostler)(?:\.\w+)*\.(?=[A-Z_])")


def difference(lines, systems=(os, ostler)):
    """None, or what each side came to, in the first thing that differs."""
    first, second = (outcome(lines, system) for system in systems)
    if first == second:
        return None
    keys = dict.fromkeys([*first, *second])
    key = next(k for k in keys if first.get(k) != second.get(k))
    return key, first.get(key), second.get(key)


def outcome(lines, system):
    """All that came of a program: an ordered mapping of what to its text."""
    room_, here = os.getcwd(), "here"
    shutil.rmtree("x", ignore_errors=True)
    os.mkdir("x")
    os.chdir("x")
    try:
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                _child(lines, system, here)
            os._exit(99)
        status = _waited(pid)
        found = {}
        with contextlib.suppress(OSError), open("result", errors="surrogateescape") as file:
            for number, line in enumerate(file.read().split("\n")):
                found[number] = line
            os.unlink("result")
        for name in ("in", "out", "err"):
            with contextlib.suppress(OSError), open(name, "rb") as file:
                found[name] = _plain_text(repr(file.read()))
        found["status"] = status
        found.update(_tree("."))
        return found
    finally:
        os.chdir(room_)


def _waited(pid):
    """Wait for the child, or end it; its wait status. Until it is reaped its number is its own."""
    handle = os.pidfd_open(pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        waiting.poll(SECONDS * 1000)
    finally:
        os.close(handle)
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)  # its group, which it made itself
    return os.waitpid(pid, 0)[1]


def _child(lines, system, here):
    room.limit()
    top = os.getcwd()
    room.furnish(here)
    os.umask(0o022)
    said = []
    sys.unraisablehook = lambda u: said.append(f"unraisable {shown(u.exc_value)}")
    space = {"os": system, **helpers.NAMES}
    for name in helpers.VARIABLES:
        space[name] = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for line in lines:
            caught.clear()
            said.append(_outcome(line, space))
            said += [
                f"  warned {w.category.__name__}: {_plain_text(str(w.message))}" for w in caught
            ]
        caught.clear()
        for name in helpers.VARIABLES:  # streams and iterators go; descriptors stay
            space[name] = None
        gc.collect()
        said += [f"  warned {w.category.__name__}: {_plain_text(str(w.message))}" for w in caught]
        said += _left(system, top)
    text = "\n".join(line.replace("\n", "\\n") for line in said)
    with open(f"{top}/result", "w", errors="surrogateescape") as file:
        file.write(text)
    os._exit(0)


def _outcome(line, space):
    name, equals, expression = line.partition(" = ")
    try:
        if equals and name in helpers.VARIABLES:
            value = space[name] = eval(expression, space)
        else:
            value = eval(line, space)
        return f"{line} -> {shown(value)}"
    except Exception as error:
        return f"{line} -> {shown(error)}"


def _left(system, top):
    """What a program leaves behind in the process."""
    yield "directory " + repr(_where(top))
    yield f"umask {os.umask(0)}"
    yield "variables " + repr(sorted(system.environ.items()))
    for held in (subprocess._active, popen._left):
        for command in held:  # of streams that were dropped
            with contextlib.suppress(OSError):
                (command.stdin or command.stdout).close()
    statuses = []
    with contextlib.suppress(OSError):
        end = time.monotonic() + SECONDS / 2
        while time.monotonic() < end:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                statuses.append(status)
            else:
                time.sleep(0.002)
    yield f"children {sorted(statuses)}"
    for fd in range(room.DESCRIPTORS):
        with contextlib.suppress(OSError):
            flags = fcntl.fcntl(fd, fcntl.F_GETFD), fcntl.fcntl(fd, fcntl.F_GETFL)
            kind = stat.S_IFMT(os.fstat(fd).st_mode)
            at = None
            with contextlib.suppress(OSError):
                at = os.lseek(fd, 0, os.SEEK_CUR)
            if kind == stat.S_IFDIR and at:
                at = "in the midst"  # its positions are the kernel's own
            yield f"descriptor {fd}: {flags} {kind:o} {at}"


def _where(top):
    try:
        return os.path.relpath(os.getcwd(), top)
    except OSError as error:
        return error.errno


def shown(value):
    """A value as text that is equal where both sides agree."""
    if isinstance(value, BaseException):
        text = f"{type(value).__name__}{shown(value.args)}"
        if isinstance(value, OSError):
            text += f" {value.errno} {shown(value.filename)} {shown(value.filename2)}"
        return text
    kind = type(value).__name__
    if kind == "stat_result":
        return f"stat({_status(value)})"
    if kind == "statvfs_result":
        return f"statvfs({value.f_bsize}, {value.f_namemax})"
    if kind == "DirEntry":
        return f"DirEntry({shown(value.name)}, {shown(value.path)})"
    if kind == "float" and _OLD < value < 2 * _OLD:
        return "float now"
    if isinstance(value, (tuple, list)):
        return f"{kind}({', '.join(map(shown, value))})"
    if isinstance(value, dict):
        return f"{kind}({', '.join(f'{shown(k)}: {shown(v)}' for k, v in value.items())})"
    if value is None or isinstance(value, (bool, int, float, str, bytes, bytearray)):
        return _plain_text(
            f"{kind} {value!r}" if kind not in ("int", "str", "bytes") else repr(value)
        )
    return f"a {kind}"


def _plain_text(text):
    return _MODULES.sub("", _NUMBERS.sub("N", text))


def _time(nanoseconds):
    return nanoseconds if nanoseconds < _OLD * 10**9 else "now"


def _status(value):
    return (
        f"{value.st_mode:o} {value.st_nlink} {value.st_uid} {value.st_gid} {_size(value)} "
        f"{_time(value.st_atime_ns)} {_time(value.st_mtime_ns)} {value.st_blksize}"
    )


def _size(value):
    return None if stat.S_ISDIR(value.st_mode) else value.st_size


def _tree(top):
    """Every name below a directory, with what can be known of it."""
    found = {}
    for path, dirs, files in os.walk(os.fsencode(top)):
        for name in dirs + files:
            whole = os.path.join(path, name)
            status = os.lstat(whole)
            facts = [_status(status)]
            if stat.S_ISLNK(status.st_mode):
                facts.append(os.readlink(whole))
            elif stat.S_ISREG(status.st_mode):
                with contextlib.suppress(OSError), open(whole, "rb") as file:
                    facts.append(file.read(4096))
            with contextlib.suppress(OSError):
                for attribute in sorted(os.listxattr(whole, follow_symlinks=False)):
                    value = os.getxattr(whole, attribute, follow_symlinks=False)
                    facts.append((attribute, value))
            found["file " + repr(whole)] = repr(facts)
    return dict(sorted(found.items()))
