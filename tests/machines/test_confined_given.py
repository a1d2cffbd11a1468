"""Descriptors that are given to the children of a read-only confined machine: read, and no more."""

import ctypes
import errno
import os
import subprocess
import tempfile

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines.among import confined_among
from tests.machines import as_self, as_user
from tests.machines.test_landlock import shell_in

SCRIPT = """
read line < /dev/fd/{file}; echo "$line"
(echo new > /dev/fd/{file}) 2>&- || echo refused
(: >> /proc/self/fd/{file}) 2>&- || echo refused
(: > /proc/self/fd/{directory}/new) 2>&- || echo refused
rm -f /proc/self/fd/{directory}/file 2>&- || echo refused
mv /proc/self/fd/{directory}/file /proc/self/fd/{directory}/moved 2>&- || echo refused
ln /proc/self/fd/{directory}/file /proc/self/fd/{directory}/linked 2>&- || echo refused
"""
# What is no file of the host's can be written to.
STILL = """
for name in null zero full; do (: > /dev/$name) || echo "not $name"; done
echo said > /dev/stdout
echo 500 > /proc/self/oom_score_adj || echo "not proc"
(exec 3<> /dev/ptmx) || echo "not ptmx"
"""


def at_root(directory):
    return ostler.confined("/", read_only=True)


def made_read_only(directory):
    machine = ostler.confined("/")
    machine.system("true")  # its namespaces are there already
    machine.read_only_now()
    return machine


def among(directory):
    machine = confined_among(directory, SHELL)
    machine.system("true")
    machine.read_only_now()
    return machine


def given(make, script):
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "file")
        with open(name, "w") as file:
            file.write("old\n")
        reader, writer = os.pipe()
        fds = [os.open(name, os.O_RDONLY), os.open(directory, os.O_RDONLY)]
        actions = [
            (os.POSIX_SPAWN_DUP2, writer, 1),
            (os.POSIX_SPAWN_DUP2, fds[0], 8),
            (os.POSIX_SPAWN_DUP2, fds[1], 9),
        ]
        with make(directory) as machine:
            arguments = ["sh", "-c", script.format(file=8, directory=9)]
            pid = machine.posix_spawn("/bin/sh", arguments, {}, file_actions=actions)
            for fd in (*fds, writer):
                os.close(fd)
            with open(reader) as pipe:
                said = pipe.read().split()
            os.waitpid(pid, 0)
        names = os.listdir(directory)
        if "file" not in names:
            return said, names, None
        with open(name) as file:
            return said, names, file.read()


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("make", [at_root, made_read_only])
def test_what_is_given_for_reading_is_not_opened_for_writing(make, user):
    assert user(given, make, SCRIPT) == (["old", *["refused"] * 6], ["file"], "old\n")


@pytest.mark.parametrize("user", [as_self, as_user])
def test_nor_beside_the_programs_of_the_host(user):
    said, names, text = user(given, among, SCRIPT)
    assert said[-6:] == ["refused"] * 6 and names == ["file"] and text == "old\n"


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("make", [at_root, made_read_only])
def test_the_kernels_own_is_written_to(make, user):
    assert user(given, make, STILL)[0] == ["said"]


def taken_back():
    with tempfile.TemporaryDirectory() as directory:
        shell_in(directory)
        with ostler.confined(directory) as machine:
            found = []
            for on in (True, False):
                machine.read_only_now(on)
                found.append(machine.system("echo new > /new") == 0)
            return found, os.path.exists(f"{directory}/new")


@pytest.mark.parametrize("user", [as_self, as_user])
def test_what_is_taken_back_can_be_written_to(user):
    assert user(taken_back) == ([False, True], True)


def closed_in_part(how):
    assert ctypes.CDLL(None).unshare(0x20000) == 0  # CLONE_NEWNS
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with tempfile.TemporaryDirectory() as directory:
        top, part = f"{directory}/top", f"{directory}/top/part"
        os.makedirs(part)
        closed = part if how == "below" else top
        subprocess.run(["mount", "--bind", closed, closed], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", closed], check=True)
        found = []
        for made_so in (False, True):
            with ostler.confined(top, read_only=made_so) as machine:
                if not made_so:
                    machine.read_only_now(False)  # there is nothing to be taken back
                    machine.read_only_now()
                try:
                    machine.read_only_now(False)
                    found.append("taken back")
                except PermissionError as error:
                    found.append(error.errno)
                try:
                    machine.create_file("/part/new", "x")
                    found.append("written")
                except OSError as error:
                    found.append(error.errno)
        subprocess.run(["umount", closed], check=True)
        return found, os.listdir(part)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts are root's")
@pytest.mark.parametrize("how", ["below", "itself"])
def test_what_the_host_has_read_only_stays_so(how):
    found, names = as_self(closed_in_part, how)
    assert (found, names) == ([errno.EPERM, errno.EROFS] * 2, [])
