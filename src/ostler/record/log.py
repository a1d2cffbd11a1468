"""What a recording has: processes, the programs that they ran, and what these did, read from a log.

A log is written by record/pieces.py as a stream of pieces, of which record/pieces.pxd tells. Before
them stands a head: sixteen bytes that say what it is, and a text, a JSON object about the whole.
"""

from __future__ import annotations

import json
import re
import struct
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from ostler.machine import host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAGIC = b"ostler record\0\0\1"
KINDS = {
    1: "read", 2: "write", 3: "create", 4: "remove", 5: "rename", 6: "link", 7: "mode", 8: "owner",
    9: "truncate", 10: "times", 11: "attribute", 12: "connect", 13: "bind", 14: "send", 15: "mount",
    17: "mkdir", 18: "symlink", 19: "rmdir", 20: "mknod",
}  # fmt: skip
# What may change something of a file system.
CHANGES = frozenset(
    ("write", "create", "remove", "rename", "link", "mode", "owner", "truncate", "times",
     "attribute", "mkdir", "symlink", "rmdir", "mknod", "mount")
)  # fmt: skip
NETWORK = frozenset(("connect", "bind", "send"))
# Devices that keep nothing of what is written to them; terminals have a number besides.
DEVICES = frozenset(
    f"/dev/{name}"
    for name in ("console", "full", "null", "ptmx", "pts/ptmx", "random", "tty", "urandom", "zero")
)
_TERMINALS = re.compile("/dev/(pts/|tty)[0-9]+")
_WITH_TWO = frozenset(("rename", "link", "symlink"))
_SECOND = 1_000_000_000
_LONGEST = 1 << 24  # text, in bytes; of what programs do none is that long
_TIME = (1 << 48) - 1
_BEGUN, _EXECUTED = struct.Struct("=4xIIIIIQ"), struct.Struct("=xbBBIIIIIQ")
_ENTRY, _ENDED = struct.Struct("=xBbBIIIQ"), struct.Struct("=xB2xIiIQQ")
_TEXT = struct.Struct("=4xI")
_SIZES = {
    b"T": _TEXT.size, b"P": _BEGUN.size, b"X": _EXECUTED.size, b"E": _ENTRY.size,
    b"Q": _ENDED.size, b"L": _ENDED.size,
}  # fmt: skip


class Program(NamedTuple):
    """One program that a process has run, or has tried to.

    - `path`: of the file; `arguments`: a tuple of str; `cwd`: where it began
    - `cut`: whether there were more arguments than a log keeps
    - `time`: seconds since the log began; `outcome`: True when it ran, False when it could not,
      None when nobody knows; `errno`: of what could not, as far as that is known, else 0
    """

    path: str
    arguments: tuple[str, ...]
    cwd: str
    time: float
    outcome: bool | None
    cut: bool
    uid: int
    errno: int = 0


class RecordedProcess:
    """One process.

    - `number`: its own in this log, from 1; `pid`; `uid`: the user by whom it began
    - `parent`: the one that had started it, or None; `children`: a list of those that it started
    - `programs`: a list of Program: what it ran, one after the other
    - `began`, `ended`: seconds since the log began; `ended` is None where it wasn't seen
    - `status`: its exit status, or minus the signal that ended it, as subprocess has it, or None
    - `cpu`: seconds of processor time; `memory`: bytes, at the most; both as far as they are known
    """

    def __init__(
        self, number: int, pid: int, uid: int, parent: RecordedProcess | None, began: float
    ):
        self.number = number
        self.pid = pid
        self.uid = uid
        self.parent = parent
        self.children: list[RecordedProcess] = []
        self.programs: list[Program] = []
        self.began = began
        self.cwd = ""
        self.ended: float | None = None
        self.status: int | None = None
        self.cpu = 0.0
        self.memory = 0
        if parent is not None:
            parent.children.append(self)

    @property
    def program(self) -> Program | None:
        """What it ran at last; of one that runs what its parent ran, that."""
        one: RecordedProcess | None = self
        while one is not None:
            for program in reversed(one.programs):
                if program.outcome is not False:
                    return program
            one = one.parent
        return None

    def __repr__(self) -> str:
        program = self.program
        return f"<RecordedProcess {self.pid}: {program.path if program else '?'}>"


class Event(NamedTuple):
    """One call of a program that is recorded.

    - `kind`: "read", "write", "create", "mkdir", "mknod", "symlink", "link", "rename", "remove",
      "rmdir", "mode", "owner", "truncate", "times", "attribute", "mount", "connect", "bind", "send"
    - `path`: an absolute path on the machine, with all links followed, or an address
    - `other`: of a rename the new name, of a link the one that there was, of a symlink its text
    - `value`: flags of what is opened, a mode, a uid; 0 where there is none
    - `outcome`: True: it was done; False: it failed; None: it was tried, and nobody knows
    - `errno`: of what failed, as far as that is known, else 0
    - `doubt`: another thread has changed the path while it was read: it may have been another file
    """

    time: float
    process: RecordedProcess
    kind: str
    path: str
    other: str
    value: int
    outcome: bool | None
    errno: int
    doubt: bool


class Story:
    """A recording, read into memory: `processes` and `events` in the order of their beginning.

    - `about`: a dict with what is known of the whole: "command", "began" (seconds since the epoch)
    - `complete`: whether the end was seen; `problem`: the errno of what could not be written, or 0
    """

    def __init__(self) -> None:
        self.about: dict[str, Any] = {}
        self.processes: list[RecordedProcess] = []
        self.events: list[Event] = []
        self.complete = False
        self.problem = 0

    @property
    def roots(self) -> list[RecordedProcess]:
        """The processes whose parent isn't recorded."""
        return [process for process in self.processes if process.parent is None]


def joined(stories: Sequence[Story]) -> Story:
    """Several recordings, one after the other, as one: what is in them stays as it is."""
    if len(stories) == 1:
        return stories[0]
    found = Story()
    found.about = dict(stories[0].about)
    found.complete = all(story.complete for story in stories)
    found.problem = next((story.problem for story in stories if story.problem), 0)
    for story in stories:
        _join(found, story, story.about.get("began", 0) - found.about.get("began", 0))
    return found


def _join(found: Story, story: Story, later: float) -> None:
    known: dict[int, RecordedProcess] = {}
    for one in story.processes:
        parent = known[one.parent.number] if one.parent is not None else None
        again = RecordedProcess(
            len(found.processes) + 1, one.pid, one.uid, parent, one.began + later
        )
        again.cwd, again.status, again.cpu, again.memory = one.cwd, one.status, one.cpu, one.memory
        again.ended = None if one.ended is None else one.ended + later
        again.programs = [program._replace(time=program.time + later) for program in one.programs]
        known[one.number] = again
        found.processes.append(again)
    found.events.extend(
        event._replace(time=event.time + later, process=known[event.process.number])
        for event in story.events
    )


def is_device(path: str) -> bool:
    """Whether a path is that of a device which keeps nothing: /dev/null, a terminal."""
    return path in DEVICES or _TERMINALS.fullmatch(path) is not None


def is_change(event: Event) -> bool:
    """Whether an event may have changed something: what is written to /dev/null, say, has not."""
    if event.kind not in CHANGES or event.outcome is False:
        return False
    return event.kind not in ("write", "truncate") or not is_device(event.path)


class NotALog(ValueError):
    """It is no log of ours, or one of a newer ostler."""


def head(about: dict[str, Any]) -> bytes:
    """What stands before all pieces."""
    text = json.dumps(about).encode()
    return MAGIC + _TEXT.pack(len(text)) + text + b"\0" * (-len(text) % 8)


def tail(problem: int) -> bytes:
    """What stands at the end; `problem`: the errno of what could not be written, or 0."""
    return b"L" + _ENDED.pack(0, 0, problem, 0, 0, 0)[1:]


def read(file: IO[bytes]) -> Story:
    """Read a log, which may be cut off anywhere; NotALog when it is none."""
    story = Story()
    start = file.read(len(MAGIC))
    if start[:-1] != MAGIC[:-1]:
        raise NotALog("this is no log of ostler record")
    if start != MAGIC:
        raise NotALog("this log is of a newer ostler")
    pieces = _pieces(file)
    try:
        (size,) = _TEXT.unpack(file.read(_TEXT.size))
        about = json.loads(_read_text(file, size))
    except NotALog:
        raise
    except (struct.error, ValueError):
        return story  # cut off in its first bytes
    except RecursionError:
        raise NotALog("this log is damaged") from None
    if not isinstance(about, dict):
        raise NotALog("this log is damaged")
    story.about = about
    Reader(story).take(pieces)
    story.events.sort(key=lambda event: event.time)
    return story


def _read_text(file: IO[bytes], size: int) -> bytes:
    if size > _LONGEST:
        raise NotALog("this log is damaged")
    return file.read(size + -size % 8)[:size]


def size_of_head(data: bytes) -> int | None:
    """The bytes that stand before all pieces; None where that is more than these."""
    start = len(MAGIC) + _TEXT.size
    if len(data) < start:
        return None
    if data[: len(MAGIC)] != MAGIC:
        raise NotALog("this is no log of ostler record")
    (size,) = _TEXT.unpack(data[len(MAGIC) : start])
    end = start + size + -size % 8
    return end if len(data) >= end else None


def whole_pieces(data: bytes) -> tuple[list[bytes], int]:
    """(the pieces with which some bytes begin, their bytes together): the last may be cut off."""
    found: list[bytes] = []
    at = 0
    while at + 8 <= len(data):
        size = _SIZES.get(data[at : at + 1])
        if size is None:
            raise NotALog("this log is damaged")
        end = at + size
        if end > len(data):
            break
        if data[at : at + 1] == b"T":
            (length,) = _TEXT.unpack(data[at:end])
            text = data[end : end + length]
            end += length + -length % 8
            if end > len(data):
                break
            found.append(b"T" + text)
        else:
            found.append(data[at:end])
        at = end
    return found, at


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while start := file.read(8):
        size = _SIZES.get(start[:1])
        if size is None:
            raise NotALog("this log is damaged")
        piece = start + file.read(size - 8)
        if len(piece) < size:
            return
        if start[:1] == b"T":
            (length,) = _TEXT.unpack(piece)
            text = _read_text(file, length)
            if len(text) < length:
                return
            yield b"T" + text
        else:
            yield piece


class Reader:
    """Puts what pieces say into a Story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._texts = [""]
        self._known: dict[int, RecordedProcess] = {}
        self._ways: dict[bytes, Callable[[bytes], RecordedProcess | None]] = {
            b"P": self._begun, b"X": self._executed, b"E": self._entry, b"Q": self._ended,
            b"L": self._last,
        }  # fmt: skip

    def take(self, pieces: Iterator[bytes]) -> None:
        """Read them all."""
        for piece in pieces:
            self.take_one(piece)

    def take_one(self, piece: bytes) -> RecordedProcess | None:
        """Read one; the process of which it tells that it began, ran something, or ended."""
        if piece[:1] == b"T":
            self._texts.append(host.fsdecode(piece[1:]))
            return None
        try:
            return self._ways[piece[:1]](piece)
        except (IndexError, KeyError):
            raise NotALog("this log is damaged") from None

    def _begun(self, piece: bytes) -> RecordedProcess:
        number, parent, pid, uid, cwd, time = _BEGUN.unpack(piece)
        above = self._known[parent] if parent else None
        process = RecordedProcess(number, pid, uid, above, time / _SECOND)
        process.cwd = self._texts[cwd]
        self._known[number] = process
        self._story.processes.append(process)
        return process

    def _executed(self, piece: bytes) -> RecordedProcess:
        outcome, cut, errno, number, path, arguments, cwd, uid, time = _EXECUTED.unpack(piece)
        words = tuple(self._texts[arguments].split("\0"))
        program = Program(
            self._texts[path], words, self._texts[cwd], time / _SECOND, _OUTCOMES[outcome],
            bool(cut), uid, errno,
        )  # fmt: skip
        self._known[number].programs.append(program)
        return self._known[number]

    def _entry(self, piece: bytes) -> None:
        number, outcome, doubt, process, path, other, time = _ENTRY.unpack(piece)
        kind = KINDS[number]
        two = kind in _WITH_TWO
        self._story.events.append(
            Event(
                (time & _TIME) / _SECOND,
                self._known[process],
                kind,
                self._texts[path],
                self._texts[other] if two else "",
                0 if two else other,
                _OUTCOMES[outcome],
                time >> 48,
                bool(doubt),
            )
        )

    def _ended(self, piece: bytes) -> RecordedProcess:
        known, number, status, memory, used, time = _ENDED.unpack(piece)
        process = self._known[number]
        process.ended = time / _SECOND
        process.cpu = used / _SECOND
        process.memory = memory << 10
        if known:
            process.status = host.waitstatus_to_exitcode(status & 0xFF7F)
        return process

    def _last(self, piece: bytes) -> None:
        self._story.complete = True
        self._story.problem = _ENDED.unpack(piece)[2]


_OUTCOMES = {1: True, 0: None, -1: False}
