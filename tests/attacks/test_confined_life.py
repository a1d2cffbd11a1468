"""What a confined child sees of the process that made its machine, and how long it outlives it."""

import os
import select
import signal
import sys
import tempfile
import time

import pytest

import ostler
from ostler.machines.among import confined_among
from tests.machines import as_self, as_user

both = pytest.mark.parametrize("user", [as_self, as_user])

SHOWN = "cmdline environ maps exe fd/0 fd/1 mem cwd root auxv ns/mnt syscall stack io".split()


def said_of_the_first_process():
    """What /proc/1 gives a confined child: {name: content}; and this process's own arguments."""
    os.environ["SECRET"] = ostler.environ["SECRET"] = "not to be seen"
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        with confined_among(directory, ostler.machines.SHELL) as machine:
            for name in SHOWN:
                with machine.popen(f"cat /proc/1/{name} 2>/dev/null; true") as said:
                    found[name] = said.buffer.read()
            with machine.popen("cat /proc/1/comm; ls -l /proc/1/ 2>/dev/null; ps ax") as said:
                found["listed"] = said.buffer.read()
    return found, [os.fsencode(sys.executable), *map(os.fsencode, sys.argv)]


@both
def test_the_first_process_shows_nothing_of_the_host(user, tried):
    found, arguments = user(said_of_the_first_process)
    listed = found.pop("listed")
    assert found == dict.fromkeys(SHOWN, b"")
    assert listed.startswith(b"ostler-confined\n")
    assert b"not to be seen" not in listed
    assert not [word for word in arguments if word.startswith(b"/") and word in listed]
    tried(len(SHOWN))


def outlived(fork):
    """What a confined child's pipe gives when its starter is killed: its end, without a wait."""
    reading, writing = os.pipe()
    telling, told = os.pipe()
    with tempfile.TemporaryDirectory() as directory:
        starter = os.fork()
        if starter == 0:
            start_and_sleep(fork, directory, writing, told)
        os.close(writing)
        os.read(reading, 1)
        brother = int(os.read(telling, 20))
        try:
            os.kill(starter, signal.SIGKILL)
            os.waitpid(starter, 0)
            return bool(select.select([reading], [], [], 30)[0]) and os.read(reading, 1)
        finally:
            os.kill(brother, signal.SIGKILL)


def start_and_sleep(fork, directory, writing, told):
    machine = confined_among(directory, ostler.machines.SHELL)

    def brother():
        os.close(writing)
        os.write(told, b"%d" % os.getpid())
        time.sleep(1000)

    if fork == "before" and os.fork() == 0:
        brother()
    machine.posix_spawn(
        "/bin/sh", ["sh", "-c", "echo; sleep 1000 & wait"], {"PATH": "/bin:/usr/bin"},
        file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)],
    )  # fmt: skip
    os.close(writing)
    if fork == "after" and os.fork() == 0:
        os.write(told, b"%d" % os.getpid())
    time.sleep(1000)


@pytest.mark.parametrize("fork", ["before", "after"])
@both
def test_a_killed_starter_leaves_no_child_behind_though_a_forked_copy_lives(user, fork):
    assert user(outlived, fork) == b""


def after_the_maker():
    """A forked copy goes on with the machine after the process that made it has ended."""
    with tempfile.TemporaryDirectory() as directory:
        reading, writing = os.pipe()
        ready, go = os.pipe()
        maker = os.fork()
        if maker == 0:
            machine = confined_among(directory, ostler.machines.SHELL)
            machine.system("true")
            if os.fork() == 0:
                os.read(ready, 1)
                os.write(writing, b"%d" % machine.system("exit 3"))
            os._exit(0)
        os.waitpid(maker, 0)
        os.write(go, b"x")
        os.close(writing)
        return os.read(reading, 100)


@both
def test_a_forked_copy_has_namespaces_of_its_own_after_its_makers_end(user):
    assert user(after_the_maker) == b"%d" % (3 << 8)


def memory_that_is_written_twice():
    """How many bytes more there are in use when all of 256 MiB is written anew."""
    size = 256 << 20
    with tempfile.TemporaryDirectory() as directory:
        block = bytearray(size)
        block[::4096] = b"a" * (size // 4096)
        with confined_among(directory, ostler.machines.SHELL) as machine:
            machine.system("true")
            until = time.monotonic() + 30
            before = kept_by_children()
            while before > 1 << 20 and time.monotonic() < until:  # it is giving it back
                before = kept_by_children()
            block[::4096] = b"b" * (size // 4096)
            return before, kept_by_children()


def kept_by_children():
    """The memory that the children of this process alone hold, in bytes."""
    total = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/status") as file:
                status = dict(line.split(":", 1) for line in file)
        except OSError:
            continue
        if int(status["PPid"]) == os.getpid() and "VmRSS" in status:
            total += int(status["VmRSS"].split()[0]) * 1024
    return total


@both
def test_the_first_process_keeps_no_copy_of_its_makers_memory(user):
    for held in user(memory_that_is_written_twice):
        assert 0 < held < 1 << 20
