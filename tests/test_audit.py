"""Audit events: every call raises those that os raises, with the same arguments.

One fresh process per os, because a hook can't be taken away again; both make the same calls, each
in a directory of its own, and the events are compared call by call.
"""

import json
import os
import subprocess
import sys
from functools import reduce
from pathlib import Path

import pytest

import ostler
from ostler.verbs import table
from tests.test_table import FITTING

CALLS = Path(__file__).with_name("audit_calls.py")


def of_os(name):
    """What os has of this name, such as "path.exists"; None where it has nothing."""
    return reduce(lambda place, part: getattr(place, part, None), name.split("."), os)


def called_for(verb):
    """Whether its events are wanted: all of os, but what ends this process or may take long."""
    return of_os(verb.name) is not None and verb.name not in ("_exit", "abort", "sync")


def fitting():
    """(name, arguments) of each of them, of whose arguments the table tells what they are."""
    for verb in filter(called_for, table.every()):
        values = {name: FITTING.get(name, 0) for name in verb.names if name not in verb.defaults}
        values |= {name: "f" for name in values if verb.roles[name] == table.PATH}
        if all(isinstance(value, str | int) for value in values.values()):
            yield verb.name, list(values.values())


def told(name, directory):
    directory.mkdir()
    command = [sys.executable, str(CALLS), name, str(directory), json.dumps(dict(fitting()))]
    # A process group of its own, since killpg is called for it.
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, process_group=0)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    directory = tmp_path_factory.mktemp("audit")
    return told("os", directory / "theirs"), told("ostler", directory / "ours")


def test_events_are_those_of_os(both):
    theirs, ours = both
    assert theirs.keys() == ours.keys()
    differing = {call: (theirs[call], ours[call]) for call in theirs if theirs[call] != ours[call]}
    assert not differing


def test_the_calls_do_raise_events(both):
    theirs, _ = both
    raised = {event[0] for _, *events in theirs.values() for event in events}
    assert len(raised) > 30, sorted(raised)


def test_all_that_os_has_is_called(both):
    called = {call.partition("(")[0] for call in both[0]}
    assert {verb.name for verb in filter(called_for, table.every())} <= called


EVENTS = """
import sys
import {module} as os
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)) if event[:3] == "os." else None)
class Named:
    def __fspath__(self):
        return "f"
p = Named()
def do(call, *args, **options):
    try:
        call(*args, **options)
    except OSError as error:
        seen.append(error.errno)
do(os.chmod, p, 0o600); do(os.chmod, 98, -1); do(os.fchmod, 98, 0o666); do(os.chown, p, -1, -1)
do(os.fchown, 98, -1, 5); do(os.lchown, p, -1, -1); do(os.utime, p); do(os.utime, p, (1, 2))
do(os.utime, p, ns=(1, 2)); do(os.link, p, "g"); do(os.symlink, p, "h"); do(os.rename, p, b"k")
do(os.replace, "k", "f"); do(os.truncate, p, 0); do(os.ftruncate, 98, 0); do(os.truncate, 98, 1)
do(os.getxattr, p, "user.x"); do(os.setxattr, p, "user.x", bytearray(b"2"), 2)
do(os.getxattr, p, Named()); do(os.listxattr, p); do(os.listxattr); do(os.listxattr, 98)
do(os.removexattr, p, b"user.x"); do(os.remove, p); do(os.unlink, "f", dir_fd=98)
do(os.stat, p); do(os.access, p, 0); do(os.readlink, p); do(os.statvfs, p); do(os.mkfifo, "f")
print(seen)
"""


def test_audit_events(tmp_path):
    path = os.pathsep.join(p for p in sys.path if p)
    seen = [
        subprocess.run(
            [sys.executable, "-c", EVENTS.format(module=module)],
            cwd=(tmp_path / module).mkdir() or tmp_path / module,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for module in ("os", "ostler")
    ]
    assert seen[1] == seen[0]


def test_open_is_audited(tmp_path):
    seen = []
    active = True

    def hook(event, arguments):
        if active and event == "open" and str(arguments[0]).startswith(str(tmp_path)):
            seen.append(arguments)

    sys.addaudithook(hook)
    path = tmp_path / "f"
    ostler.close(ostler.open(path, ostler.O_CREAT | ostler.O_WRONLY))
    active = False
    flags = ostler.O_CREAT | ostler.O_WRONLY | ostler.O_CLOEXEC
    assert seen == [(str(path), None, flags)]
