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

    What many processes did at once is folded: told of all that ran the same program together.
    """
    parts = _by_process(news, wanted)
    if len(parts) > _MOST:
        parts = _by_program(parts)
    for name, part in parts.items():
        yield from _of_one(name, part)


class _Told:
    """What is told together: of one process, or of all that ran one program."""

    def __init__(self) -> None:
        self.name = ""
        self.time = -1.0
        self.commands: list[str] = []
        self.ends: list[str] = []
        self.events: list[Event] = []
        self.processes = 1

    def at(self, time: float) -> None:
        """It began no later than this."""
        self.time = time if self.time < 0 else min(self.time, time)


def _by_process(news: News, wanted: Wanted) -> dict[str, _Told]:
    found: dict[str, _Told] = {}

    def part(one: RecordedProcess, time: float) -> _Told:
        made = found.setdefault(f"{name_of(one)}[{one.pid}]", _Told())
        made.at(time)
        return made

    if wanted.is_plain:
        for one, program in news.started:
            if wanted.process(one):
                text = command(program.arguments, program.path)
                part(one, program.time).commands.append(text)
    for event in news.events:
        if wanted.process(event.process) and wanted.event(event):
            part(event.process, event.time).events.append(event)
    if wanted.is_plain:
        for one in news.ended:
            if one.status and wanted.process(one):
                part(one, one.ended or 0.0).ends.append(_ended(one))
    return found


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


def _by_program(parts: dict[str, _Told]) -> dict[str, _Told]:
    found: dict[str, _Told] = {}
    for name, part in parts.items():
        known = found.get(name.rpartition("[")[0])
        if known is None:
            part.name = name
            found[name.rpartition("[")[0]] = part
            continue
        known.at(part.time)
        known.processes += 1
        known.commands += part.commands
        known.ends += part.ends
        known.events += part.events
    return {
        part.name if part.processes == 1 else _counted(name, part.processes): part
        for name, part in found.items()
    }


def _counted(name: str, number: int) -> str:
    return name if number == 1 else f"{name} x{number:,}"


def _of_one(name: str, part: _Told) -> Iterator[tuple[str, str]]:
    start = f"{part.time:9.3f} s  {name}  "
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
