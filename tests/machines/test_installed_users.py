"""Installed, as root: programs that subprocess starts as another user."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

import ostler
from tests.machines import kinds

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")

USER = 65534
WHO = "id -u; id -g; id -G; id -ru; umask; echo it >made; stat -c %u:%g:%a made; rm made; pwd"
RIGHTS = "grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs):' /proc/self/status"


def become(*steps):
    def preexec():
        for name, argument in steps:
            getattr(os, name)(argument)

    return preexec


WAYS = {
    "user": {"user": USER},
    "user and group": {"user": USER, "group": USER},
    "all": {"user": USER, "group": 1000, "extra_groups": [1000, 1001]},
    "group": {"group": USER},
    "no groups": {"extra_groups": []},
    "in Python": {"preexec_fn": become(("setgroups", [1000]), ("setgid", USER), ("setuid", USER))},
    "effective in Python": {"preexec_fn": become(("seteuid", USER))},
    "both": {"preexec_fn": become(("umask", 0o027)), "user": USER},
    "with a umask": {"user": USER, "umask": 0o077},
}
KINDS = {
    "scratch": kinds.whole_scratch,
    "confined": kinds.whole_confined,
    "confined, weaker": lambda: ostler.confined("/", weaker=True),
    "rehearsal": kinds.whole_rehearsal,
}


def run(program, folder, options):
    done = subprocess.run(
        ["/bin/sh", "-c", program], capture_output=True, text=True, cwd=folder, **options
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder():
    """A directory that everybody may go to."""
    path = tempfile.mkdtemp(prefix="ostler-users-")
    os.chmod(path, 0o777)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=KINDS)
def machine(request, folder):
    """A machine with a shell and the directory."""
    with KINDS[request.param]() as made:
        if request.param == "scratch":
            made.makedirs(folder)
            made.chmod(folder, 0o777)
        yield made


@pytest.mark.parametrize("way", WAYS)
def test_programs_as_another_user(machine, folder, way):
    expected = run(WHO, folder, WAYS[way])
    with machine.installed():
        assert run(WHO, folder, WAYS[way]) == expected
    assert expected[0] == 0 and os.listdir(folder) == []


@pytest.mark.parametrize("options", [WAYS["user"], WAYS["in Python"]], ids=["user", "in Python"])
def test_what_that_user_may_not_reach_of_the_search_path_is_passed_over(machine, folder, options):
    def tell(name):
        try:
            return subprocess.run([name, "-u"], capture_output=True, **options).stdout
        except OSError as error:
            return type(error), error.errno, error.filename

    for m in (machine, ostler.host):
        if m.path.lexists(f"{folder}/plain"):
            continue  # a confined machine's files are the host's
        m.makedirs(f"{folder}/closed/in")
        m.chmod(f"{folder}/closed", 0o700)
        m.create_file(f"{folder}/plain", "not to be run")
    searched = os.environ["PATH"]
    found = []
    for place in (contextlib.nullcontext(), machine.installed()):
        with place, pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{folder}/closed/in:{folder}/plain:{folder}:{searched}")
            found.append([tell("id"), tell("plain"), tell("no-such-program")])
    assert found[0] == found[1]
    assert found[0][0] == b"65534\n"
    assert found[0][1][1] == errno.EACCES


def test_they_have_no_rights_of_roots(machine, folder):
    for way in ("user", "all", "in Python", "both"):
        expected = run(RIGHTS, folder, WAYS[way])
        with machine.installed():
            code, found, said = run(RIGHTS, folder, WAYS[way])
        # The children of a confined machine get none, whatever they run.
        assert (code, found.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0"), said) == expected
        assert "CapPrm:\t0000000000000000" in found and "CapEff:\t0000000000000000" in found


def test_nor_has_python_before_them(machine, folder):
    """What is done between the change of user and the program is done as that user."""
    machine.mkdir(f"{folder}/private", 0o700)

    def preexec():
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)
        for act in (
            lambda: os.mkdir(f"{folder}/private/x"),
            lambda: os.listdir(f"{folder}/private"),
            lambda: os.chown(folder, USER, USER),
            lambda: os.setuid(0),
        ):
            try:
                act()
            except PermissionError:
                continue
            os._exit(99)
        os.mkdir(f"{folder}/own")

    with machine.installed():
        assert run("id -u", folder, {"preexec_fn": preexec}) == (0, f"{USER}\n", "")
        assert os.stat(f"{folder}/own").st_uid == USER
        assert os.listdir(f"{folder}/private") == []
        os.mkdir(f"{folder}/bin", 0o700)
        with pytest.raises(PermissionError):  # a program, or a directory, that it may not enter
            run("true", f"{folder}/bin", {"user": USER})
        with open(f"{folder}/bin/program", "w") as program:
            program.write("#!/bin/sh\n")
        os.chmod(f"{folder}/bin/program", 0o755)
        with pytest.raises(PermissionError):
            subprocess.run([f"{folder}/bin/program"], user=USER)
        os.rmdir(f"{folder}/own")
        shutil.rmtree(f"{folder}/bin")
        os.rmdir(f"{folder}/private")


def test_who_stands_for_a_child_has_no_rights(folder):
    """A confined machine's child has a process on the host that stands for it."""
    with ostler.confined("/") as machine:
        with machine.installed():
            child = subprocess.Popen(["/bin/cat"], user=USER, stdin=subprocess.PIPE, cwd=folder)
        with open(f"/proc/{child.pid}/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        child.communicate()
    assert child.returncode == 0
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")} == {0}
    assert fields["Uid"].split() == [str(USER)] * 4


def test_one_fork_for_one_program():
    """Before 3.13 the question whether one may fork at all came back as one more program."""
    code = """
import os, subprocess, ostler
count = []
os.register_at_fork(before=lambda: count.append(1))
ostler.register_at_fork(before=lambda: count.append(1))
with ostler.scratch(bind=ostler.machines.SHELL) as m, m.installed():
    subprocess.run(["/bin/sh", "-c", "true"], user=65534, check=True)
    print(len(count))
    pid = ostler.host.fork()
    if pid == 0:
        ostler.host._exit(7)
    print(len(count), ostler.host.waitpid(pid, 0)[1] >> 8)
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.stderr) == ("2\n4 7\n", "")
