"""Forked: a copy of this process that says something, is listened to, and is ended with its own."""

import json
import select
import signal
import socket
import threading
import warnings
from typing import Any

from ostler.core import descendants
from ostler.machine import host
from ostler.pytest_process import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ostler.core.family import Insider

_ENOUGH = 3  # Ctrl-C, until what does not heed it is killed
_BLOCK = 1 << 16
_EXITING = 4  # of a process's flags in /proc: PF_EXITING


class Forked:
    """A copy of this process, which runs `work(fd, parent, insider)` and says messages by fd.

    `inside()` gives the Insider that it is, in a family, or None: then it is a plain copy, a child
    of `parent`. It ends by itself or, after a message "end" that says so, is ended with all that it
    has started. When it can say nothing any more it is ended, too.
    """

    def __init__(
        self,
        work: "Callable[[int, int, Insider | None], object]",
        inside: "Callable[[], Insider | None]",
    ) -> None:
        self.ended = False  # as it says, and by nothing else
        self.silenced = False  # it has lost the socket by which it says something
        self.status: int | None = None  # how it has ended otherwise; None: nobody knows
        self.interrupts = 0  # that came here
        self._has_left = self._is_over = False
        self._receiver = wire.Receiver()
        self._socket, theirs = socket.socketpair()
        try:
            self._pid, self._insider = _copy(work, inside, self._socket, theirs)
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self.in_family = self._insider is not None  # which the kernel ends as a whole

    def attend(self, heed: "Callable[[list[Any]], object]") -> None:
        """Call a function with each message until it has ended; Ctrl-C is for it alone."""
        before = self._take_interrupts()
        try:
            self._attend(heed)
        finally:
            try:
                self._end()
            finally:
                if before is not None:
                    signal.signal(signal.SIGINT, before)

    def _attend(self, heed):
        pidfd = host.pidfd_open(self._pid)  # which ends when the test's process has
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        try:
            self._listen(poll, heed)
            if not self.ended and not self.silenced:  # what it has said before it was gone
                self._socket.setblocking(False)
                self._listen_to_rest(heed)
        finally:
            host.close(pidfd)

    def _listen(self, poll, heed):
        mine = self._socket.fileno()
        while not self.ended:
            ready = [fd for fd, _ in poll.poll()]
            if mine not in ready:
                return  # it is gone
            try:
                data = self._socket.recv(_BLOCK)
            except ConnectionResetError:  # by who did not read an answer
                data = b""
            if not data:
                if not _is_ending(self._pid):
                    self.silenced = True
                    return
                poll.unregister(mine)
            self._take(data, heed)

    def _listen_to_rest(self, heed):
        while not self.ended:
            try:
                data = self._socket.recv(_BLOCK)
            except (BlockingIOError, ConnectionResetError):
                return
            if not data:
                return
            self._take(data, heed)

    def _take(self, data, heed):
        for message in self._receiver.messages(data):
            if message[0] == "end":
                self._has_left, self.ended = bool(message[1]), True
                return
            answer = heed(message)
            if message[0] == "report":
                self._answer(b".")
            elif message[0] == "change":
                self._answer(json.dumps(answer).encode() + b"\n")

    def _answer(self, data):
        try:
            self._socket.send(data)
        except OSError:
            pass  # it is gone, or does not read

    def _end(self):
        self._is_over = True
        self._socket.close()
        try:
            if self._insider is None and (self._has_left or not self.ended):
                descendants.end_family(self._pid)
        finally:
            self.status = self._wait()

    def _wait(self):
        if self._insider is not None:
            return self._insider.end()
        try:
            return host.waitpid(self._pid, 0)[1]
        except ChildProcessError:  # somebody else has waited for it
            return None

    # ---- Ctrl-C

    def _take_interrupts(self):
        if threading.current_thread() is not threading.main_thread():
            return None
        if not callable(signal.getsignal(signal.SIGINT)):
            return None  # which is ignored
        return signal.signal(signal.SIGINT, self._interrupted)

    def _interrupted(self, number, frame):
        self.interrupts += 1
        if self.interrupts >= _ENOUGH:
            self._signal(signal.SIGKILL)
        elif self.interrupts > 1 or not _is_in_foreground():
            self._signal(signal.SIGINT)  # else the terminal has sent it to both

    def _signal(self, number):
        if not self._is_over:  # until then nobody waits for it, and its number means nobody else
            host.kill(self._pid, number)


def _copy(work, inside, ours, theirs):
    parent = host.getpid()
    insider = inside()
    if insider is not None:
        pid = insider.pid
    else:
        with warnings.catch_warnings():
            # That there are other threads: the copy has nothing to do with them.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = host.fork()
    if pid:
        return pid, insider
    try:
        ours.close()
        work(theirs.detach(), parent, insider)
    finally:
        host._exit(1)


def _is_ending(pid):
    """Whether a process is on its way out: its descriptors are closed before others hear of it."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # and was waited for already
        return True
    except OSError:
        return False
    return words[0] in b"ZX" or bool(int(words[6]) & _EXITING)


def _is_in_foreground():
    try:
        fd = host.open("/dev/tty", host.O_RDONLY | host.O_NOCTTY | host.O_CLOEXEC)
    except OSError:
        return False
    try:
        return host.tcgetpgrp(fd) == host.getpgrp()
    except OSError:
        return False
    finally:
        host.close(fd)


def kill_all_on(namespace: int) -> None:
    """Kill all processes in a mount namespace (a descriptor); of a process that is gone."""
    wanted = _identity(namespace)
    while _kill_some(wanted):
        pass


def _identity(path):
    status = host.stat(path)
    return status.st_dev, status.st_ino


def _kill_some(wanted):
    found = False
    for name in host.listdir("/proc"):
        if name.isdecimal() and _kill_if_there(int(name), wanted):
            found = True
    return found


def _kill_if_there(pid, wanted):
    try:
        fd = host.pidfd_open(pid)
    except OSError:
        return False
    try:
        # From here on the number means this process, or none.
        if _identity(f"/proc/{pid}/ns/mnt") != wanted or _is_dead(pid):
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except OSError:
        return False
    finally:
        host.close(fd)
    return True


def _is_dead(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b") ")[2][:1] in b"ZX"
