"""A recorder: has what a machine starts, and what that starts, be recorded into a file."""

from __future__ import annotations

import atexit
import errno
import socket
import time
from _thread import allocate_lock, start_new_thread

from ostler.core import crossing
from ostler.core.spawn import Door
from ostler.machine import Machine, host
from ostler.record import calls, log
from ostler.record.lookout import Lookout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PAUSE = 0.0005
_working: dict[Lookout, object] = {}  # with the lock that its thread gives back at its end


class ProgramRecorder:
    """A context manager: what a machine starts inside is recorded into a file that is open.

    - `file`: a descriptor of an empty file, open for writing; it stays the caller's
    - `reads`: also what is opened without changing it, which is most of what programs do
    - `about`: a dict that JSON can hold, kept with the log

    Programs that still run when it is left go on, and are no longer recorded. OSError (ENOSYS)
    where the kernel, or a container around this process, has not got what it takes.
    """

    def __init__(
        self,
        machine: Machine,
        file: int,
        reads: bool = True,
        about: dict[str, object] | None = None,
    ) -> None:
        if not calls.available():
            raise OSError(errno.ENOSYS, "programs can't be recorded on this architecture")
        self._machine = machine
        self._file = file
        self._text = calls.instructions(reads)
        self._about = {"began": time.time(), "reads": reads, **(about or {})}
        self._lookout: Lookout | None = None
        self._before: Door | None = None
        self._over = False

    def __enter__(self) -> ProgramRecorder:
        if self._lookout is not None:
            raise RuntimeError("this recording has begun already")
        data = log.head(self._about)
        while data:
            data = data[host.write(self._file, data) :]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # The lookout has its end of it for itself, until its thread is at an end.
            self._lookout = lookout = Lookout(self._file, ours.fileno())
            door = Door(theirs.detach(), ours.fileno(), self._text)
        served = allocate_lock()
        served.acquire()
        _working[lookout] = served
        start_new_thread(_serve, (lookout, ours, served))
        atexit.unregister(_hand_over)
        atexit.register(_hand_over)
        self._before = crossing.record_children(self._machine, door)
        return self

    def __exit__(self, *exception: object) -> None:
        lookout = self._lookout
        if lookout is None or self._over:
            return
        self._over = True
        crossing.record_children(self._machine, self._before)
        self.flush()
        lookout.end(True)
        self.flush()  # of what came in between
        problem = lookout.error
        try:
            data = log.tail(problem)
            while data:
                data = data[host.write(self._file, data) :]
        except OSError:
            pass  # the log has no end, and says so by that

    @property
    def living(self) -> int:
        """How many of the programs that were started here are not at their end, with all theirs."""
        return self._lookout.living if self._lookout is not None else 0

    @property
    def problem(self) -> int:
        """The errno of what could not be written; 0: the log is whole."""
        return self._lookout.error if self._lookout is not None else 0

    def flush(self) -> None:
        """Wait until all that has happened is in the file."""
        lookout = self._lookout
        if lookout is None:
            return
        wanted = lookout.flush()
        while lookout.flushed() < wanted:
            time.sleep(_PAUSE)


def _serve(lookout: Lookout, ours: socket.socket, served: Any) -> None:
    with ours:
        lookout.serve()
    _working.pop(lookout, None)
    served.release()


def _hand_over() -> None:
    # The interpreter must not come to its end with a thread in the midst of it. And the kernel
    # answers ENOSYS for a recorder that is gone: what still runs would break. So a copy of this
    # process goes on answering, with nothing else of it open, until the last of them ends.
    for lookout, served in list(_working.items()):
        lookout.end(True)
        lookout.leave()
        served.acquire()
        if lookout.living and host.fork() == 0:
            _answer_on(lookout)


def _close_others() -> None:
    for name in host.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            if not host.readlink(f"/proc/self/fd/{fd}").startswith("anon_inode:"):
                host.close(fd)
        except OSError:
            pass  # that of the list itself


def _answer_on(lookout: Lookout) -> None:
    try:
        host.setsid()
        _close_others()
        lookout.serve()
    finally:
        host._exit(0)
