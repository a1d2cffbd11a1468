"""Amended: what has changed of a History since it was written down, and its data with that in it.

An amendment is plain data, as what as_data() makes is; what it does not name is as it was:

    layers, blocks, points   rows, which come in the place of those of the same number or name
    gone                     [numbers of layers, numbers of blocks, names of points], before these
    left                     [how many of the names stay, the names that come after these]
    next, top, at, names, present
"""

from __future__ import annotations

from ostler.points.history import Unsaved
from ostler.points.written import (
    Malformed,
    counters,
    names_left,
    row_of,
    row_of_point,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ostler.points.history import History

    _Data = dict[str, Any]
    _Rows = dict[Any, Any]  # {its first member: row}

_ROWS = ("layers", "blocks", "points")
_COUNTERS = ("next", "top", "at", "names", "present")


class Written:
    """What stands written of a History: from that an amendment leads to what it is now."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._counters = self._next_counters = counters(history)
        self._left = self._next_left = names_left(history)

    def amendment(self) -> _Data:
        """What has changed; {} where nothing has."""
        history = self.history
        changed, found = history.changed, counters(history)
        amendment = {key: value for key, value in found.items() if value != self._counters[key]}
        left = names_left(history)
        # As they are said here: the background counts on meanwhile.
        self._next_counters, self._next_left = found, left
        if left != self._left:
            stay = _in_common(self._left, left)
            amendment["left"] = [stay, left[stay:]]
        layers = _those(changed.layers, history.layers)
        blocks = _those(changed.blocks, history.blocks)
        points = [row_of_point(point) for point in changed.points if history.has(point)]
        gone = [
            [number for number in changed.layers if number not in history.layers],
            [number for number in changed.blocks if number not in history.blocks],
            list(changed.gone),
        ]
        for key, rows in zip(_ROWS, (layers, blocks, points), strict=True):
            if rows:
                amendment[key] = rows
        if any(gone):
            amendment["gone"] = gone
        return amendment

    def is_written(self) -> None:
        """It stands written as it was when that was asked for last."""
        self.history.changed = Unsaved()
        self._counters, self._left = self._next_counters, self._next_left


def _those(numbers: Iterable[int], parts: dict[int, Any]) -> list[Any]:
    return [row_of(parts[number]) for number in sorted(numbers) if number in parts]


def _in_common(before: list[str], now: list[str]) -> int:
    # With how many of the same they begin: all of one of them, as a rule.
    short = min(len(before), len(now))
    return short if before[:short] == now[:short] else 0


class Amended:
    """The data of a History, with amendments in it; Malformed where it can't have had them."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, dict) or not {*_ROWS, "left"} <= set(data):
            raise Malformed("its history has other parts")
        self._data = dict(data)
        self._rows: dict[str, _Rows] = {key: {} for key in _ROWS}
        for key in _ROWS:
            rows = self._put(key, data[key])
            if len(rows) != len(data[key]):
                raise Malformed("its history names something twice")
        self._left = list(_list(data["left"]))

    def amend(self, amendment: Any) -> None:
        """One more amendment."""
        known: dict[str, Callable[[Any], object]] = {
            "gone": self._forget,
            "left": self._leave,
            **{key: lambda rows, key=key: self._put(key, rows) for key in _ROWS},  # type: ignore[misc]
        }
        if not isinstance(amendment, dict) or not set(amendment) <= {*known, *_COUNTERS}:
            raise Malformed("its history has other parts")
        for key, function in known.items():  # what is gone comes first
            if key in amendment:
                function(amendment[key])
        self._data.update((key, amendment[key]) for key in _COUNTERS if key in amendment)

    def data(self) -> _Data:
        """The data as it is with all of them."""
        found = {key: list(rows.values()) for key, rows in self._rows.items()}
        found["layers"] = [row for _, row in sorted(self._rows["layers"].items())]
        return {**self._data, **found, "left": self._left}

    def _put(self, key: str, rows: Any) -> _Rows:
        kind = str if key == "points" else int
        into = self._rows[key]
        for row in _list(rows):
            if not _list(row) or type(row[0]) is not kind:
                raise Malformed(f"its {key} are none")
            into[row[0]] = row
        return into

    def _forget(self, gone: Any) -> None:
        if len(_list(gone)) != len(_ROWS):
            raise Malformed("what is gone is none of it")
        for key, names in zip(_ROWS, gone, strict=True):
            for name in _list(names):
                if type(name) is not (str if key == "points" else int):
                    raise Malformed("what is gone is none of it")
                self._rows[key].pop(name, None)

    def _leave(self, left: Any) -> None:
        if len(_list(left)) != 2 or type(left[0]) is not int or not 0 <= left[0] <= len(self._left):
            raise Malformed("what it goes back to is none of it")
        del self._left[left[0] :]
        self._left += _list(left[1])


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed("something is no list")
    return value
