"""Children of a confined machine where namespaces are refused: Landlock alone, when asked for."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile

import pytest

import ostler
from tests.machines import as_self, as_user, containers
from tests.machines.test_confinement import ATTACKS, PYTHONS, START, Host, everybodys, needs
from tests.machines.test_life import held

if containers.numbers() is None:
    pytest.skip("the system calls' numbers of this architecture", allow_module_level=True)

# What Landlock alone does not refuse; the machine's guarantees say so.
OPEN = {
    "stat", "chmod", "utime", "setxattr", "unix socket", "udp", "shared memory", "pidfd",
}  # fmt: skip


def refused(function, *args):
    containers.refuse(containers.DEFAULT)
    return function(*args)


def tried(python):
    """The outcome of each attack by an ordinary user's child under Landlock alone."""
    top = tempfile.mkdtemp()
    os.chmod(top, 0o755)
    host = Host(top)
    try:
        before = held()
        outcomes = {}
        with ostler.confined(host.inside, weaker=True) as machine:
            said = machine.guarantees
            for name, text in ATTACKS.items():
                code = START + f"attempt({text.format(**vars(host))!r})"
                command = f"timeout 20 {shlex.quote(python)} -I -c {shlex.quote(code)} 2>&1"
                with machine.popen(command) as pipe:
                    outcomes[name] = pipe.read().strip()
        after = held()
        with open(host.secret) as file:
            return outcomes, said, file.read(), before, after
    finally:
        host.close()
        shutil.rmtree(top)


def test_attacks_by_an_ordinary_user():
    for python in PYTHONS:
        if python.startswith("/usr/") and needs(python) and everybodys(python):
            break
    else:
        pytest.skip("no interpreter among the host's programs")
    outcomes, said, secret, before, after = as_user(refused, tried, python)
    done = {name for name, outcome in outcomes.items() if not outcome.startswith("refused")}
    assert done <= OPEN
    assert "Landlock" in said["children"] and "Operation not permitted" in said["weaker"]
    for word in ("stat, chmod", "UDP", "shared memory", "Unix sockets outside"):
        assert word in said["open to children"]
    assert (secret, after) == ("secret", before)


def work_there(directory):
    """What a child of an ordinary user does with its directory, and elsewhere."""
    found = []
    with ostler.confined(directory, weaker=True) as machine:
        machine.mkdir("sub")
        machine.chdir("sub")
        found.append(machine.system("pwd > made; test -e ../file; echo $? >> made"))
        found.append(machine.system(f"echo x > /tmp/made-by-{os.getpid()} 2>/dev/null"))
        found.append(machine.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "kill -9 $$"]))
        done = machine.run(["sh", "-c", f"kill -0 {os.getpid()} || ls /proc /dev /etc"])
        found.append(done.status != 0)
        pid = machine.fork()
        if pid == 0:
            machine.execv("/bin/sh", ["sh", "-c", "exit 6"])
        found.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        with machine.open_file("made") as file:
            text = file.read()
    return found, text, os.path.exists(f"/tmp/made-by-{os.getpid()}")


@pytest.fixture
def directory():
    path = tempfile.mkdtemp()
    os.chmod(path, 0o777)
    open(os.path.join(path, "file"), "w").close()
    yield path
    shutil.rmtree(path)


def test_work_by_an_ordinary_user(directory):
    found, text, escaped = as_user(refused, work_there, directory)
    assert found[0] == 0 and found[1] != 0 and found[2:] == [-9, True, 6]
    assert text == f"{directory}/sub\n0\n"
    assert not escaped


def shell_in(directory):
    """A shell and what it needs, in a directory that is to be a root."""
    shell = os.path.realpath("/bin/sh")
    os.makedirs(f"{directory}/bin")
    shutil.copy(shell, f"{directory}/bin/sh")
    listed = subprocess.run(["ldd", shell], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        os.makedirs(directory + os.path.dirname(library), exist_ok=True)
        shutil.copy(os.path.realpath(library), directory + library)


def rooted(directory):
    found = []
    with ostler.confined(directory, weaker=True) as machine:
        said = machine.guarantees
        machine.mkdir("work")
        machine.chdir("work")
        for script in (
            "pwd > made",  # the machine's path
            "test -e /work/made && test ! -e /etc/passwd",
            f"kill -0 {os.getpid()} 2>&-",
            f"test -e {__file__}",
            "cd ../../../..; test -e /work/made && test ! -e ./etc",
            "test -r /theirs && read line < /theirs",  # no right over what is another's
        ):
            found.append(machine.system(script))
        with machine.open_file("made") as file:
            text = file.read()
    return found, text, said


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot is root's")
def test_roots_children_have_the_directory_as_their_root(directory):
    shell_in(directory)
    with open(f"{directory}/theirs", "w") as file:
        file.write("x\n")
    os.chown(f"{directory}/theirs", 65534, 65534)
    os.chmod(f"{directory}/theirs", 0o600)
    found, text, said = as_self(refused, rooted, directory)
    assert [status == 0 for status in found] == [True, True, False, False, True, False]
    assert text == "/work\n"
    assert "chroot" in said["children"] and "no capability" in said["children"]
    assert "stat" not in said["open to children"]


def not_asked_for(directory):
    with ostler.confined(directory) as machine:
        try:
            machine.system("true")
        except PermissionError:
            return machine.guarantees


@pytest.mark.parametrize("user", [as_self, as_user])
def test_nothing_is_weaker_unasked(user, directory):
    said = user(refused, not_asked_for, directory)
    assert said["children"].startswith("none") and "weaker" not in said
    with ostler.confined(directory, weaker=True) as machine:
        assert "namespaces" in machine.guarantees["children"]
