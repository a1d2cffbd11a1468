"""Terminals beyond parity: a session with one, its size, and descriptors of which there are few."""

import errno
import fcntl
import os
import resource
import signal
import struct
import sys
import termios

import pytest

import ostler
from tests.machines import as_self, kinds


@pytest.fixture
def terminal():
    ends = ostler.openpty()
    yield ends
    for fd in ends:
        os.close(fd)


def test_what_is_written_at_one_end_is_read_at_the_other(terminal):
    master, slave = terminal
    ostler.write(master, b"typed\n")
    assert ostler.read(slave, 100) == b"typed\n"
    ostler.write(slave, b"shown\n")
    said = b""
    while not said.endswith(b"shown\r\n"):
        said += ostler.read(master, 100)
    assert said == b"typed\r\nshown\r\n"  # with the echo of what was typed


def test_size(terminal):
    master, slave = terminal
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 33, 111, 0, 0))
    for system in (ostler, ostler.host):
        size = system.get_terminal_size(slave)
        assert (size.columns, size.lines) == (111, 33)


def session():
    """A new session with a terminal: what the calls about its foreground say in it."""
    master, slave = ostler.openpty()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(master)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            name = ostler.ttyname(slave)
            os.setsid()
            ostler.login_tty(slave)  # which leads a session of its own already, and may again
        except OSError as error:
            os._exit(100 + error.errno % 100)
        good = (
            ostler.isatty(0) and ostler.isatty(1) and ostler.isatty(2),
            ostler.ttyname(0) == name,
            ostler.tcgetpgrp(0) == os.getpgrp(),
            os.path.exists(ostler.ctermid()),
        )
        other = os.fork()
        if other == 0:
            os.setpgid(0, 0)
            ostler.tcsetpgrp(0, os.getpgrp())
            os._exit(0 if ostler.tcgetpgrp(0) == os.getpid() else 1)
        good += (os.waitpid(other, 0)[1] == 0,)
        os._exit(sum(1 << i for i, each in enumerate(good) if not each))
    os.close(slave)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(master)
    return status


def test_a_session_has_its_terminal():
    assert as_self(session) == 0


def with_few_descriptors():
    """What openpty says where one descriptor is free, and how many are open then."""
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, free + 1))
    try:
        ostler.openpty()
    except OSError as error:
        found = errno.errorcode[error.errno]
    again = os.dup(0)
    os.close(again)
    return found, again == free


def test_half_a_pair_is_not_left_open():
    assert as_self(with_few_descriptors) == ("EMFILE", True)


def test_a_program_gets_no_end(terminal):
    code = f"""if True:
        import os
        for fd in {terminal}:
            try:
                print(os.isatty(fd) or os.fstat(fd))
            except OSError as error:
                print(error.errno)
    """
    done = ostler.run([sys.executable, "-c", code], capture=True)
    assert done.stdout.decode() == f"{errno.EBADF}\n" * 2


def test_a_pair_in_steps():
    """posix_openpt and the calls after it, which os has since 3.13 and machines always."""
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        master = ostler.host.posix_openpt(os.O_RDWR | os.O_NOCTTY)
        ostler.host.grantpt(master)
        ostler.host.unlockpt(master)
        name = ostler.host.ptsname(master)
        slave = os.open(name, os.O_RDWR | os.O_NOCTTY)
        assert ostler.ttyname(slave) == name
        assert not os.get_inheritable(master)
        os.close(slave)
        os.close(master)
        # A handler of the program's own is there again after grantpt.
        assert callable(signal.getsignal(signal.SIGCHLD))
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("kind", kinds.OVER)
def test_a_terminal_is_the_processs_on_every_machine(kind, terminal, tmp_path):
    (tmp_path / "base").mkdir()
    with kind(str(tmp_path / "base")) as m:
        for fd in terminal:
            assert m.isatty(fd)
        assert m.get_terminal_size(terminal[1]) == os.get_terminal_size(terminal[1])
        assert m.ttyname(terminal[1]) == os.ttyname(terminal[1])
        master, slave = m.openpty()
        assert os.isatty(slave)
        m.close(master)
        m.close(slave)
