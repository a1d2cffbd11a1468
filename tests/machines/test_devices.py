"""/dev on a machine: its own descriptors by name, terminals, what a shell needs."""

import errno
import os
import tempfile

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines.among import confined_among
from tests.machines import as_self, as_user, kinds

both_users = pytest.mark.parametrize("user", [as_self, as_user])


KINDS = [kind for kind in kinds.WHOLE if kind is not kinds.whole_confined]  # see below


def code(function, *args):
    """What a call returns, or its errno's name."""
    try:
        return function(*args)
    except OSError as error:
        return errno.errorcode[error.errno]


def descriptors_by_name(make):
    found = []
    reading, writing = os.pipe()
    os.write(writing, b"pipe")
    with tempfile.TemporaryFile() as file, make() as machine:
        file.write(b"file")
        file.flush()
        for fd in (reading, file.fileno()):
            for path in (f"/dev/fd/{fd}", f"/proc/self/fd/{fd}", f"/dev/../dev/fd/{fd}"):
                found.append(os.path.samestat(machine.stat(path), os.fstat(fd)))
                found.append(machine.path.exists(path))
            again = machine.open(f"/dev/fd/{fd}", os.O_RDONLY)
            found.append(os.read(again, 100))
        found.append(machine.access("/dev/stdin", os.R_OK))
        found.append(machine.path.exists("/dev/stderr"))
        read_only = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
        for path, flags in (
            (f"/dev/fd/{reading}", os.O_WRONLY),  # no right that the descriptor lacks
            (f"/dev/fd/{read_only}", os.O_RDWR),
            (f"/dev/fd/{read_only}", os.O_RDONLY | os.O_TRUNC),
            (f"/dev/fd/{reading}", os.O_CREAT | os.O_EXCL),
            (f"/dev/fd/{reading}", os.O_NOFOLLOW),
            (f"/dev/fd/{reading}/", os.O_RDONLY),
            (f"/dev/fd/{os.open('/', os.O_RDONLY)}", os.O_RDONLY),  # leads on
            ("/dev/fd/400", os.O_RDONLY),
            ("/dev/fd/x", os.O_RDONLY),
            ("/proc/self/root", os.O_RDONLY),
            ("/proc/self/exe", os.O_RDONLY),
        ):
            found.append(code(machine.open, path, flags))
        found.append(code(machine.truncate, f"/dev/fd/{read_only}", 0))
        found.append(code(machine.chmod, f"/dev/fd/{read_only}", 0))
    return found


@both_users
@pytest.mark.parametrize("make", KINDS)
def test_descriptors_by_name(user, make):
    assert user(descriptors_by_name, make) == [
        *[True] * 6, b"pipe", *[True] * 6, b"file", True, True,
        "EACCES", "EACCES", "EACCES", "EEXIST", "ELOOP", "ELOOP", "ELOOP", "ENOENT", "ENOENT",
        "ELOOP", "ELOOP", "ELOOP", "ELOOP",
    ]  # fmt: skip


def by_a_link():
    with kinds.whole_scratch() as machine:
        machine.mkdir("/log")
        machine.symlink("/dev/stdin", "/log/access")
        machine.symlink("access", "/log/more")
        machine.symlink("loop", "/log/loop")
        machine.chdir("/log")
        same = os.path.samestat(machine.stat("more"), os.fstat(0))
        return same, code(machine.stat, "loop"), machine.readlink("/dev/stdin")


@both_users
def test_by_a_link(user):
    assert user(by_a_link) == (True, "ELOOP", "/proc/self/fd/0")


def test_a_confined_machine_has_none(tmp_path):
    with confined_among(tmp_path, SHELL) as machine:
        assert machine.path.lexists("/dev/stdin")
        for path in ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
            assert code(machine.stat, path) == code(machine.open, path, os.O_RDONLY) == "ELOOP"
    with ostler.scratch() as machine:
        assert code(machine.stat, "/dev/stdin") == "ENOENT"


SCRIPT = """
exec 3<<END
by number
END
cat /dev/fd/3
echo by name | cat /dev/stdin
echo out | tee /dev/stderr 2>/dev/null
test -r /dev/urandom && test -c /dev/null && test -w /dev/full && echo devices
echo x > /dev/shm/x && cat /dev/shm/x
echo x 2>/dev/null > /dev/full || echo full
"""


def shell(make):
    with make() as machine:
        said = machine.popen(SCRIPT).read()
        if machine.path.exists("/bin/bash"):
            said += machine.popen("bash -c 'cat <(echo one) <(echo two)'").read()
        else:
            said += "one\ntwo\n"
        return said


def confined_shell():
    return confined_among(tempfile.mkdtemp(), SHELL)


@both_users
@pytest.mark.parametrize("make", [kinds.whole_scratch, confined_shell])
def test_what_a_shell_expects(user, make):
    assert user(shell, make) == "by number\nby name\nout\ndevices\nx\nfull\none\ntwo\n"


def terminals(make):
    """The terminals that are seen there, whether a new one is to be had, and what a child has."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    with make() as machine:
        new = machine.popen("exec 3<>/dev/ptmx && ls /dev/pts").read()
        seen = machine.popen(f"test -e {name} && echo seen").read()
        pid = machine.posix_spawn(
            "/bin/sh", ["sh", "-c", "test -t 0 && echo said"], {},
            setsid=True,
            file_actions=[(os.POSIX_SPAWN_DUP2, slave, fd) for fd in range(3)],
        )  # fmt: skip
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = os.read(master, 100)
    return sorted(new.split()), "" if name == "/dev/pts/0" else seen, status, said


@both_users
@pytest.mark.parametrize("make", [kinds.whole_scratch, confined_shell])
def test_terminals_are_its_own(user, make):
    assert user(terminals, make) == (["0", "ptmx"], "", 0, b"said\r\n")
