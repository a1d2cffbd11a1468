"""A recording for people: the tree of the processes, and beneath each what it did, folded."""

from __future__ import annotations

import errno
import heapq
import shlex
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ostler.machine import host
from ostler.record.log import CHANGES, NETWORK, is_change, is_device

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostler.record.log import Event, RecordedProcess, Story

# What is said of the events of one group, in this order: (word, kinds).
WORDS = (
    ("created", ("create", "mkdir", "mknod", "symlink", "link")),
    ("wrote", ("write", "truncate")),
    ("renamed", ("rename",)),
    ("removed", ("remove", "rmdir")),
    ("mode", ("mode",)),
    ("owner", ("owner",)),
    ("times", ("times",)),
    ("attributes", ("attribute",)),
    ("mounted", ("mount",)),
    ("connected", ("connect",)),
    ("listened", ("bind",)),
    ("sent", ("send",)),
    ("read", ("read",)),
)
_WORD_OF = {kind: word for word, kinds in WORDS for kind in kinds}
# What is said of the network where nobody knows whether it was done.
TRIED = {"connect": "connect to", "bind": "listen at", "send": "send to"}
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
# What every program reads, and nobody asks for.
_USUAL = (
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/usr/lib/locale/*", "/usr/share/locale/*",
    "/etc/locale.alias", "*.so", "*.so.[0-9]*", "/proc/filesystems", "/usr/lib/*/gconv/*",
    "/proc/self/*", "/proc/[0-9]*", "/dev/null", "/dev/tty",
)  # fmt: skip
_DEEPEST = 40  # of the tree, as far as it is drawn
_MOST = 6  # paths of one sort that are named one by one

ONLY = ("written", "read", "network", "refused", "all")


class Wanted:
    """Which events are shown.

    - `only`: "written", "read", "network", "refused", "all", or None: all but what is usual
    - `paths`, `processes`: patterns, as for fnmatch, of which one must fit
    """

    def __init__(
        self, only: str | None = None, paths: Iterable[str] = (), processes: Iterable[str] = ()
    ) -> None:
        self._only = only
        self._paths = tuple(paths)
        self._processes = tuple(processes)

    @property
    def is_plain(self) -> bool:
        """Whether nothing was asked for: all but what is usual is wanted."""
        return not self._only and not self._paths and not self._processes

    def process(self, one: RecordedProcess) -> bool:
        """Whether what a process did is shown."""
        if not self._processes:
            return True
        program = one.program
        names = {str(one.pid)}
        if program is not None:
            names |= {program.path, program.path.rpartition("/")[2], program.arguments[0]}
        return any(fnmatchcase(name, known) for known in self._processes for name in names)

    def event(self, event: Event) -> bool:
        """Whether an event is shown."""
        if self._paths:
            names = [event.path] + ([event.other] if event.kind in ("rename", "link") else [])
            if not any(_fits(name, pattern) for pattern in self._paths for name in names):
                return False
        if self._only == "written":
            return event.kind in CHANGES and not _goes_nowhere(event)
        if self._only == "read":
            return event.kind == "read"
        if self._only == "network":
            return event.kind in NETWORK
        if self._only == "refused":
            return event.outcome is False and (event.errno in REFUSED or _is_told(event))
        if self._only == "all" or self._paths:
            return True
        if event.outcome is False:  # of what only was not there, or was there, nothing
            if event.kind in CHANGES and event.errno in (errno.ENOENT, errno.EEXIST):
                return False
            return event.errno in REFUSED or _is_told(event)
        return not _goes_nowhere(event) and (event.kind != "read" or not is_usual(event.path))


def _is_told(event: Event) -> bool:
    # Of what failed: whether somebody wanted to change something, or to connect to something.
    return event.kind in CHANGES or (event.kind in NETWORK and event.errno != errno.ENOENT)


def _goes_nowhere(event: Event) -> bool:
    return event.kind in ("write", "truncate") and is_device(event.path)


def chosen(story: Story, wanted: Wanted) -> Story:
    """The same recording with no other events than those that are wanted."""
    from ostler.record.log import Story

    found = Story()
    found.about, found.processes = story.about, story.processes
    found.complete, found.problem = story.complete, story.problem
    found.events = [
        event for event in story.events if wanted.process(event.process) and wanted.event(event)
    ]
    return found


def _fits(name: str, pattern: str) -> bool:
    # A pattern without a star is a directory, too, with all that is in it.
    return fnmatchcase(name, pattern) or lies_in(name, (pattern,))


def lies_in(path: str, directories: Iterable[str]) -> bool:
    """Whether a path is one of these, or lies below one, as they are written."""
    return any(path == one or path.startswith(one.rstrip("/") + "/") for one in directories)


def is_usual(path: str) -> bool:
    """Whether it is what every program reads when it begins."""
    return any(fnmatchcase(path, pattern) for pattern in _USUAL)


def lines(story: Story, wanted: Wanted) -> Iterator[tuple[str, str]]:
    """The lines of the outline, as (what, text): what is "process", a word of a group, or "end"."""
    events: dict[int, list[Event]] = {}
    for event in story.events:
        if wanted.event(event):
            events.setdefault(event.process.number, []).append(event)
    counts = _counts(story, events, wanted)
    waiting = [(one, 0) for one in reversed(story.roots)]
    while waiting:
        one, depth = waiting.pop()
        if not counts[one.number]:
            continue
        indent = "  " * min(depth, _DEEPEST)
        yield "process", indent + headline(one)
        if wanted.process(one):
            yield from told(events.get(one.number, ()), indent + "    ")
        waiting += [(child, depth + 1) for child in reversed(one.children)]
    yield "end", end_of(story)


def _counts(story: Story, events: dict[int, list[Event]], wanted: Wanted) -> dict[int, int]:
    # Of each process, how much is told of it and of those below it. A child comes after its parent.
    found = {}
    plain = wanted.is_plain
    for one in story.processes:
        found[one.number] = 0
        if wanted.process(one):
            found[one.number] = len(events.get(one.number, ())) + (plain or bool(wanted._processes))
    for one in reversed(story.processes):
        if one.parent is not None:
            found[one.parent.number] += found[one.number]
    return found


def headline(one: RecordedProcess) -> str:
    """One line about a process: what it ran, how it ended, how long it took."""
    program = one.program
    text = "?" if program is None else command(program.arguments, program.path)
    if not any(known.outcome is not False for known in one.programs) and one.parent is not None:
        text = f"({text})"  # a copy of its parent
    ended = ""
    if one.status is not None and one.status < 0:
        ended = f", killed by signal {-one.status}"
    elif one.status:
        ended = f", exit status {one.status}"
    elif one.ended is None:
        ended = ", still running"
    took = "" if one.ended is None else f"  {one.ended - one.began:.2f} s"
    return f"{text}  [{one.pid}{ended}]{took}"


def command(arguments: Iterable[str], path: str, most: int = 100) -> str:
    """A command as one types it, on one line, cut where it is long."""
    text = " ".join(shlex.quote(word) for word in arguments) or path
    text = on_one_line(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def told(events: Iterable[Event], indent: str) -> Iterator[tuple[str, str]]:
    """Lines about events, as (what, text), each with `indent` before it; many paths are folded."""
    groups: dict[str, dict[str, None]] = {}
    for event in events:
        word = next(word for word, kinds in WORDS if event.kind in kinds)
        path = on_one_line(event.path)
        if event.kind == "rename":
            path += f" -> {on_one_line(event.other)}"
        elif event.kind == "mode":
            path += f" {event.value & 0o7777:o}"
        if event.outcome is False:
            word = f"failed: {word}" if event.errno not in REFUSED else f"refused: {word}"
            path += f" ({errno.errorcode.get(event.errno, 'it failed')})" if event.errno else ""
        elif event.outcome is None and event.kind in TRIED:
            word = f"tried to {TRIED[event.kind]}"
        elif event.outcome is None and event.kind in CHANGES:
            word = f"tried: {word}"
        groups.setdefault(word, {})[path + (" (in doubt)" if event.doubt else "")] = None
    order = {word: number for number, (word, _) in enumerate(WORDS)}
    order |= {f"tried to {verb}": order[_WORD_OF[kind]] for kind, verb in TRIED.items()}
    for word in sorted(groups, key=lambda word: (":" in word, order[word.rpartition(": ")[2]])):
        for text in folded(list(groups[word])):
            yield word, f"{indent}{word} {text}"


def folded(paths: list[str]) -> list[str]:
    """Paths for people: one by one where they are few, else by the directories that they are in."""
    if len(paths) <= _MOST:
        return paths
    found: dict[str, list[str]] = {}
    for path in paths:
        above, slash, _ = path.rpartition("/")
        found.setdefault(above + slash, []).append(path)
    # The deepest first, one by one, until they are few.
    deepest = [(-above.count("/"), order, above) for order, above in enumerate(found)]
    heapq.heapify(deepest)
    order = len(deepest)
    while len(found) > _MOST and deepest and deepest[0][0] < -1:
        _, _, longest = heapq.heappop(deepest)
        above = longest[: longest.rstrip("/").rfind("/") + 1]
        inside = found.pop(longest)
        if above not in found:
            found[above] = []
            order += 1
            heapq.heappush(deepest, (-above.count("/"), order, above))
        found[above].extend(inside)
    return [
        inside[0] if len(inside) == 1 else f"{above} ({len(inside):,})"
        for above, inside in sorted(found.items())
    ]


def on_one_line(path: str) -> str:
    """A text for a terminal: what could steer it, or end the line, stands escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in path)


def end_of(story: Story) -> str:
    """The last line: how much there was."""
    changed = {event.path for event in story.events if is_change(event)}
    read = {event.path for event in story.events if event.kind == "read" and event.outcome}
    text = f"{_many(len(story.processes), 'process', 'processes')}, "
    text += f"{_many(len(changed), 'path', 'paths')} changed, {len(read):,} read"
    if story.problem:
        text += f"; incomplete: {host.strerror(story.problem)}"
    elif not story.complete:
        text += "; cut off: its end is missing"
    return text


def _many(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"
