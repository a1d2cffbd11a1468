"""A recorder: has what a machine starts, and what that starts, be recorded into a file."""

from __future__ import annotations

import atexit
import errno
import socket
import time
from _thread import allocate_lock, start_new_thread
from contextlib import nullcontext

from ostler.core import crossing, interpreter
from ostler.core.door import Door
from ostler.machine import Machine, host
from ostler.record import calls, log
from ostler.record.lookout import Lookout
from ostler.record.tracer import Tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ostler.record.following import Follower
    from ostler.record.log import Event

_PAUSE = 0.0005
_order = allocate_lock()
# With the lock that its thread gives back at its end, and the process that has this thread.
_working: dict[Lookout, tuple[Any, int]] = {}
# In the order of their beginning, which need not be that of their ends.
_open: list[ProgramRecorder] = []


class CanNotTrace(OSError):
    """Nobody may trace here, so that programs can't be recorded exactly."""


class ProgramRecorder:
    """A context manager: what a machine starts inside is recorded into a file that is open.

    - `file`: a descriptor of an empty file, open for writing; it stays the caller's
    - `reads`: also what is opened without changing it, which is most of what programs do
    - `about`: a dict that JSON can hold, kept with the log
    - `exact`: each call has the outcome and errno that the kernel told, by ptrace(2): it costs more

    Programs that still run when it is left go on, and are no longer recorded. OSError (ENOSYS)
    where the kernel, or a container around this process, has not got what it takes; of one that is
    exact EPERM where nobody may trace.
    """

    def __init__(
        self,
        machine: Machine,
        file: int,
        reads: bool = True,
        about: dict[str, object] | None = None,
        exact: bool = False,
    ) -> None:
        if not calls.available():
            raise OSError(errno.ENOSYS, "programs can't be recorded on this architecture")
        self._machine = machine
        self._file = file
        self._exact = exact
        self._hears = reads and not exact  # of threads, by the filter
        self._text = calls.instructions(reads, exact)
        self._about = {"began": time.time(), "reads": reads, **(about or {})}
        if exact:
            self._about["exact"] = True
        self._lookout: Lookout | None = None
        self._door: Door | None = None
        self._pid = 0
        self._over = False
        self._follower: Follower | None = None
        # How arguments of a program begin, and what is told of it as who changed something.
        self.told: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def __enter__(self) -> ProgramRecorder:
        if self._lookout is not None:
            raise RuntimeError("this recording has begun already")
        _write_all(self._file, log.head(self._about))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, self._exact)
        with theirs:
            # The lookout has its end of it for itself, until its thread is at an end.
            lookout = (Tracer if self._exact else Lookout)(self._file, ours.fileno())
            if self._hears:
                lookout.hear_of_threads()
            end = ours.fileno()
            served = allocate_lock()
            served.acquire()
            self._pid = host.getpid()
            _working[lookout] = served, self._pid
            start_new_thread(_serve, (lookout, ours, served))
            tracer = _tracer_of(lookout)
            self._lookout = lookout
            self._door = Door(theirs.detach(), end, self._text, tracer)
        atexit.unregister(_hand_over)
        atexit.register(_hand_over)
        self._offer()
        return self

    def __exit__(self, *exception: object) -> None:
        lookout = self._lookout
        if lookout is None or self._over:
            return
        self._over = True
        self._withdraw()
        if self._pid != host.getpid():
            return  # of a fork, where nobody is who answers: it goes on where it was begun
        try:
            self.flush()
        finally:
            lookout.end(True)
        self.flush()  # of what came in between
        if lookout.broken:
            return
        try:
            _write_all(self._file, log.tail(lookout.error))
        except OSError:
            pass  # the log has no end, and says so by that
        self._note()

    def _note(self) -> None:
        # A rehearsal notes who has changed what, where it isn't closed already.
        if getattr(self._machine, "closed", False):
            return
        note = getattr(self._machine, "_note_recorded", None)
        if note is not None:
            note(self)

    def _offer(self) -> None:
        with _order:
            _open.append(self)
            crossing.record_children(self._machine, self._door)

    def _withdraw(self) -> None:
        # Who has begun before, and is not at the end, records again.
        with _order if self._pid == host.getpid() else nullcontext():
            _open.remove(self)
            crossing.record_children(self._machine, _door_of(self._machine))
        self._door = None

    @property
    def living(self) -> int:
        """How many of the programs that were started here are not at their end, with all theirs.

        Of what is recorded exactly it is how many threads these have.
        """
        return self._lookout.living if self._lookout is not None else 0

    @property
    def problem(self) -> int:
        """The errno of what could not be written; 0: the log is whole."""
        return self._lookout.error if self._lookout is not None else 0

    def tell(self, news: int) -> None:
        """Write to an eventfd whenever something new is in the file."""
        if self._lookout is not None:
            self._lookout.tell(news)

    def forget(self, size: int) -> None:
        """Give back the room of the first bytes of the file: they will not be read again."""
        if self._lookout is not None:
            self._note()  # who reads it for that has had it then
            self._lookout.forget(size)

    def news(self, kinds: Iterable[str]) -> list[Event]:
        """The events of some kinds that have come since this was called last, as written.

        Nothing, where the file can't be read, and in a fork of the process.
        """
        from ostler.record.following import Follower

        if self._pid != host.getpid():
            return []
        self.flush()
        try:
            fd = host.open(f"/proc/self/fd/{self._file}", host.O_RDONLY | host.O_CLOEXEC)
        except OSError:
            return []
        try:
            if self._follower is None:
                self._follower = Follower(fd, kinds)
            self._follower.fd = fd
            return self._follower.news().events
        except (OSError, log.NotALog):
            return []
        finally:
            host.close(fd)

    def flush(self) -> None:
        """Wait until all that has happened is in the file."""
        lookout = self._lookout
        if lookout is None or self._pid != host.getpid():
            return
        wanted = lookout.flush()
        while lookout.flushed() < wanted:
            time.sleep(_PAUSE)


class RunRecorder(ProgramRecorder):
    """The same of what is started with its door, whatever else the machine starts meanwhile."""

    @property
    def door(self) -> Door:
        """With which a program is to be started."""
        assert self._door is not None
        return self._door

    def _offer(self) -> None:
        pass

    def _withdraw(self) -> None:
        self._door = None


def open_on(machine: Machine) -> list[ProgramRecorder]:
    """The recorders that record what is started on a machine."""
    return [one for one in tuple(_open) if one._machine is machine]


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[host.write(fd, data) :]


def _door_of(machine: Machine) -> Door | None:
    last = [one for one in _open if one._machine is machine][-1:]
    return last[0]._door if last else None


def _tracer_of(lookout: Lookout) -> int:
    # The pid of the process that traces, where one does; OSError where it may not.
    if not isinstance(lookout, Tracer):
        return 0
    number = lookout.wait()
    if number:
        why = host.strerror(number)
        if number == errno.EPERM:
            why = (
                "this process may not use ptrace(2): by kernel.yama.ptrace_scope, the rules of a "
                "container, since it is traced itself, or has changed its user"
            )
        elif number == errno.EBUSY:
            why = "another recorder records this process, and is asked first"
        raise CanNotTrace(number, f"what programs do can't be recorded exactly here: {why}")
    return lookout.pid


def _serve(lookout: Lookout, ours: socket.socket, served: Any) -> None:
    with ours:
        lookout.serve()
    _working.pop(lookout, None)
    served.release()


def _leave_them() -> None:
    # In a fork: they are answered where they were.
    for lookout, (_, pid) in list(_working.items()):
        if pid != host.getpid():
            lookout.abandon()
            _working.pop(lookout, None)


interpreter.register_at_fork(after_in_child=_leave_them)


def _hand_over() -> None:
    # The interpreter must not come to its end with a thread in the midst of it. And the kernel
    # answers ENOSYS for a recorder that is gone: what still runs would break. So a copy of this
    # process goes on answering, with nothing else of it open, until the last of them ends.
    for lookout, (served, pid) in list(_working.items()):
        if pid != host.getpid():
            continue  # of the process that this is a fork of
        lookout.end(True)
        if isinstance(lookout, Tracer):
            lookout.stand_in()  # which is a process already, and ends when it has nothing to do
            continue
        lookout.leave()
        served.acquire()
        if lookout.living:
            lookout.stand_in()
