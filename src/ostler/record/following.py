"""Following a log while it is written: what has come since the last look, and how it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ostler.machine import host
from ostler.record import log
from ostler.record.outline import command, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ostler.record.log import Event, Program, RecordedProcess, Story
    from ostler.record.outline import Wanted

_CHUNK = 1 << 20  # bytes that are read at once
_CHANGES = frozenset(
    ("create", "mkdir", "mknod", "symlink", "link", "rename", "remove", "rmdir", "bind")
)
_MOST = 8  # processes of one time that are told one by one


class News(NamedTuple):
    """What has come since one looked last, in the order in which it was written.

    - `started`: a list of (RecordedProcess, Program) of programs that have begun; `ended`: of
      RecordedProcess
    - `events`: of Event
    """

    started: list[tuple[RecordedProcess, Program]]
    ended: list[RecordedProcess]
    events: list[Event]


class Follower:
    """Reads the log at a descriptor, which stays the caller's, as far as it is written.

    `fd`: the descriptor, in whose place another one of the same file may be put; `kinds`: those of
    the events that are wanted, or none: all. `story` has the processes and what is known of the
    whole, and no events: these are in the News. `at` is how many bytes of it were read.
    """

    def __init__(self, fd: int, kinds: Iterable[str] = ()) -> None:
        self.story: Story = log.Story()
        self.fd = fd
        chosen = frozenset(kinds)
        self._unwanted = {
            number for number, kind in log.KINDS.items() if chosen and kind not in chosen
        }
        self.at = 0
        self._rest = b""
        self._reader = log.Reader(self.story)
        self._is_headless = True

    def news(self) -> News:
        """What has come since; NotALog where it is no log."""
        news = News([], [], [])
        while self._read(news):
            pass
        return news

    def part(self) -> News | None:
        """A part of what has come since, so that it is never too much; None: there is nothing."""
        news = News([], [], [])
        return news if self._read(news) else None

    def _read(self, news: News) -> bool:
        data = host.pread(self.fd, _CHUNK, self.at)
        self.at += len(data)
        self._rest += data
        if data:
            self._take(news)
        return bool(data)

    def _take(self, news: News) -> None:
        if self._is_headless:
            size = log.size_of_head(self._rest)
            if size is None:
                return
            self._rest = self._rest[size:]
            self._is_headless = False
        pieces, used = log.whole_pieces(self._rest)
        self._rest = self._rest[used:]
        for piece in pieces:
            if piece[:1] == b"E" and piece[1] in self._unwanted:
                continue
            self._note(piece, self._reader.take_one(piece), news)

    def _note(self, piece: bytes, process: RecordedProcess | None, news: News) -> None:
        news.events.extend(self.story.events)
        self.story.events.clear()
        if process is None:
            return
        if piece[:1] == b"X" and process.programs[-1].outcome:
            news.started.append((process, process.programs[-1]))
        elif piece[:1] == b"Q":
            news.ended.append(process)


def lines(news: News, wanted: Wanted) -> Iterator[tuple[str, str]]:
    """News in lines, as (what, text): "process", "end", or a word of outline.told().

    What many processes did at once is folded: told of all that ran the same program together. All
    else is in the order in which it began, and nothing above what it needed of another process.
    """
    parts = _by_process(news, wanted)
    if len({part.name for part in parts}) > _MOST:
        parts = _by_program(parts)
    for part in sorted(parts, key=lambda part: part.time):
        yield from _of_one(part)


class _Told:
    """What is told together: of one process, or of all that ran one program."""

    def __init__(self, name: str, time: float) -> None:
        self.name = name
        self.time = time
        self.commands: list[str] = []
        self.ends: list[str] = []
        self.events: list[Event] = []
        self.processes = 1


class _Turns:
    """What is told of each process, in as few turns as the order allows."""

    def __init__(self) -> None:
        self.all: list[_Told] = []
        self._last: dict[str, _Told] = {}  # by name
        self._changed: dict[str, _Told] = {}  # by path: who has changed it last

    def of(self, one: RecordedProcess, time: float) -> _Told:
        """The part to which something at this time belongs."""
        name = f"{name_of(one)}[{one.pid}]"
        part = self._last.get(name)
        return self._new(name, time) if part is None else part

    def ended(self, one: RecordedProcess) -> _Told:
        """A part for the end of a process."""
        return self._new(f"{name_of(one)}[{one.pid}]", one.ended or 0.0)

    def add(self, event: Event) -> None:
        """Add an event to its process's part, or to a later one, if it comes after another's."""
        part = self.of(event.process, event.time)
        paths = [event.path, event.other] if event.kind in ("rename", "link") else [event.path]
        if any(self._waits(part, path) for path in paths):
            part = self._new(part.name, event.time)
        part.events.append(event)
        if event.kind in _CHANGES:
            for path in paths:
                self._changed[path] = part

    def _new(self, name: str, time: float) -> _Told:
        part = self._last[name] = _Told(name, time)
        self.all.append(part)
        return part

    def _waits(self, part: _Told, path: str) -> bool:
        # Whether somebody whose part comes later has made or removed it, or a directory above it.
        while path:
            other = self._changed.get(path)
            if other is not None and other is not part and other.time > part.time:
                return True
            path = path.rpartition("/")[0]
        return False


def _by_process(news: News, wanted: Wanted) -> list[_Told]:
    parts = _Turns()
    if wanted.is_plain:
        for one, program in news.started:
            if wanted.process(one):
                text = command(program.arguments, program.path)
                parts.of(one, program.time).commands.append(text)
    for event in sorted(news.events, key=lambda event: event.time):
        if wanted.process(event.process) and wanted.event(event):
            parts.add(event)
    if wanted.is_plain:
        for one in news.ended:
            if one.status and wanted.process(one):
                parts.ended(one).ends.append(_ended(one))
    return parts.all


def name_of(one: RecordedProcess) -> str:
    """The name of what a process runs, as it was called, without a directory."""
    program = one.program
    if program is None:
        return "?"
    called = program.arguments[0] or program.path
    return command((called.rpartition("/")[2] or called,), "", 40)


def _ended(one: RecordedProcess) -> str:
    if one.status is not None and one.status < 0:
        return f"killed by signal {-one.status}"
    return f"exit status {one.status}"


def _by_program(parts: list[_Told]) -> list[_Told]:
    found: dict[str, _Told] = {}
    names: dict[str, set[str]] = {}
    for part in parts:
        program = part.name.rpartition("[")[0]
        names.setdefault(program, set()).add(part.name)
        known = found.setdefault(program, _Told(part.name, part.time))
        known.time = min(known.time, part.time)
        known.commands += part.commands
        known.ends += part.ends
        known.events += part.events
    for program, known in found.items():
        known.processes = len(names[program])
        if known.processes > 1:
            known.name = _counted(program, known.processes)
    return list(found.values())


def _counted(name: str, number: int) -> str:
    return name if number == 1 else f"{name} x{number:,}"


def _of_one(part: _Told) -> Iterator[tuple[str, str]]:
    start = f"{part.time:9.3f} s  {part.name}  "
    if part.processes == 1:
        for text in part.commands:
            yield "process", f"{start}{text}"
    elif part.commands:
        yield "process", f"{start}started {len(part.commands):,} times: {part.commands[0]} ..."
    yield from told(part.events, start)
    for text, number in _counts(part.ends):
        yield "failed", f"{start}{_counted(text, number)}"


def _counts(texts: Sequence[str]) -> Iterable[tuple[str, int]]:
    found: dict[str, int] = {}
    for text in texts:
        found[text] = found.get(text, 0) + 1
    return found.items()
