"""Selection: the changes that a commit applies, of all or at some paths, with what these take."""

from __future__ import annotations

import errno

from ostler.machine import host
from ostler.machines.rehearsal.journals import FEW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import Any, TypeAlias

    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.walk import Walk

    Chosen: TypeAlias = StrOrBytesPath | Change  # what a caller chooses by
    _Place = tuple[bytes, bytes | None]  # an overlay's top, and a path below that


class Selection:
    """The chosen changes of one overlay.

    - `chosen`: these, in the order of a walk; `all`: whether there are no others
    - `few`: whether they are so few that each is synced by itself
    - `below`: {directory: those in it}
    - `moved`: {path in the base: path after all steps} of those that are renamed
    """

    def __init__(self, walk: Walk, wanted: Collection[int] | None) -> None:
        """`wanted`: the ids of chosen changes, of other overlays, too; None: all are."""
        found = walk.found
        self.chosen = found if wanted is None else [c for c in found if id(c) in wanted]
        self.few = len(self.chosen) <= FEW
        self.all = len(self.chosen) == len(found)
        self.below: dict[bytes, list[Change]] = {}
        self.moved: dict[bytes, bytes] = {}
        self._gone = set()  # paths in the base of those that are removed
        self._top = walk.top.rstrip(b"/")
        for change in self.chosen:
            place = change._found
            above = place.path.rpartition(b"/")[0]
            if change.kind == "renamed":
                self.moved[place.base()] = place.path
            elif change.kind in ("removed", "retyped"):
                self._gone.add(place.base())
            if place.path:
                self.below.setdefault(above, []).append(change)

    def after(self, before: bytes) -> bytes | None:
        """Where a directory of the base is after all steps; None when it is gone."""
        names = []
        while before and before not in self.moved:
            if before in self._gone:
                return None
            before, _, name = before.rpartition(b"/")
            names.append(name)
        names.append(self.moved.get(before, b""))
        return b"/".join(reversed(names)).lstrip(b"/")

    def touched_paths(self) -> Iterator[bytes]:
        """The paths in the host of what is moved or replaced."""
        for change in self.chosen:
            if change.kind not in ("metadata", "created"):
                yield self._top + b"/" + change._found.path
            if change.kind == "renamed":
                yield self._top + b"/" + change._found.base()


def chosen(changes: list[Change], paths: Chosen | Iterable[Chosen] | None) -> list[Change]:
    """The changes at these paths and below, with what they can't be without; None: all."""
    if paths is None:
        return changes
    each: Any = [paths] if _is_path(paths) else paths
    wanted = {}
    for one in each:
        text = host.fsdecode(one) if _is_path(one) else one.path  # a Change's
        wanted[host.path.abspath(text)] = False
    picked = set()
    for change in changes:
        for path in (change.path, change.source):
            for place in _at_or_above(path, wanted):
                wanted[place] = True
                picked.add(change.path)
    missing = [path for path, found in wanted.items() if not found]
    if missing:
        raise FileNotFoundError(errno.ENOENT, "nothing was changed there", missing[0])
    by_path = {change.path: change for change in changes}
    size = 0
    while size != len(picked):
        size = len(picked)
        _add_needed(changes, by_path, picked)
    return [change for change in changes if change.path in picked]


def _is_path(one: object) -> bool:
    return isinstance(one, (str, bytes)) or hasattr(one, "__fspath__")


def _at_or_above(path: str | None, wanted: Collection[str]) -> list[str]:
    """Those of these paths at which, or below which, a path is; none for None."""
    if path is None:
        return []
    if len(wanted) <= path.count("/"):
        return [p for p in wanted if path == p or path.startswith(p.rstrip("/") + "/")]
    return [place for place in _upwards(path) if place in wanted]


def _upwards(path: str) -> Iterator[str]:
    """A path and what it lies in, up to the root."""
    while True:
        yield path
        above = host.path.dirname(path)
        if above == path:
            return
        path = above


def _add_needed(changes: list[Change], by_path: dict[str, Change], picked: set[str]) -> None:
    # The directories that they are in, where these are new there.
    seen = set()
    for path in list(picked):
        for above in _upwards(host.path.dirname(path)):
            if above in seen:
                break
            seen.add(above)
            change = by_path.get(above)
            if change is not None and change.kind in ("created", "renamed", "retyped"):
                picked.add(above)
    # What is gone with a directory in whose place something else stands: whether somebody else has
    # changed it meanwhile is looked at, too.
    instead: set[_Place] = {
        (c._found.top, c._found.path)
        for c in map(by_path.__getitem__, picked)
        if c.kind in ("retyped", "renamed")
    }
    gone: dict[_Place, bool] = {}
    for change in changes if instead else ():
        if change.kind == "removed" and _is_taken(
            change._found.top, change._found.base(), instead, gone
        ):
            picked.add(change.path)
    # What has to leave a place before something else stands there, or it is gone.
    taken: set[_Place] = {
        (c._found.top, c._found.at) for c in changes if c.path in picked and c.kind != "metadata"
    }
    renamed = [change for change in changes if change.kind == "renamed"]
    known: dict[_Place, bool] = {}
    for change in renamed:
        if _is_taken(change._found.top, change._found.base(), taken, known):
            picked.add(change.path)
    # Renamed directories may stand on one another: they go together, with the files that were
    # renamed out of one or into one, or that stand where one was.
    directories = [change for change in renamed if change._old.type == "directory"]
    if any(change.path in picked for change in directories):
        theirs: set[_Place] = {place for change in directories for place in _places(change)}
        reached: dict[_Place, bool] = {}
        for change in renamed:
            if any(_is_taken(*place, theirs, reached) for place in _places(change)):
                picked.add(change.path)


def _places(change: Change) -> list[tuple[bytes, bytes]]:
    # Where something that is renamed was, and is; each with the overlay's directory.
    found = change._found
    return [(found.top, path) for path in {found.base(), found.path, found.at} if path is not None]


def _is_taken(top: bytes, path: bytes, taken: set[_Place], known: dict[_Place, bool]) -> bool:
    """Whether a place, or one above it, is among these; `known`: what was found already."""
    passed: list[_Place] = []
    found = False
    while path and not found:
        if (top, path) in known:
            found = known[top, path]
            break
        found = (top, path) in taken
        passed.append((top, path))
        path = path.rpartition(b"/")[0]
    known.update(dict.fromkeys(passed, found))
    return found
