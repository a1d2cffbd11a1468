"""What is left of a machine whose children still run: at its close, its collection, its death."""

import ctypes
import gc
import os
import signal
import tempfile

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines.among import confined_among
from tests.machines import ORDINARY, as_self, as_user, kinds
from tests.machines.rehearsing import remove_all

_PR_SET_CHILD_SUBREAPER = 36


def scratch(directory):
    machine = ostler.scratch(bind=[*SHELL, directory])
    machine.mkdir("/here")
    machine.chdir("/here")
    return machine


def confined(directory):
    machine = confined_among(directory, SHELL)
    machine.chdir(directory)
    return machine


KINDS = [
    scratch, confined, kinds.whole_read_only, kinds.whole_rehearsal, kinds.whole_kept_rehearsal,
]  # fmt: skip


@pytest.fixture
def directory():
    """A directory of an ordinary user's, and one beside it, under a name that no other has."""
    top = tempfile.mkdtemp(prefix="ostler-left-")
    os.chmod(top, 0o755)
    for path in (top, f"{top}/base", f"{top}/base-upper"):
        os.makedirs(path, exist_ok=True)
        if os.getuid() == 0:
            os.chown(path, ORDINARY, ORDINARY)
    yield f"{top}/base"
    remove_all(top)


def started(machine, script):
    """A child, and its grandchild, with pipes to and from the child: (pid, to it, from it)."""
    its_input, to_it = os.pipe()
    from_it, its_output = os.pipe()
    pid = machine.posix_spawn(
        "/bin/sh", ["sh", "-c", script], {"PATH": "/usr/bin:/bin"},
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, its_input, 0), (os.POSIX_SPAWN_DUP2, its_output, 1),
            (os.POSIX_SPAWN_CLOSE, to_it), (os.POSIX_SPAWN_CLOSE, from_it),
        ],
    )  # fmt: skip
    os.close(its_input)
    os.close(its_output)
    assert os.read(from_it, 1) == b"\n"
    return pid, to_it, from_it


def mounted(directory):
    """The processes that see something mounted from, or at, this directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/mountinfo") as table:
                if directory in table.read():
                    found.append(pid)
        except OSError:
            pass
    return found


LASTS = "sleep 1000 & echo; wait"


def after_a_kill(make, directory):
    """Kill a process whose machine has a child running; what is left."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reading, writing = os.pipe()
    owner = os.fork()
    if owner == 0:
        machine = make(directory)
        pid, _, _ = started(machine, LASTS)
        os.write(writing, str(pid).encode())
        signal.pause()
    pid = int(os.read(reading, 20))
    os.kill(owner, signal.SIGKILL)
    os.waitpid(owner, 0)
    if make is not confined:
        os.killpg(pid, signal.SIGKILL)  # as with os, a child outlives its parent
    signal.alarm(30)
    count = 0
    try:
        while os.waitpid(-1, 0):
            count += 1  # all that the killed process has left comes to us
    except ChildProcessError:
        pass
    return count > 0, mounted(directory)


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("make", KINDS)
def test_killed(make, user, directory):
    assert user(after_a_kill, make, directory) == (True, [])
    assert os.listdir(directory) == []


WRITES = (
    "echo; read line; { echo $line > file; } 2>/dev/null; cat file 2>/dev/null; "
    "echo; echo END; read line"
)


def after_the_end(make, directory, how):
    """End a machine whose child goes on: what the child says then, and what is left."""
    machine = make(directory)
    pid, to_it, from_it = started(machine, LASTS if make is confined else WRITES)
    if how == "close":
        machine.close()
    machine = None
    gc.collect()
    signal.alarm(30)
    said = status = None
    if make is confined:
        said = os.read(from_it, 1)  # the grandchild held it, too
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    else:
        os.write(to_it, b"written\n")
        said = b""
        while not said.endswith(b"END\n"):
            said += os.read(from_it, 100)
        os.close(to_it)
        os.waitpid(pid, 0)
    signal.alarm(0)
    gc.collect()
    try:
        os.waitpid(-1, 0)
        others = True
    except ChildProcessError:
        others = False
    return said, status, others, mounted(directory)


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("how", ["close", "collected"])
@pytest.mark.parametrize("make", KINDS)
def test_ended(make, how, user, directory):
    said, status, others, left = user(after_the_end, make, directory, how)
    if make is confined:
        assert (said, status) == (b"", -signal.SIGKILL)
    elif make is not kinds.whole_read_only:
        assert said == b"written\n\nEND\n"  # its files last as long as it does
    assert not others and left == []
    assert os.listdir(directory) == []
