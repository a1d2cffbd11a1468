"""Written: what a journal says, read strictly; it may be damaged, or of another version.

Names are components without "..", links aside; a stash has the exact name that a commit makes, and
each step moves something into one or out of one. Whatever is not so is no journal of ours.
"""

from __future__ import annotations

import re
from collections import namedtuple

from ostler.machine import host
from ostler.machines.rehearsal.journals import LARGEST, VERSION
from ostler.machines.rehearsal.looks import is_look
from ostler.machines.rehearsal.packed import Rows
from ostler.machines.rehearsal.steps import StepRows, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from typing import Any

    from ostler.machines.rehearsal.steps import Metadata, Step, Times

    _Stash = tuple[int, bytes]  # (number of a top, path below it)

# The records of a journal. `tops`: paths, bytes; `stashes`: (number of a top, path below it,
# bytes); `steps` (StepRows), `times`: as in steps.py; `looks`: [look, look] for each step, Rows;
# `notes`: what else stands there, in order.
Written = namedtuple("Written", "base tops stashes steps times looks notes")

_STASH = re.compile(rb"(?:.*/)?\.ostler-commit-[0-9a-f]{16}", re.S)
_SLOT = re.compile(rb"[0-9]+")
_AFTER = {  # what may follow a record
    "begin": ("waits", "go"),
    "waits": ("go",),
    "go": ("done", "back", "undone", "kept"),
    "back": ("undone", "kept"),
    "kept": ("kept", "undone"),
    "done": ("done", "cleared"),
    "cleared": ("cleared",),
    "undone": ("undone", "cleared"),
}
_START = b'["begin", '
_GO = '["go"'
_BLOCK = 1 << 20


class Damaged(ValueError):
    """A journal says what none says; `base`, when it has said that much."""

    def __init__(self, reason: str, base: bytes | None = None) -> None:
        super().__init__(reason)
        self.base = base


def read(file: FileIO) -> Written | None:
    """What stands in a journal, None when nothing was begun; Damaged when it is no journal.

    A last line that was not written to its end is as if it had never been begun, and is cut off.
    """
    base = None
    try:
        lines = _lines(file)
        if not lines:
            return None
        kind, *rest = _record(file, lines, 0)
        _need(kind == "begin", "it does not begin with its beginning")
        base, tops, stashes = _begin(*rest)
        last, steps, looks, notes = "begin", StepRows(), Rows(), []
        times: list[Times] = []
        for number in range(1, len(lines)):
            kind, *rest = _record(file, lines, number)
            _need(kind in _AFTER[last], f"{kind!r} stands after {last!r}")
            if kind == "go":
                steps, times, looks = _go(tops, stashes, *rest)
            elif kind == "waits":
                _need(len(rest) == 1 and _is_absolute(_bytes(rest[0])), "it waits for nothing")
            else:
                _need(not rest, f"{kind!r} says more than is known")
            notes.append(kind)
            last = kind
        return Written(base, tops, stashes, steps, times, looks, notes)
    except Damaged as error:
        raise Damaged(str(error), base) from None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise Damaged(f"it has another form ({type(error).__name__})", base) from None


def _need(fact: object, reason: str) -> None:
    if not fact:
        raise Damaged(reason)


def _lines(file: FileIO) -> list[tuple[int, int]]:
    """Where the lines are: [(start, end)], the ends without the newlines."""
    size = host.fstat(file.fileno()).st_size
    _need(size <= LARGEST, "it is larger than any that was written here")
    start = file.read(len(_START))
    _need(start == _START[: len(start)], "it does not begin with its beginning")
    lines, begun, at, part = [], 0, 0, start
    while part:
        found = part.find(b"\n")
        while found >= 0:
            lines.append((begun, at + found))
            begun = at + found + 1
            found = part.find(b"\n", found + 1)
        at += len(part)
        part = file.read(min(size - at, _BLOCK)) if at < size else b""
    if begun < at:
        file.truncate(begun)
    return lines


def _record(file: FileIO, lines: Sequence[tuple[int, int]], number: int) -> Sequence[Any]:
    """A record; the members of a "go" are to be gone through one after the other, each once."""
    import json  # when it is needed: it brings much along

    start, end = lines[number]
    file.seek(start)
    text = _Text(file, end - start, f"its line {number + 1} is damaged")
    if text.comes(_GO):
        return "go", text.members()
    try:
        record = json.loads(text.all())
    except (ValueError, RecursionError):
        raise Damaged(text.reason) from None
    _need(isinstance(record, list) and record, f"its line {number + 1} is no record")
    _need(record[0] in _AFTER, f"its line {number + 1} is of a kind that is not known here")
    return ("go", iter(record[1:])) if record[0] == "go" else record


class _Text:
    """The text of a line, which is not in memory as a whole; Damaged when it is no JSON."""

    def __init__(self, file: FileIO, size: int, reason: str) -> None:
        from json import JSONDecoder

        self._file = file
        self._left = size  # bytes that were not read yet
        self._text = ""
        self._at = 0  # what is before this was dealt with
        self._decoded = JSONDecoder().raw_decode
        self.reason = reason

    def members(self) -> Iterator[Iterator[Any]]:
        """What comes, up to the end of the line: lists, the values of each."""
        while self.comes(", "):
            yield self._values()
        _need(self.comes("]") and not self._more() and self._is_over(), self.reason)

    def _values(self) -> Iterator[Any]:
        _need(self.comes("["), self.reason)
        if self.comes("]"):
            return
        yield self._value()
        while self.comes(", "):
            yield self._value()
        _need(self.comes("]"), self.reason)

    def _value(self) -> Any:
        while True:
            try:
                value, end = self._decoded(self._text, self._at)
                if end < len(self._text) or self._left == 0:
                    self._at = end
                    return value
            except ValueError:
                pass  # it goes on in what was not read yet, or is none
            _need(self._more(), self.reason)

    def comes(self, mark: str) -> bool:
        """Whether this comes, which then is dealt with."""
        while len(self._text) - self._at < len(mark) and self._more():
            pass
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def all(self) -> str:
        """The rest."""
        while self._more():
            pass
        return self._text[self._at :]

    def _is_over(self) -> bool:
        return self._at == len(self._text)

    def _more(self) -> bool:
        # As much again as is there, so that what is no value is not read again and again.
        part = self._file.read(min(self._left, max(_BLOCK, len(self._text) - self._at)))
        self._left -= len(part)
        try:
            self._text = self._text[self._at :] + part.decode("ascii")
        except UnicodeDecodeError:
            raise Damaged(self.reason) from None
        self._at = 0
        return bool(part)


def _begin(
    base: Any, tops: Any, stashes: Any, version: Any = 1
) -> tuple[bytes, list[bytes], list[_Stash]]:
    _need(_is_count(version) and version <= VERSION, "a later version of ostler has written it")
    base = _bytes(base)
    tops = [_bytes(top) for top in tops]
    for path in (base, *tops):
        _need(_is_absolute(path), "it names a directory that is no absolute path")
    found = []
    for top, path in stashes:
        path = _path(path)
        _need(_is_index(top, tops) and _STASH.fullmatch(path), "it names no stash of a commit")
        found.append((top, path))
    return base, tops, found


def _go(
    tops: Sequence[bytes], stashes: Sequence[_Stash], members: Iterator[Any]
) -> tuple[StepRows, list[Times], Rows]:
    # In order, each gone through to its end before the next.
    steps = StepRows(_step(tops, stashes, *step) for step in _next(members))
    times = [_times(tops, *entry) for entry in _next(members)]
    pairs = next(members, None)  # the first version had none
    looks = Rows(([None, None] for _ in range(len(steps))) if pairs is None else map(_pair, pairs))
    _need(len(looks) == len(steps), "not every step has its looks")
    _need(next(members, None) is None, "'go' says more than is known")
    return steps, times, looks


def _next(members: Iterator[Any]) -> Any:
    found = next(members, None)
    if found is None:
        raise Damaged("'go' says less than it must")
    return found


def _pair(pair: Any) -> list[str | None]:
    _need(isinstance(pair, list) and len(pair) == 2, "a look is none")
    _need(all(x is None or is_look(x) for x in pair), "a look is none")
    return [*pair]


def _step(
    tops: Sequence[bytes], stashes: Sequence[_Stash], kind: Any, top: Any, one: Any, *rest: Any
) -> Step:
    _need(_is_index(top, tops), "a step is in no directory of the commit")
    one = _path(one, empty=kind == "meta")
    if kind == "meta":
        inode, old, new = rest
        _need(_is_count(inode), "a step has no object")
        _need(not _is_in_stash(stashes, top, one), "a step is about the stash itself")
        return unpack((kind, top, one, inode, _metadata(old), _metadata(new)))
    two, inode = rest
    two = _path(two)
    _need(_is_count(inode), "a step has no object")
    slots = [_is_slot(stashes, top, path) for path in (one, two)]
    _need(kind in ("move", "swap"), "a step is of a kind that is not known here")
    _need(sum(slots) == 1 and (kind == "move" or slots[0]), "a step is not from or to a stash")
    _need(not _is_in_stash(stashes, top, one if slots[1] else two), "a step is about the stash")
    return unpack((kind, top, one, two, inode))


def _is_slot(stashes: Sequence[_Stash], top: int, path: bytes) -> bool:
    above, _, name = path.rpartition(b"/")
    return (top, above) in stashes and _SLOT.fullmatch(name) is not None


def _is_in_stash(stashes: Sequence[_Stash], top: int, path: bytes) -> bool:
    return any(t == top and (path + b"/").startswith(stash + b"/") for t, stash in stashes)


def _metadata(wanted: Any) -> Metadata:
    checks = {
        "mode": lambda mode: _is_count(mode) and mode <= 0o7777,
        "owner": lambda owner: _are_numbers(owner) and all(0 <= n < 1 << 32 for n in owner),
        "times": _are_numbers,
        "xattrs": lambda found: all(
            isinstance(value, str) and value.encode("latin-1") is not None and _is_name(name)
            for name, value in found.items()
        ),
    }
    _need(isinstance(wanted, dict), "a step has no metadata")
    _need(all(key in checks and checks[key](wanted[key]) for key in wanted), "metadata is none")
    return {**wanted}


def _is_name(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) < 256 and "\0" not in text


def _times(
    tops: Sequence[bytes], top: Any, after: Any, before: Any, inode: Any, old: Any, new: Any
) -> Times:
    _need(_is_index(top, tops) and _is_count(inode), "times are of nothing")
    after, before = _bytes(after), _path(before, empty=True)
    if after.startswith(b"\0"):  # the directory will be gone
        _need(new is None, "times are given to what is gone")
    else:
        after = _path(after.decode("latin-1"), empty=True)
    _need(all(t is None or _are_numbers(t) for t in (old, new)), "times are none")
    return top, after, before, inode, old, new


def _are_numbers(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)


def _is_count(number: object) -> bool:
    return type(number) is int and number >= 0


def _is_index(number: Any, things: Sequence[object]) -> bool:
    return _is_count(number) and number < len(things)


def _bytes(text: Any) -> bytes:
    _need(isinstance(text, str), "a name is none")
    path: bytes = text.encode("latin-1")
    return path


def _path(text: Any, empty: bool = False) -> bytes:
    path = _bytes(text)
    _need(_is_relative(path) or (empty and not path), "it names what lies elsewhere")
    return path


def _is_relative(path: bytes) -> bool:
    return b"\0" not in path and not {b"", b".", b".."} & set(path.split(b"/"))


def _is_absolute(path: bytes) -> bool:
    return path == b"/" or (path.startswith(b"/") and _is_relative(path[1:]))
