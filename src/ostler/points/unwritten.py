"""Unwritten: who may change the points of a machine, where nothing of them is written down."""

from __future__ import annotations

from _thread import allocate_lock, get_ident


class Unwritten:
    """What writes points down, of a machine whose points are in memory alone: nothing.

    It is held while anything of them is changed, so that what is written down is settled; see
    machines/rehearsal/kept_points.py. RuntimeError for who comes into it again in its thread, as a
    signal's handler may.
    """

    writes = False  # whether anything is written down

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._owner = 0

    def __enter__(self) -> None:
        if self._owner == get_ident():
            raise RuntimeError("this thread is in the middle of a point of this machine")
        self._lock.acquire()
        self._owner = get_ident()

    def __exit__(self, *exception: object) -> None:
        self._owner = 0
        self._lock.release()

    def enter(self, seconds: float) -> bool:
        """As `with`, for who waits no longer than this; whether it is held now."""
        if self._owner == get_ident():
            return False
        held = self._lock.acquire(timeout=seconds) if seconds else self._lock.acquire(False)
        if held:
            self._owner = get_ident()
        return held

    def write(self, stores_are_new: bool = False) -> None:
        """Write down how everything stands."""

    def wrote_back(self) -> bool:
        """Write down how everything stands again; whether that is what stands there now."""
        return True
