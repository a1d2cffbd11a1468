"""`ostler exec` and `ostler run` with a machine: the whole process tree is on it."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ostler.cli import UsageError, machine
from ostler.cli import main as command_line
from ostler.machines import SHELL
from ostler.machines.among import confined_among
from tests.command_line import has_rehearsals
from tests.machines import as_user

SOURCE = Path(__file__).resolve().parents[1] / "src"


def ostler(*arguments, cwd, variables=(), **kwargs):
    """Run the command line; the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "ostler", *arguments],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(SOURCE), **dict(variables)},
        text=True, capture_output=True, timeout=60, **kwargs,
    )  # fmt: skip


def test_an_option_that_is_misspelt(tmp_path):
    for name in ("exec", "run"):
        for option, meant in (("--scrach", "--scratch"), ("--readonly", "--read-only"), ("-z", "")):
            done = ostler(name, option, "true", cwd=tmp_path)
            hint = f"; do you mean {meant}?" if meant else ""
            assert done.returncode == 2
            assert done.stderr == (
                f"ostler: {name}: no option {option}{hint} (ostler {name} --help tells more)\n"
            )


def test_a_size_that_is_none(tmp_path):
    done = ostler("exec", "--scratch=64Q", "true", cwd=tmp_path)
    assert done.returncode == 125
    assert done.stderr.startswith("ostler: size: not a size: '64Q' (a number, and K, M")


# Each opens a file by other means than os's functions.
WAYS = {
    "built-in open": "open('it', 'w').write('x')",
    "sqlite": "import sqlite3 as s; c = s.connect('it'); c.execute('create table t(a)'); c.close()",
    "C": "import ctypes; ctypes.CDLL(None).open(b'it', 0o101, 0o644)",
    "a shell": "import subprocess; subprocess.run('echo x > it', shell=True, check=True)",
    "a grandchild": 'import os; os.system(\'sh -c "sh -c \\"echo > it\\""\')',
    "os": "import os; os.close(os.open('it', os.O_CREAT | os.O_WRONLY))",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["--scratch", "--rehearse"])
def test_whatever_writes_does_not_write_here(tmp_path, kind, way):
    code = WAYS[way] + "; import os; print(os.path.exists('it'))"
    done = ostler("run", kind, "-c", code, cwd=tmp_path)
    assert (done.stdout.strip()[-4:], done.stderr, done.returncode) == ("True", "", 0)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("way", WAYS)
def test_read_only(tmp_path, way):
    (tmp_path / "there").write_text("seen")
    code = f"print(open('there').read())\ntry:\n    {WAYS[way]}\nexcept Exception: pass"
    done = ostler("run", "--read-only", "-c", code, cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("seen\n", 0)
    assert os.listdir(tmp_path) == ["there"]


@pytest.mark.parametrize("kind", ["--scratch", "--rehearse", "--read-only", "--confine=."])
@pytest.mark.parametrize("end", ["exit 0", "exit 7", "exit 255", "kill -9 $$", "kill -TERM $$"])
def test_exit_status_is_the_programs(tmp_path, kind, end):
    plain = subprocess.run(["sh", "-c", end]).returncode
    assert ostler("exec", kind, "sh", "-c", end, cwd=tmp_path).returncode == plain


@pytest.mark.parametrize(
    "words",
    [
        ["exec"], ["exec", "--scratch"], ["exec", "--rehearse"], ["exec", "--read-only"],
        ["exec", "--confine", "."], ["exec", "--kept", "kept"], ["rehearse", "--discard"],
        ["record"], ["record", "--exact"], ["find", "place", "--exec"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_program_is_ended_when_nobody_reads_it_any_more(tmp_path, words):
    # As it is without ostler: the interpreter ignores these signals for itself alone.
    (tmp_path / "place" / "it").mkdir(parents=True)
    for name in ("PIPE", "XFSZ"):
        done = ostler(*words, "sh", "-c", f"kill -{name} $$; echo it lives", cwd=tmp_path)
        assert "it lives\n" not in done.stdout
        assert done.returncode != 0


@pytest.mark.parametrize("kind", ["--scratch", "--rehearse", "--read-only", "--confine=."])
def test_signals_reach_the_program(tmp_path, kind):
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        # Not at once: the signal may come between the two, and 3.14 looks for it after the second.
        "for _ in range(600): time.sleep(0.1)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "ostler", "run", kind, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(SOURCE)}, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 42


def test_a_command_keeps_its_terminal(tmp_path):
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = str(SOURCE)
        command = [sys.executable, "-m", "ostler", "exec", "--scratch", "tty"]
        os.execv(sys.executable, command)
    said = b""
    while True:
        try:
            said += os.read(terminal, 1024)
        except OSError:
            break
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert said == b"/dev/console\r\n"  # its own pts has only new ones


def test_size(tmp_path):
    for given in (["--scratch", "1M"], ["--scratch=1M"]):
        done = ostler(
            "exec", *given, "sh", "-c", "head -c 2000000 /dev/zero > big; stat -c %s big",
            cwd=tmp_path,
        )  # fmt: skip
        assert int(done.stdout) <= 1 << 20
        assert "No space left" in done.stderr


def test_scratch_stands_in_an_empty_directory(tmp_path):
    """As -m pytest does not look for tests in all that is shown of the host."""
    for arguments in (
        ["exec", "--scratch", "sh", "-c", "pwd; ls -A; : > file"],
        ["run", "--scratch", "-c", "import os; print(os.getcwd(), *os.listdir()); open('f', 'w')"],
    ):
        done = ostler(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"/work[0-9]*\n", done.stdout)
    assert os.listdir(tmp_path) == []


def test_a_script_finds_its_neighbours(tmp_path):
    (tmp_path / "neighbour.py").write_text("name = 'neighbour'")
    (tmp_path / "script.py").write_text(
        "import os, sys, neighbour; print(neighbour.name, sys.argv[1:], os.chmod_tree.__name__)"
    )
    for kind in ("--scratch", "--rehearse", "--read-only", "--confine=."):
        done = ostler("run", kind, "script.py", "-x", "--scratch", cwd=tmp_path)
        assert (done.stdout, done.stderr) == ("neighbour ['-x', '--scratch'] chmod_tree\n", "")


def test_confine_shows_the_directory_and_nothing_else(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_text("secret")
    (inside / "file").write_text("x")
    done = ostler(
        "exec", "--confine", "inside", "sh", "-c", "pwd; ls; ls ..; echo y > new; cat ../secret",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.split() == [str(inside), "file", "inside"]
    assert "secret" in done.stderr and done.returncode == 1
    assert (inside / "new").read_text() == "y\n"


def test_confine_opens_once_more_what_lies_inside_and_nothing_else(tmp_path):
    """A descriptor from outside leads to its file by way of the host's mounts."""
    for name in ("inside/deep", "shown", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("old")
    again = "echo new > /proc/self/fd/0; cat /proc/self/fd/0; echo said > /dev/stderr; exit 0"
    found = {}
    with confined_among(str(tmp_path / "inside"), [*SHELL, str(tmp_path / "shown")]) as machine:
        for name in ("inside/deep", "shown", "elsewhere"):
            with open(tmp_path / name / "file") as given:
                done = machine.run(["sh", "-c", again], stdin=given, capture=True)
            found[name] = (tmp_path / name / "file").read_text(), done.stdout, done.stderr
    assert found["inside/deep"] == ("new\n", b"new\n", b"said\n")
    for name in ("shown", "elsewhere"):
        assert found[name][:2] == ("old", b"")
        assert b"Permission denied" in found[name][2]
    code = f"exec {sys.executable} -m ostler exec --confine . sh -c 'echo said >/dev/stderr' 2>log"
    subprocess.run(
        ["sh", "-c", code], cwd=tmp_path / "inside", env={**os.environ, "PYTHONPATH": str(SOURCE)}
    )
    assert (tmp_path / "inside" / "log").read_text() == "said\n"


def test_confine_to_all_that_the_host_has(tmp_path):
    (tmp_path / "file").write_text("x")
    script = "pwd; cat file; echo y > new; cat /proc/1/cmdline; : > /proc/sys/kernel/core_pattern"
    done = ostler("exec", "--confine", "/", "sh", "-c", script, cwd=tmp_path)
    assert done.stdout == f"{tmp_path}\nx", done.stderr
    assert "Read-only file system" in done.stderr and done.returncode == 2
    assert (tmp_path / "new").read_text() == "y\n"


@pytest.mark.parametrize(
    "arguments, status",
    [
        (["exec", "--scratch", "no-such-command"], 127),
        (["exec", "no-such-command"], 127),
        (["exec", "--scratch", "/etc"], 126),
        (["exec", "--scratch=0", "true"], 125),
        (["exec", "--scratch=many", "true"], 125),
        (["exec", "--confine", "missing", "true"], 125),
        (["exec"], 2),
        (["exec", "--scratch"], 2),
        (["exec", "--confine"], 2),
        (["exec", "--unknown", "true"], 2),
        (["exec", "--read-only=x", "true"], 2),
        (["exec", "--scratch", "--rehearse", "true"], 2),
        (["exec", "--network", "true"], 2),
        (["exec", "--env", "A", "true"], 2),
        (["exec", "--scratch", "--env"], 2),
        (["exec", "--scratch", "--env==x", "true"], 2),
        (["exec", "--scratch", "--keep-env", "--clean-env", "true"], 2),
        (["run", "--scratch"], 2),
        (["run", "--scratch", "--what", "x.py"], 2),
    ],
)
def test_what_can_not_be(tmp_path, arguments, status):
    done = ostler(*arguments, cwd=tmp_path)
    assert done.returncode == status
    assert done.stderr.startswith(("ostler: ", "usage: "))
    assert "Traceback" not in done.stderr


def test_help(tmp_path):
    for name in ("exec", "run"):
        done = ostler(name, "--help", cwd=tmp_path)
        assert done.returncode == 0 and "--rehearse" in done.stdout


def test_taking_apart():
    choice, rest = machine.take(["--scratch", "64M", "x", "--rehearse"], "exec")
    assert (choice.kind, choice.size, rest) == ("scratch", "64M", ["x", "--rehearse"])
    choice, rest = machine.take(["--scratch", "x64M"], "exec")
    assert (choice.size, rest) == (None, ["x64M"])
    with pytest.raises(UsageError):
        machine.take(["--confine", "a", "--confine", "b"], "exec")


def run_as_user(kind, directory):
    """In a child that is an ordinary user: what a command there says and does."""
    os.chdir(directory)
    pid = os.fork()
    if pid == 0:
        out = os.open("out", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        command_line(["exec", *kind, "sh", "-c", "id -u; echo x > it; ls it"])
        os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with open("out") as out:
        return status, out.read().splitlines(), os.path.exists("it")


@pytest.mark.parametrize("kind", [["--scratch"], ["--rehearse"], ["--confine", "."]])
def test_as_an_ordinary_user(tmp_path_factory, kind):
    import shutil
    import tempfile

    directory = tempfile.mkdtemp()
    if os.geteuid() == 0:
        os.chown(directory, 65534, 65534)
    try:
        status, said, left = as_user(run_as_user, kind, directory)
        assert status == 0, said
        assert said[:2] == [str(os.geteuid() or 65534), "it"]
        assert left is (kind[0] == "--confine")
    finally:
        shutil.rmtree(directory)


def test_nothing_stays(tmp_path):
    def mounts():
        return Path("/proc/self/mountinfo").read_text()

    before = mounts()
    for kind in ("--scratch", "--rehearse", "--read-only", "--confine=."):
        done = ostler("exec", kind, "sh", "-c", "echo $$; sleep 0", cwd=tmp_path)
        assert done.returncode == 0
    assert mounts() == before
    assert os.listdir(tmp_path) == []


def variables(directory, *arguments, **given):
    """The environment of a command that is run with these arguments."""
    done = ostler("exec", *arguments, "env", "-0", cwd=directory, variables=given)
    assert done.stderr == ""
    return dict(line.split("=", 1) for line in done.stdout.split("\0")[:-1])


def test_a_confined_program_gets_no_secrets(tmp_path):
    given = {"TOKEN": "secret", "TZ": "UTC", "LC_TIME": "C"}
    found = variables(tmp_path, "--confine", ".", **given)
    assert {"TOKEN", "PYTHONPATH"}.isdisjoint(found)
    assert found["TZ"] == "UTC" and found["LC_TIME"] == "C" and found["PATH"] == os.environ["PATH"]
    found = variables(
        tmp_path, "--confine", ".", "--env", "TOKEN", "--env=A=b=c", "--env", "NO_SUCH_1", **given
    )
    assert (found["TOKEN"], found["A"]) == ("secret", "b=c") and "NO_SUCH_1" not in found
    assert variables(tmp_path, "--keep-env", "--confine", ".", **given)["TOKEN"] == "secret"
    assert variables(tmp_path, "--scratch", **given)["TOKEN"] == "secret"
    assert "TOKEN" not in variables(tmp_path, "--scratch", "--clean-env", **given)
    done = ostler(
        "run", "--confine", ".", "-c",
        "import os; print('TOKEN' in os.environ, hasattr(os, 'exchange'))",
        cwd=tmp_path, variables=given,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("False True\n", "")


def test_a_word_that_is_no_size_but_looks_like_one(tmp_path):
    """It is said of the size, and not of a command of that name, unless there is one."""
    for word in ("1Q", "64MM"):
        done = ostler("exec", "--scratch", word, "true", cwd=tmp_path)
        assert (done.returncode, "not a size: " in done.stderr) == (125, True), done.stderr
    (tmp_path / "1Q").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "1Q").chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = ostler("exec", "--scratch", "1Q", "true", cwd=tmp_path, variables=path)
    assert "not a size" not in done.stderr


REMOVED = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'


@pytest.mark.parametrize(
    "words",
    [
        "exec --kept {0}/k --point -- ls", "rehearse --kept {0}/k ls", "rehearse --discard ls",
        "shell", "shell --kept {0}/k", "record ls", "record --path p ls", "exec --rehearse ls",
        "exec --read-only ls", "exec --confine {0} ls", "run --rehearse -c 1",
        "record --rehearse ls",
    ],
)  # fmt: skip
def test_nothing_is_run_elsewhere_where_the_working_directory_was_removed(tmp_path, words):
    if ("exec" not in words or "kept" in words or "rehearse" in words) and not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")
    program = [sys.executable, "-m", "ostler", *words.format(tmp_path).split()]
    done = subprocess.run(
        ["sh", "-c", REMOVED, "sh", *program], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode in (1, 125) and done.stdout == ""
    assert done.stderr == "ostler: the working directory was removed: go to one that is there\n"
    assert not (tmp_path / "k").exists()


def test_nothing_is_run_elsewhere_where_the_machine_has_no_such_directory(tmp_path):
    if not has_rehearsals():
        pytest.skip("this kernel, or this user, can't have a rehearsal")
    (tmp_path / "d").mkdir()
    kept = str(tmp_path / "k")
    assert ostler("exec", "--kept", kept, "rmdir", "d", cwd=tmp_path).returncode == 0
    for words in (["exec", "--kept", kept, "ls"], ["rehearse", "--kept", kept, "ls"],
                  ["shell", "--kept", kept]):  # fmt: skip
        done = ostler(*words, cwd=tmp_path / "d", stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr == f"ostler: {tmp_path}/d: it is not there on the machine\n"
