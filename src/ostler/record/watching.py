"""Watching: what programs do, from an iterator, while they do it."""

from __future__ import annotations

from _thread import start_new_thread
from collections import deque
from threading import Condition
from typing import TYPE_CHECKING

from ostler.machine import Machine, host
from ostler.record.following import Follower
from ostler.record.recorder import ProgramRecorder

if TYPE_CHECKING:
    from ostler.record.log import Event, RecordedProcess

_KEPT = 1 << 22  # bytes that were read, until their room is given back


class ProgramWatch:
    """What `machine.watch()` gives: a context manager, and an iterator of Event.

    It gives what programs do that are started inside, as soon as that is known, and waits for
    more; after close() it gives what was left, and ends. Whoever does not take them misses some:
    at most `most` wait, and `dropped` says how many more there were. `processes` are those that
    were seen until now. In a fork of the process it is at its end.
    """

    def __init__(self, machine: Machine, reads: bool, most: int, exact: bool = False) -> None:
        if most < 1:
            raise ValueError(f"most must be at least 1, not {most}")
        self._machine = machine
        self._reads = reads
        self._exact = exact
        self._most = most
        self._some = Condition()
        self._waiting: deque[Event] = deque()
        self._follower: Follower | None = None
        self._recorder: ProgramRecorder | None = None
        self._over = self._closed = self._whole = False
        self._error: Exception | None = None
        self.dropped = 0
        self._pid = 0

    @property
    def processes(self) -> list[RecordedProcess]:
        """The processes that were started, and those that they started, in that order."""
        return [] if self._follower is None else list(self._follower.story.processes)

    def __enter__(self) -> ProgramWatch:
        if self._recorder is not None:
            raise RuntimeError("this watch has begun already")
        self._pid = host.getpid()
        self._file = host.memfd_create("ostler-watch")
        self._news = host.eventfd(0)
        try:
            self._recorder = ProgramRecorder(
                self._machine, self._file, self._reads, None, self._exact
            )
            self._recorder.__enter__()
        except BaseException:
            self._over = True
            host.close(self._file)
            host.close(self._news)
            raise
        self._recorder.tell(self._news)
        self._follower = Follower(self._file)
        start_new_thread(self._pump, (self._recorder, self._follower))
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Watch no longer; what was seen until now can still be taken."""
        if self._recorder is None or self._closed:
            return
        self._closed = True
        try:
            self._recorder.__exit__()
        finally:
            if not self._is_of_another():
                self._end()

    def _end(self) -> None:
        self._whole = True
        host.eventfd_write(self._news, 1)
        with self._some:
            self._some.wait_for(lambda: self._over)
        host.close(self._file)
        host.close(self._news)

    def __iter__(self) -> ProgramWatch:
        return self

    def _is_of_another(self) -> bool:
        # A fork has no thread that reads, and its locks may be held by what is not there.
        return self._recorder is not None and self._pid != host.getpid()

    def __next__(self) -> Event:
        if self._is_of_another():
            raise StopIteration
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._over or self._recorder is None)
            if self._waiting:
                return self._waiting.popleft()
            if self._error is not None:
                raise self._error
        raise StopIteration

    # ---- in a thread of its own

    def _pump(self, recorder: ProgramRecorder, follower: Follower) -> None:
        try:
            self._read(recorder, follower)
        except Exception as error:
            self._error = error
        finally:
            with self._some:
                self._over = True
                self._some.notify_all()

    def _read(self, recorder: ProgramRecorder, follower: Follower) -> None:
        given_back = 0
        whole = False
        while True:
            news = follower.part()
            if news is not None:
                self._give(news.events)
                if follower.at - given_back > _KEPT:
                    given_back = follower.at
                    recorder.forget(given_back)
            elif whole:
                return
            else:
                host.eventfd_read(self._news)
                whole = self._whole

    def _give(self, found: list[Event]) -> None:
        with self._some:
            room = self._most - len(self._waiting)
            self._waiting.extend(found[:room])
            self.dropped += len(found[room:])
            self._some.notify_all()
