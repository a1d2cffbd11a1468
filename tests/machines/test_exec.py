"""exec*() on a machine: same process, its files and directory; what fails leaves all as it was."""

import errno
import os
import signal
import tempfile
import threading
import time

import pytest

import ostler
from ostler.machines import SHELL
from ostler.machines.among import confined_among
from tests.machines import as_self, as_user, kinds

both_users = pytest.mark.parametrize("user", [as_self, as_user])


def scratch():
    machine = ostler.scratch(bind=SHELL)
    machine.mkdir("/place")
    machine.chdir("/place")
    return machine


KINDS = [kind for kind in kinds.WHOLE if kind is not kinds.whole_confined]


def threads(count):
    """Start threads that live on; all of a Python program's would be waiting for its lock."""
    for _ in range(count):
        started = threading.Event()
        threading.Thread(target=lambda s=started: (s.set(), time.sleep(60)), daemon=True).start()
        started.wait()


def in_child(work):
    """Do this in a child; what it wrote to its standard output, its status, its pid."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(writing, 1)
            work()
        except OSError as error:
            os.write(1, f"{errno.errorcode.get(error.errno)}\n".encode())
        finally:
            os._exit(99)
    os.close(writing)
    with open(reading) as stream:
        said = stream.read()
    return said, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), pid


def becomes(make, count):
    def work():
        machine = make("/usr")
        machine.environ["GREETING"] = "hello"
        threads(count)
        machine.execv(
            "/bin/sh", ["sh", "-c", "echo $$ $GREETING $1; pwd; exit 7", "x", "odd\n arg"]
        )

    said, status, pid = in_child(work)
    return said == f"{pid} hello odd arg\n/usr\n", said, status


@both_users
@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("make", KINDS)
def test_it_is_the_same_process(user, make, count):
    same, said, status = user(becomes, make, count)
    assert same, said
    assert status == 7


def by_a_descriptor(count, inheritable):
    def work():
        machine = scratch()
        threads(count)
        fd = os.open("/bin/sh", os.O_RDONLY)
        os.set_inheritable(fd, inheritable)
        code = f"test -e /proc/$$/fd/{fd} && echo open; set -- /proc/$$/fd/*; echo $#; pwd"
        machine.execve(fd, ["sh", "-c", code], {"PATH": "/usr/bin:/bin"})

    return in_child(work)[:2]


@both_users
@pytest.mark.parametrize("inheritable", [False, True])
def test_by_a_descriptor(user, inheritable):
    # The same descriptors are open, whichever way it went.
    alone, several = user(by_a_descriptor, 0, inheritable), user(by_a_descriptor, 2, inheritable)
    assert alone == several
    assert alone[0].startswith("open") is inheritable and alone[0].endswith("/place\n")


def what_is_kept(count):
    """Signals that are ignored and blocked, seen by the program; PATH is searched for it."""

    def work():
        machine = scratch()
        threads(count)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR2})
        machine.environ["PATH"] = "/no/such:/usr/bin:/bin"
        machine.execvp("grep", ["grep", "^Sig[BIC]\\|^Threads", "/proc/self/status"])

    return in_child(work)[:2]


@both_users
def test_what_is_kept(user):
    alone, several = user(what_is_kept, 0), user(what_is_kept, 2)
    assert alone == several and alone[1] == 0 and "Threads:\t1" in alone[0]


def what_fails(count):
    found = []

    def work():
        machine = scratch()
        with machine.open_file("script", "w") as file:
            file.write("#!/no/such/interpreter\n")
        with machine.open_file("nothing", "w") as file:
            file.write("words")
        machine.open_file("plain", "w").close()
        machine.chmod("script", 0o755)
        machine.chmod("nothing", 0o755)
        machine.system("true")  # its children's namespace is there from now on
        threads(count)
        before = os.listdir("/proc/self/fd"), [os.readlink(f"/proc/self/ns/{n}") for n in NAMES]
        here = os.getcwd()
        for path in ("missing", "script", "nothing", "plain", ".", "script/x"):
            try:
                machine.execv(path, ["x"])
            except OSError as error:
                found.append(errno.errorcode[error.errno])
        after = os.listdir("/proc/self/fd"), [os.readlink(f"/proc/self/ns/{n}") for n in NAMES]
        found.extend([after == before, os.getcwd() == here])
        os.write(1, " ".join(map(str, found)).encode())

    return in_child(work)[:2]


NAMES = ("user", "mnt", "pid")


@both_users
@pytest.mark.parametrize("count", [0, 2])
def test_what_fails_changes_nothing(user, count):
    said, _ = user(what_fails, count)
    assert said == "ENOENT ENOENT ENOEXEC EACCES EACCES ENOTDIR True True"


def stands_for_a_child(count):
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for script, sent in (("exit 5", None), ("kill -KILL $$", None), (TRAP, signal.SIGTERM),
                             (TRAP, signal.SIGINT)):  # fmt: skip
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    machine = confined_among(directory, SHELL)
                    threads(count)
                    os.dup2(writing, 1)
                    machine.execv("/bin/sh", ["sh", "-c", script])
                finally:
                    os._exit(99)
            os.close(writing)
            if sent is not None:
                os.read(reading, 1)
                os.kill(pid, sent)
            found.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            os.close(reading)
    return found


TRAP = "trap 'exit 9' TERM INT; echo; while :; do sleep 0.05; done"


@both_users
@pytest.mark.parametrize("count", [0, 3])
def test_a_confined_one_stands_for_its_child(user, count):
    assert user(stands_for_a_child, count) == [5, -9, 9, 9]
