"""Descriptors beyond parity: signals while one waits, what programs get, what machines give."""

import errno
import fcntl
import os
import signal
import sys

import pytest

import ostler
from tests.machines import kinds


class Ringing:
    """A handler of SIGALRM for a block, which strikes until the block is left."""

    def __init__(self, do):
        self.do, self.heard = do, 0

    def handle(self, *_):
        self.heard += 1
        self.do(self.heard)

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.handle)
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        return self

    def __exit__(self, *exception):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


def test_open_goes_on_after_signals(tmp_path):
    """A pipe with a name opens when somebody opens its other end."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    others = []

    def open_other(count):
        if count == 3:
            others.append(os.open(path, os.O_RDWR))

    with Ringing(open_other) as ringing:
        fd = ostler.open(path, os.O_RDONLY)
    assert ringing.heard >= 3
    for each in (fd, *others):
        os.close(each)


def test_a_handlers_error_ends_the_open_and_leaves_nothing(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    before = os.listdir("/proc/self/fd")

    def give_up(count):
        raise KeyError(count)

    with pytest.raises(KeyError), Ringing(give_up):
        ostler.open(path, os.O_RDONLY)
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize("system", [os, ostler])
def test_who_waits_for_a_lock_is_told_of_signals(system, tmp_path):
    """As with os: lockf is not called again, but ends with InterruptedError."""
    path = tmp_path / "f"
    path.touch()
    ready, say = os.pipe()
    holder = os.fork()
    if holder == 0:
        with open(path, "r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            os.write(say, b"x")
            signal.pause()
        os._exit(0)
    os.read(ready, 1)
    fd = os.open(path, os.O_RDWR)
    try:
        with pytest.raises(OSError) as caught:
            system.lockf(fd, os.F_TLOCK, 0)
        assert caught.value.errno in (errno.EAGAIN, errno.EACCES)
        with pytest.raises(InterruptedError), Ringing(lambda count: None) as ringing:
            system.lockf(fd, os.F_LOCK, 0)
        assert ringing.heard
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    system.lockf(fd, os.F_LOCK, 0)  # nobody has it now
    for each in (fd, ready, say):
        os.close(each)


def test_a_program_gets_only_what_is_said_to_be_inheritable(tmp_path):
    r, w = ostler.pipe()
    plain = ostler.open(tmp_path / "f", os.O_CREAT | os.O_RDWR)
    memory = ostler.memfd_create("m")
    copy = ostler.dup(plain)
    given = ostler.dup2(plain, ostler.dup(plain))  # inheritable, unless told otherwise
    told = [r, w, plain, memory, copy, given]
    code = f"""if True:
        import os
        for fd in {told}:
            try:
                os.fstat(fd)
            except OSError:
                print("no")
            else:
                print("yes")
    """
    pid = ostler.posix_spawn(
        sys.executable, [sys.executable, "-c", code], os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(tmp_path / "said"), os.O_CREAT | os.O_WRONLY,
                       0o600)],
    )  # fmt: skip
    assert os.waitpid(pid, 0)[1] == 0
    assert (tmp_path / "said").read_text().split() == ["no"] * 5 + ["yes"]
    for fd in told:
        os.close(fd)


def test_a_file_that_cannot_be_made_leaves_the_descriptor(tmp_path):
    fd = ostler.open(tmp_path / "f", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(ValueError):
        ostler.fdopen(fd, "no such mode")
    os.close(fd)


@pytest.mark.parametrize("kind", kinds.OVER)
def test_what_a_machine_gives_is_a_descriptor_of_the_process(kind, tmp_path):
    (tmp_path / "base").mkdir()
    with kind(str(tmp_path / "base")) as m:
        fd = m.open("/", os.O_RDONLY | os.O_DIRECTORY)
        copy = m.dup(fd)
        assert os.path.samestat(os.fstat(fd), m.stat("/"))
        assert not os.get_inheritable(fd)
        m.close(fd)  # with an argument, as os's
        assert not m.closed
    assert os.listdir(copy) == []  # it stays open when the machine is closed
    os.close(copy)
