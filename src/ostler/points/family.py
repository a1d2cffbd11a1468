"""Families: machines that began as branches of one another, and share the layers of that time.

All of them have their layers in the same stores, each its own below a directory of its own. A layer
that was there when a branch began has more than one holder; it is removed when the last one has let
it go. What a child of a machine that is closed still shows, or who reads the state at a point,
stays for as long as that lasts.
"""

from __future__ import annotations

import weakref
from _thread import allocate_lock
from functools import partial

from ostler.machine import host
from ostler.points.background import Background

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ostler.points.history import History


class Family:
    """What the machines of one family share.

    - `remove`: called with the paths that nobody holds any more
    - `is_used`: called with numbers of file systems: whether a process still runs in one of them
    - `users`: [(weak reference to who shows them, paths)], of all members
    """

    def __init__(
        self,
        remove: Callable[[Iterable[bytes]], object],
        is_used: Callable[[set[bytes]], bool],
    ) -> None:
        self.lock = allocate_lock()
        self.background = Background()
        self.users: list[tuple[weakref.ref[Any], set[bytes]]] = []
        self._remove = remove
        self._is_used = is_used
        self._process = host.getpid()
        self._branches = 0
        self._members = 0
        self._more: dict[bytes, int] = {}  # holders of a path beside the first
        self._closed: list[Member] = []  # whose layers are not let go yet
        self._waits = False  # whether clear() will be called
        self._free: set[bytes] = set()  # held by nobody, but not removed yet

    def place(self) -> bytes:
        """A directory of the stores for a new member, or for the new layers of one."""
        if host.getpid() != self._process:
            raise RuntimeError("the branches of a machine belong to the process that has made them")
        with self.lock:
            self._branches += 1
            return b"branches/%d" % self._branches

    def join(self, paths: Iterable[bytes]) -> None:
        """One more holds these paths."""
        with self.lock:
            self._members += 1
            self._hold(paths)

    def _hold(self, paths: Iterable[bytes]) -> None:
        for path in paths:
            self._more[path] = self._more.get(path, 0) + 1

    def let_go(self, paths: Iterable[bytes]) -> set[bytes]:
        """One of those who hold these paths needs them no more: those that are to be removed."""
        if host.getpid() != self._process:
            return set()  # the other process needs them
        with self.lock:
            self._free_those(paths)
            stay = self._shown()
            gone = self._free - stay
            self._free &= stay
            return gone

    def _free_those(self, paths: Iterable[bytes]) -> None:
        for path in paths:
            more = self._more.get(path, 0)
            if not more:
                self._free.add(path)
            elif more == 1:
                del self._more[path]
            else:
                self._more[path] = more - 1

    def _shown(self) -> set[bytes]:
        stay: set[bytes] = set()
        living = []
        for user, paths in self.users:
            if not is_gone(user):
                living.append((user, paths))
                stay |= paths
        self.users[:] = living
        return stay

    def leave(self, member: Member) -> None:
        """A machine is closed; what only it needs is removed in the background."""
        if host.getpid() != self._process:
            return  # a copy of the machine, in a forked process
        with self.lock:
            self._members -= 1
            if not self._members:
                return  # the stores are gone with the last one
            self._closed.append(member)
            if self._waits:
                return  # there is a job already
            self._waits = True
        self.background.add(partial(_clear, self))

    def clear(self) -> None:
        """Remove what those had who are closed, if nobody lives in it."""
        with self.lock:
            closed, self._closed, self._waits = self._closed, [], False
        stays: list[Member] = []
        gone: set[bytes] = set()
        for member in closed:
            if member.had_children and self._is_used(member.devices):
                stays.append(member)
            else:
                gone |= self.let_go(member.paths())
        if gone:
            self._remove(gone)
        with self.lock:
            self._closed += stays


def _clear(family: Family) -> None:
    family.clear()


class Member:
    """What one machine has of its family's stores, known without the machine itself.

    - `place`: the directory of its own layers
    - `history`: its History; `tops`: what is changed now, and what that lies upon
    - `devices`: the numbers of the file systems that it has been; `had_children`: whether a process
      may live in one of them
    - `left`: whether the machine is closed, or there no more
    """

    def __init__(self, family: Family, place: bytes) -> None:
        self.family = family
        self.place = place
        self.history: History | None = None
        self.tops: set[bytes] = set()
        self.devices: set[bytes] = set()
        self.had_children = False
        self.left = False

    def paths(self) -> set[bytes]:
        """All that it holds."""
        return self.tops if self.history is None else self.tops | self.history.paths()


def is_gone(user: weakref.ref[Any]) -> bool:
    """Whether who has shown something is closed, or there no more."""
    found = user()
    return found is None or found._closed
