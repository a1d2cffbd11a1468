"""Living: objects and locks to which something is to be done in each forked copy of the process."""

from _thread import RLock
from _weakref import ref

from ostler.core import interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def lock_over_forks() -> "Any":
    """An RLock that is free in each forked copy: a fork waits until no other thread has it.

    Of two that are taken one within the other the outer one is to be made later.
    """
    lock = RLock()

    def release() -> None:
        # Else it was made while another thread was in the middle of a fork.
        if lock._is_owned():  # type: ignore[attr-defined]
            lock.release()

    interpreter.register_at_fork(
        before=lock.acquire, after_in_parent=release, after_in_child=release
    )
    return lock


class Living:
    """A set of objects, each in it as long as somebody else has it.

    `before` is called with each of them before a fork, `in_copy` in the copy. Which there are is
    found out before: without the GIL another thread may be inside of a set at the very moment, and
    then the copy could look into it no more.
    """

    def __init__(
        self, in_copy: "Callable[[Any], object]", before: "Callable[[Any], object] | None" = None
    ) -> None:
        self._in_copy = in_copy
        self._before = before
        self._references: set[ref[Any]] = set()
        self._found: list[Any] = []
        # Several threads may fork, and a signal's handler of one that is about to.
        self._forking = RLock()
        interpreter.register_at_fork(
            before=self._begin, after_in_parent=self._end, after_in_child=self._end_in_copy
        )

    def add(self, thing: "Any") -> None:
        """From now on this is one of them."""
        self._references.add(ref(thing, self._references.discard))

    def all(self) -> "list[Any]":
        """Those that there are."""
        found = [known() for known in self._references.copy()]
        return [thing for thing in found if thing is not None]

    def _begin(self) -> None:
        if self._before is not None:
            for thing in self.all():
                self._before(thing)
        self._forking.acquire()
        self._found = self.all()

    # This may be made while another thread is in the middle of a fork, which has not begun here.

    def _end(self) -> None:
        if self._forking._is_owned():  # type: ignore[attr-defined]
            self._found = []
            self._forking.release()

    def _end_in_copy(self) -> None:
        found = []
        if self._forking._is_owned():  # type: ignore[attr-defined]
            found, self._found = self._found, []
            self._forking.release()
        for thing in found:
            self._in_copy(thing)
