"""Descriptors that are given to the children of a read-only confined machine: read, and no more."""

import os
import tempfile

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines.among import confined_among
from tests.machines import as_self, as_user

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


def taken_back(directory):
    machine = made_read_only(directory)
    machine.read_only_now(False)
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


@pytest.mark.skipif(os.geteuid() != 0, reason="what is locked in a user namespace stays so")
def test_what_can_be_changed_again_can_be():
    said, names, text = given(taken_back, SCRIPT)
    assert said[0] == "old" and "new" in names and text is None


@pytest.mark.parametrize("user", [as_self, as_user])
@pytest.mark.parametrize("make", [at_root, made_read_only])
def test_the_kernels_own_is_written_to(make, user):
    assert user(given, make, STILL)[0] == ["said"]
