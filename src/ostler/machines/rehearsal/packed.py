"""Rows: lists of very many steps, packed, since a commit has them all until it is over."""

from __future__ import annotations

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

_PIECE = 512  # rows that are packed together, whose paths have most in common


class Rows:
    """Tuples and lists of plain data, to be added at the end and gone through in order.

    They take a tenth of the memory that they would take in a list.
    """

    __slots__ = ("_last", "_pieces", "_seen")

    def __init__(self, rows: Iterable[Any] = ()) -> None:
        self._pieces: list[bytes] = []
        self._last: list[Any] = []  # not packed yet
        # The number of the piece that was asked last, and its rows.
        self._seen: tuple[int, Sequence[Any]] = -1, ()
        for row in rows:
            self.append(row)

    def append(self, row: Any) -> None:
        self._last.append(row)
        if len(self._last) == _PIECE:
            from zlib import compress  # when it is needed: few commits have as many

            self._pieces.append(compress(marshal.dumps(self._last), 1))
            self._last = []

    def __len__(self) -> int:
        return len(self._pieces) * _PIECE + len(self._last)

    def __iter__(self) -> Iterator[Any]:
        for number in range(len(self._pieces) + 1):
            yield from self._piece(number)

    def __getitem__(self, number: int) -> Any:
        if not 0 <= number < len(self):
            raise IndexError(number)
        piece, at = divmod(number, _PIECE)
        return self._piece(piece)[at]

    def packed(self) -> Iterator[Any]:
        """All of it as plain data, as it is kept."""
        return iter(self)

    def _piece(self, number: int) -> Sequence[Any]:
        if number == len(self._pieces):
            return self._last
        known, rows = self._seen
        if known != number:
            from zlib import decompress

            rows = marshal.loads(decompress(self._pieces[number]))
            self._seen = number, rows
        return rows
