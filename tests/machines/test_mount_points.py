"""Names that something is mounted at: what this process does there, and what a child does."""

import ctypes
import errno
import json
import os
import subprocess

import pytest

import ostler
from tests.machines.rehearsing import forked, put

NAMES = ["d", "d/", "f", "f/", "no", "dir", "dir/", "file", "file/", "sub/d", "sub", "sub/no", "."]
CALLS = ("unlink", "rmdir", "rename", "replace", "rename_noreplace", "exchange")
PROGRAM = """
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def renames(flags):
    def call(one, two, src_dir_fd=-100, dst_dir_fd=-100):
        if libc.renameat2(src_dir_fd, one.encode(), dst_dir_fd, two.encode(), flags):
            raise OSError(ctypes.get_errno(), "")
    return call
calls = {"rename_noreplace": renames(1), "exchange": renames(2)}
top = sys.argv[1]
fd = os.open(top + "sub", os.O_RDONLY)
for name, one, two, relative in json.load(sys.stdin):
    call = calls.get(name) or getattr(os, name)
    try:
        if two is None:
            call(one, dir_fd=fd) if relative else call(top + one)
        elif relative:
            call(one, top + two, src_dir_fd=fd)
        else:
            call(top + one, top + two)
    except OSError as error:
        print(error.errno)
    else:
        print(0)
"""


def here(m, asked):
    """The errno of each call in this process."""
    top = m.getcwd() + "/"
    fd = m.open("sub", os.O_RDONLY)
    found = []
    for name, one, two, relative in asked:
        call = getattr(m, name)
        try:
            if two is None:
                call(one, dir_fd=fd) if relative else call(top + one)
            elif relative:
                key = "first_dir_fd" if name == "exchange" else "src_dir_fd"
                call(one, top + two, **{key: fd})
            else:
                call(top + one, top + two)
        except OSError as error:
            found.append(error.errno)
        else:
            found.append(0)
    m.close(fd)
    return found


def in_a_child(m, asked):
    done = m.run(
        ["/usr/bin/python3", "-c", PROGRAM, f"{m.getcwd()}/"], input=json.dumps(asked).encode(),
        capture=True, check=True,
    )  # fmt: skip
    return [int(line) for line in done.stdout.split()]


@pytest.fixture
def machine(tmp_path):
    """A scratch in which a directory and a file of the host are shown, and a directory in one."""
    work = f"{tmp_path}/work"
    for name in ("d/in", "f", "sub/d/in"):
        put(f"{work}/{name}", "x")
    os.chmod(tmp_path, 0o755)
    shown = ["/usr", "/bin", "/lib", "/lib64", "/proc", f"{work}/d", f"{work}/f", f"{work}/sub/d"]
    bind = [path for path in shown if os.path.exists(path)]
    try:
        m = ostler.scratch(bind=bind)
    except ostler.MachineUnavailable as error:
        pytest.skip(f"no mounts here: {error}")
    with m:
        m.chdir(work)
        m.mkdir("dir")
        put_on(m, "file")
        yield m


def put_on(m, path):
    with m.open_file(path, "w") as file:
        file.write("x")


def all_calls():
    asked = []
    for call in CALLS[:2]:
        asked += [(call, name, None, False) for name in NAMES]
        asked += [(call, name, None, True) for name in ("d", "d/", "no")]
    for call in CALLS[2:]:
        asked += [(call, one, two, False) for one in NAMES for two in NAMES]
        asked += [(call, "d", two, True) for two in NAMES]
    return asked


def touches_a_mount(asked):
    _, one, two, relative = asked
    names = [f"sub/{one}" if relative else one, two or ""]
    return any(name.rstrip("/") in ("d", "f", "sub/d") for name in names)


def test_the_errors_are_those_of_a_child(machine):
    asked = [call for call in all_calls() if touches_a_mount(call)]
    expected = in_a_child(machine, asked)
    found = here(machine, asked)
    different = [(a, b, c) for a, b, c in zip(asked, found, expected, strict=True) if b != c]
    assert different == []
    assert errno.EBUSY in found
    assert len(asked) > 300


def test_nothing_is_gone_and_what_contains_a_mount_is_renamed(machine):
    here(machine, [call for call in all_calls() if touches_a_mount(call)])
    assert machine.listdir("d") == machine.listdir("sub/d") == ["in"]
    machine.rename("sub", "moved")
    assert machine.listdir("moved/d") == ["in"]
    with pytest.raises(OSError) as failed:
        machine.rmdir("moved/d")
    assert failed.value.errno == errno.EBUSY


def test_trees(machine):
    for call in (
        lambda: machine.trees.remove("sub/d"),
        lambda: machine.trees.remove("sub"),
        lambda: machine.trees.remove("d"),
    ):
        with pytest.raises(OSError) as failed:
            call()
        assert failed.value.errno in (errno.EBUSY, errno.EROFS)
    machine.mkdir("/new")
    put_on(machine, "/new/f")
    with pytest.raises(OSError) as failed:
        machine.trees.copy("/new", machine.getcwd(), existing="merge")
    assert failed.value.errno == errno.EBUSY
    machine.move("dir", "dir2")
    with pytest.raises(OSError) as failed:
        machine.move("d", "d2")
    assert failed.value.errno == errno.EBUSY
    assert machine.listdir("d") == ["in"]


def test_a_machine_without_mounts_is_as_ever():
    with ostler.scratch() as m:
        assert m._mounted == 0
        m.mkdir("/d")
        m.rmdir("/d")


def test_what_is_mounted_when_a_machine_is_made_counts(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    # What is in a path is in the kernel's table otherwise.
    base = f"{tmp_path}/a b\\c\td"
    for name in ("one", "two"):
        os.makedirs(f"{base}/{name}")

    def check():
        assert ctypes.CDLL(None).unshare(0x20000) == 0  # CLONE_NEWNS
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        mount = ["mount", "-t", "tmpfs", "none", f"{base}/one"]
        subprocess.run(mount, check=True)
        machines = ostler.confined(base), ostler.rehearsal(base)
        subprocess.run(["umount", f"{base}/one"], check=True)
        for m in machines:
            with pytest.raises(OSError) as failed:
                m.rmdir("/one")
            assert failed.value.errno == errno.EBUSY
        subprocess.run(["mount", "-t", "tmpfs", "none", f"{base}/two"], check=True)
        machines[1].discard()
        with pytest.raises(OSError) as failed:
            machines[1].rmdir("/two")
        assert failed.value.errno == errno.EBUSY
        machines[1].rmdir("/one")

    forked(check)


def test_a_single_file_that_is_mounted_can_be_read_in_a_rehearsal(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    base = f"{tmp_path}/base"
    put(f"{tmp_path}/source", "of the host")
    put(f"{base}/etc/hosts")
    put(f"{base}/etc/other", "other")

    def check():
        assert ctypes.CDLL(None).unshare(0x20000) == 0  # CLONE_NEWNS
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        command = ["mount", "--bind", f"{tmp_path}/source", f"{base}/etc/hosts"]
        subprocess.run(command, check=True)
        ostler.environ["XDG_STATE_HOME"] = f"{tmp_path}/state"
        for top, whole in (("", base), (base, "/")):
            with ostler.rehearsal(whole) as m:
                name = f"{top}/etc/hosts"
                assert m.open_file(name).read() == "of the host"
                for change in (
                    lambda m=m, name=name: m.open_file(name, "a"),
                    lambda m=m, name=name: m.chmod(name, 0o600),
                ):
                    with pytest.raises(OSError) as failed:
                        change()
                    assert failed.value.errno == errno.EROFS
                for change in (m.unlink, lambda name, m=m: m.rename(name, f"{name}2")):
                    with pytest.raises(OSError) as failed:
                        change(name)
                    assert failed.value.errno == errno.EBUSY
                m.write_atomic(f"{top}/etc/other", b"new")
                m.commit()
                assert m.open_file(name).read() == "of the host"
        subprocess.run(["umount", f"{base}/etc/hosts"], check=True)

    forked(check)
    with open(f"{base}/etc/other") as other, open(f"{base}/etc/hosts") as hosts:
        assert (other.read(), hosts.read()) == ("new", "")
