"""Written: the layers and points of a machine as plain data, and read back from it strictly.

Whatever can be read is a History that is whole: a layer lies upon one that came before it, a point
comes from one that came before it, so nothing goes in a circle, and no two things are stored in one
place.
"""

from __future__ import annotations

from ostler.machine import host
from ostler.points.history import Frozen, History, Point, Squashed, Unsaved, is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ostler.points.history import Stores
    from ostler.points.unwritten import Unwritten

    _Data = dict[str, Any]  # what json makes of an object

_LONGEST = 4096  # layers in a block; more never become one
_PARTS = {"next", "top", "at", "names", "layers", "blocks", "points", "present", "left"}
_MANY = 1 << 53  # beyond which a number isn't the same in every reader of JSON


class Malformed(ValueError):
    """What stands there can't have been written by as_data()."""


def as_data(history: History) -> _Data:
    """A History as plain data."""
    return {
        "layers": [row_of(layer) for _, layer in sorted(history.layers.items())],
        "blocks": [row_of(block) for block in history.blocks.values()],
        "points": [row_of_point(point) for point in history.points],
        "left": names_left(history),
        **counters(history),
    }


def counters(history: History) -> _Data:
    """What as_data() has that is neither a list of parts nor of points."""
    present = history.present
    return {
        "next": history.next,
        "top": history.top,
        "at": history.at,
        "names": history._names,
        "present": present.name if present is not None and history.has(present) else None,
    }


def names_left(history: History) -> list[str]:
    """The names of the points that rollback() has left."""
    return [point.name for point in history.left if history.has(point)]


def row_of(part: Frozen | Squashed) -> list[Any]:
    """A layer, or a block."""
    stores = [[host.fsdecode(target), host.fsdecode(path)] for target, path in part.stores.items()]
    where = [part.parent] if isinstance(part, Frozen) else [part.first, part.last]
    return [part.number, *where, stores]


def row_of_point(point: Point) -> list[Any]:
    """A point."""
    parent = None if point.parent is None else point.parent.name
    row = [point.name, point.time, point._layer, parent]
    return [*row, point.command, point.status, point.counts]


def from_data(
    data: Any,
    top: Iterable[tuple[str, str]],
    is_place: Callable[[Any], bool],
    writer: Unwritten | None = None,
) -> History:
    """The History that as_data() has told of; Malformed where it can't have.

    `top`: [(target, path)] of what is stored of the changes since; `is_place`: whether a str may be
    the path of anything that is stored.
    """
    if not isinstance(data, dict) or set(data) != _PARTS:
        raise Malformed("its history has other parts")
    for name in ("layers", "blocks", "points", "left"):
        if not isinstance(data[name], list):
            raise Malformed(f"its {name} are no list")
    history = History(writer=writer)
    history.next = _count(data["next"])
    history.top = _count(data["top"])
    history._names = _count(data["names"])
    places = _Places(top, is_place)
    for row in data["layers"]:
        number, parent, stores = _row(row, 3)
        _add_layer(history, _count(number), parent, places.of(stores))
    history.at = _layer(history, data["at"])
    if history.at is not None and history.at >= history.top:
        raise Malformed("what is changed lies below what was changed before")
    if history.top in history.layers or not history.top < history.next:
        raise Malformed("its numbers are used twice")
    for row in data["blocks"]:
        number, first, last, stores = _row(row, 4)
        _add_block(history, _count(number), first, last, stores, places)
    points: dict[str, Point] = {}
    for row in data["points"]:
        _add_point(history, points, *_row(row, 7))
    history.present = _point(points, data["present"])
    for name in data["left"]:
        point = _point(points, name)
        if point is None:
            raise Malformed("it goes back to nothing")
        history.left.append(point)
    history.changed = Unsaved()
    return history


class _Places:
    """Where layers are stored, each in its own place."""

    def __init__(self, top: Iterable[tuple[str, str]], is_place: Callable[[Any], bool]) -> None:
        self.is_place = is_place
        self.taken = {path for _, path in top}

    def of(self, rows: Any, shared: dict[bytes, set[bytes]] | None = None) -> Stores:
        # `shared`: {target: paths} of parts of a block, which may be all that it has.
        if not isinstance(rows, list):
            raise Malformed("its stores are no list")
        found: Stores = {}
        for row in rows:
            target, path = _row(row, 2)
            if not is_target(target) or not self.is_place(path):
                raise Malformed("it names a store that is none")
            key, place = host.fsencode(target), host.fsencode(path)
            if key in found:
                raise Malformed("it names something twice")
            if shared is None or place not in shared.get(key, ()):
                if path in self.taken:
                    raise Malformed("it names something twice")
                self.taken.add(path)
            found[key] = place
        return found


def is_target(target: Any) -> bool:
    """Whether this is the path of a directory below a base, a str, as overlays have it."""
    if not isinstance(target, str) or "\0" in target:
        return False
    return not target or not {"", ".", ".."} & set(target.split("/"))


def _add_layer(history: History, number: int, parent: Any, stores: Stores) -> None:
    before = _layer(history, parent)
    if history.layers and number <= next(reversed(history.layers)):
        raise Malformed("its layers are in no order")
    if (before is not None and before >= number) or not number < history.next:
        raise Malformed("a layer lies upon a later one")
    depth = 0 if before is None else history.layers[before].depth + 1
    history.layers[number] = Frozen(number, before, depth, stores)


def _add_block(
    history: History, number: int, first: Any, last: Any, rows: Any, places: _Places
) -> None:
    if number in history.blocks or number in history.layers or not number < history.next:
        raise Malformed("its numbers are used twice")
    bottom, top = _layer(history, first), _layer(history, last)
    if bottom is None or top is None:
        raise Malformed("a block has no layers")
    length = history.layers[top].depth - history.layers[bottom].depth + 1
    if not 1 < length <= _LONGEST:
        raise Malformed("a block is too long")
    inside: set[int] = set()
    at: int | None = top
    while at is not None and len(inside) < length:
        inside.add(at)
        at = history.layers[at].parent
    if bottom not in inside:
        raise Malformed("a block is made of layers that don't lie upon each other")
    # Where one part alone has anything of an overlay, that is the block's.
    parts: list[Frozen | Squashed] = [history.layers[each] for each in inside]
    parts += [each for each in history.blocks.values() if {each.first, each.last} <= inside]
    shared: dict[bytes, set[bytes]] = {}
    for part in parts:
        for target, path in part.stores.items():
            shared.setdefault(target, set()).add(path)
    history.add_block(Squashed(number, bottom, top, length, places.of(rows, shared)))


def _add_point(
    history: History,
    points: dict[str, Point],
    name: Any,
    moment: Any,
    layer: Any,
    parent: Any,
    command: Any,
    status: Any,
    counts: Any,
) -> None:
    if not is_name(name):
        raise Malformed("the name of a point is none")
    if name in points:
        raise Malformed("two points have one name")
    if type(moment) not in (int, float) or not 0 <= moment < 1e12:
        raise Malformed("a point was made at no time")
    if not is_command(command):
        raise Malformed("the command of a point is none")
    if status is not None and (type(status) is not int or not -_MANY < status < _MANY):
        raise Malformed("the exit status of a point is none")
    if not is_counts(counts):
        raise Malformed("what is counted at a point are no numbers")
    before = _point(points, parent)
    point = points[name] = Point(history, name, _layer(history, layer), before, command)
    point.time, point.status, point.counts = moment, status, counts
    history.add_point(point)


def is_command(command: Any) -> bool:
    """Whether this can be written down as what was about to be run: a str, a list of them, None."""
    if command is None or isinstance(command, str):
        return True
    return isinstance(command, list) and all(isinstance(each, str) for each in command)


def is_counts(counts: Any) -> bool:
    """Whether these are numbers of changes, by their kinds, or None."""
    if counts is None:
        return True
    return isinstance(counts, dict) and all(
        isinstance(kind, str) and type(number) is int and 0 <= number < _MANY
        for kind, number in counts.items()
    )


def _row(row: Any, length: int) -> list[Any]:
    if not isinstance(row, list) or len(row) != length:
        raise Malformed("something is no list")
    return row


def _count(number: Any) -> int:
    if type(number) is not int or not 0 <= number < _MANY:
        raise Malformed("a number is none")
    return number


def _layer(history: History, number: Any) -> int | None:
    if number is None:
        return None
    if type(number) is not int or number not in history.layers:
        raise Malformed("it names a layer that is none")
    return number


def _point(points: dict[str, Point], name: Any) -> Point | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in points:
        raise Malformed("it names a point that is none")
    return points[name]
