"""Where mounts are refused: what can be had by asking for it, and that nothing of it stays."""

import ctypes
import errno
import gc
import os
import signal

import pytest

import ostler
from tests import parity
from tests.machines import as_self, as_user, containers, test_contract
from tests.machines.test_life import held

if containers.numbers() is None:
    pytest.skip("the system calls' numbers of this architecture", allow_module_level=True)

both_users = pytest.mark.parametrize("user", [as_self, as_user])
every_profile = pytest.mark.parametrize("profile", containers.PROFILES)


def refused(profile, function, *args):
    """Call a function where a container's profile refuses what it refuses."""
    containers.refuse(containers.PROFILES[profile])
    return function(*args)


def left(pid=None):
    """What machines of a process, this one, have left in the places for their directories."""
    mine = f"ostler-machine-{pid or os.getpid()}-"
    places = {"/dev/shm", "/tmp", "/var/tmp", os.environ.get("TMPDIR", "/tmp")}
    return [n for place in places for n in os.listdir(place) if n.startswith(mine)]


def without_asking():
    found = []
    for options in ({}, {"size": "1M", "weaker": True}, {"bind": ["/usr"], "weaker": True}):
        try:
            ostler.scratch(**options).close()
        except ostler.MachineUnavailable as error:
            found.append((error.reason, error.what_would_help))
    return found, left()


@both_users
@every_profile
def test_a_scratch_machine_is_not_weaker_unasked(profile, user):
    found, stays = user(refused, profile, without_asking)
    (_, plain), (limits, _), (binds, _) = found
    assert "weaker=True" in plain
    assert "no limits" in limits and "no binds" in binds
    assert stays == []


def used():
    before = held()
    with ostler.scratch(weaker=True) as machine:
        there = len(left())
        machine.makedirs("a/b")
        machine.chmod("/", 0o700)
        machine.chmod("a", 0o750)
        machine.setxattr("a", "user.x", b"1")
        machine.symlink("/../../../etc", "a/out")
        machine.chdir("a")
        with machine.open_file("../f", "w") as file:
            file.write("text")
        found = [
            machine.getcwd(),
            sorted(machine.listdir("/")),
            machine.path.realpath("out"),
            machine.path.exists("out"),
            machine.stat("/a").st_mode & 0o7777,
            machine.getxattr("/a", "user.x"),
            [path for path, _, _ in machine.walk("/")],
            str(machine.trees.count("/").files),
        ]
        machine.chmod("b", 0)
        for refused_call in (
            lambda: machine.system("true"),
            lambda: machine.resize("1M"),
            machine.read_only_now,
        ):
            try:
                refused_call()
                found.append("done")
            except OSError as error:
                found.append(type(error).__name__)
        said = machine.guarantees
    return found, there, left(), before, held(), said


@both_users
@every_profile
def test_a_scratch_machine_that_is_a_directory(profile, user):
    found, there, stays, before, after, said = user(refused, profile, used)
    assert found == [
        "/a", ["a", "f"], "/etc", False, 0o750, b"1", ["/", "/a", "/a/b"], "1",
        "PermissionError", "MachineUnavailable", "MachineUnavailable",
    ]  # fmt: skip
    assert (there, stays, after) == (1, [], before)
    assert "no limits" in said["files"] and said["children"].startswith("none")
    assert "can't be made" in said["weaker"]
    assert ("openat2 is refused" in said["paths"]) == (profile == "no openat2")


def test_it_is_weaker_only_where_it_must_be():
    with ostler.scratch(size="1M", weaker=True) as machine:
        assert "weaker" not in machine.guarantees
        assert machine.statvfs("/").f_blocks * machine.statvfs("/").f_frsize == 1 << 20


def collected():
    machine = ostler.scratch(weaker=True)
    machine.mkdir("d")
    there = left()
    pid = os.fork()
    if pid == 0:  # what a child does to its copy is not the machine's end
        try:
            machine.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    alive = machine.listdir("/")
    del machine
    gc.collect()
    return len(there), alive, left()


@both_users
def test_a_directory_is_gone_with_its_machine(user):
    assert user(refused, "container", collected) == (1, ["d"], [])


def killed():
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        machine = ostler.scratch(weaker=True)
        machine.makedirs("a/b")
        machine.chmod("a", 0)
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    other = ostler.scratch(weaker=True)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    names = left(pid)
    ostler.scratch(weaker=True).close()
    other.mkdir("x")  # one that lives is left alone
    other.close()
    return len(names), left(pid)


@both_users
def test_what_a_killed_process_left_goes_with_the_next(user):
    assert user(refused, "container", killed) == (1, [])


def directory_kind(directory):
    machine = ostler.scratch(weaker=True)
    machine.makedirs(directory)
    machine.mkdir("/tmp")
    machine.chdir(directory)
    return machine


directory_kind.__name__ = "whole_scratch"


@pytest.mark.parametrize(
    "name", [n for n in sorted(parity.CASES) if n.split(".")[0] in ("files", "directories")]
)
def test_it_does_what_os_does(name):
    known = test_contract.reason(test_contract.NOT_THERE, name, directory_kind)
    if known:
        pytest.skip(known)
    expected, found = as_self(refused, "container", test_contract.compare, name, directory_kind)
    assert found == expected


def no_user_namespaces(function):
    """Call a function where no more user namespaces are allowed."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(0x10000000) == 0  # CLONE_NEWUSER
    for name, text in (
        ("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1"),
    ):  # fmt: skip
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    with open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")
    return function()


@both_users
def test_no_user_namespaces(user):
    found, stays = user(no_user_namespaces, without_asking)
    reason, help_ = found[0]
    assert os.strerror(errno.ENOSPC) in reason
    assert "max_user_namespaces" in help_ and "weaker=True" in help_
    assert stays == []
    assert user(no_user_namespaces, used)[0][0] == "/a"
