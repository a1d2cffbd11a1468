"""Busy: who takes the state of a machine as a whole, to keep it or to change it, is alone."""

from __future__ import annotations

from _thread import allocate_lock, get_ident

from ostler.machine import host


class Busy:
    """A lock for one thing at a time; RuntimeError for who comes into it again in its thread.

    So it is for a signal's handler, which interrupts what it would have to wait for. In a forked
    copy of the process nobody is inside.
    """

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self._lock = allocate_lock()
        self._owner = 0
        self._process = host.getpid()

    def __enter__(self) -> None:
        if self._process != host.getpid():
            self._renew()
        if self._owner == get_ident():
            raise RuntimeError(
                "this thread is in the middle of a point, or a commit, of this machine"
            )
        self._lock.acquire()
        self._owner = get_ident()

    def __exit__(self, *exception: object) -> None:
        self._owner = 0
        self._lock.release()
