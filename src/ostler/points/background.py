"""The background: work that nobody waits for, done by a thread that lives while there is some.

A process that forks waits for it first: the copy would have the work, but not the thread.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_ident, start_new_thread
from collections import deque
from contextlib import suppress

from ostler.core.living import Living

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SHORT = 0.001  # seconds
_LARGEST = 64  # jobs that may wait: each holds a mount


class Background:
    """Jobs, done one after the other in the order in which they came.

    A job is a function without arguments; what it raises nobody can be told.
    """

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], object]] = deque()
        self._lock = allocate_lock()  # of what follows
        self._idle = allocate_lock()  # held while the thread runs
        self._thread: int | None = None
        _ALL.add(self)

    def add(self, *jobs: Callable[[], object]) -> None:
        """Have something done; where very much waits already, that is waited for."""
        self.wait_while(lambda: len(self._jobs) >= _LARGEST)
        with self._lock:
            self._jobs.extend(jobs)
            if self._thread is not None:
                return
            self._idle.acquire()
            self._thread = 0
        try:
            start_new_thread(self._run, ())
        except RuntimeError:  # no thread can be had, or the interpreter ends
            self._run()

    def finish(self) -> None:
        """Wait until all is done."""
        if self._thread == get_ident():  # a finalizer in the middle of a job
            return
        while self._thread is not None:
            with self._idle:
                pass

    def wait_while(self, condition: Callable[[], bool]) -> None:
        """Wait until this does not hold any more, or all is done."""
        if self._thread == get_ident():
            return
        while self._thread is not None and condition():
            if self._idle.acquire(timeout=_SHORT):
                self._idle.release()

    def drop(self) -> None:
        """Forget what has not begun, and wait for what has."""
        with self._lock:  # the thread takes the next one where there is one
            dropped, self._jobs = self._jobs, deque()
        dropped.clear()  # what they hold may take long to give back, or come here again
        self.finish()

    def _run(self) -> None:
        self._thread = get_ident()
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    self._idle.release()
                    return
                job = self._jobs.popleft()
            try:
                job()
            except OSError:
                pass  # what is left stands in nobody's way
            except BaseException:
                with suppress(BaseException):  # whose error would end the thread
                    sys.excepthook(*sys.exc_info())
            job = None  # type: ignore[assignment]  # what it holds is given back now

    def _in_copy(self) -> None:
        # The thread is not there, and the work is the other process's.
        self._jobs = deque()
        self._lock, self._idle, self._thread = allocate_lock(), allocate_lock(), None


_ALL = Living(Background._in_copy, before=Background.finish)
