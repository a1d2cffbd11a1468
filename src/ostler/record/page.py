"""A recording as one page of HTML: it needs nothing besides a browser, and asks no network.

The page is made of the files in page_parts/. What the recording has stands in it as JSON, events in
columns and paths as a tree, so that 100,000 events take some 2 MB. All of it may be hostile: names,
arguments and addresses are what programs made them. So it is never HTML: the JSON has no character
with which a tag begins, the script of the page writes text alone, and the page's policy lets
nothing else run, and nothing be fetched.
"""

from __future__ import annotations

import errno
import html
import json
import math
import re
from base64 import b64encode
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any

from ostler.machine import host
from ostler.record.log import CHANGES, KINDS, NETWORK, is_device
from ostler.record.outline import REFUSED, TRIED, WORDS, command, is_usual

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostler.record.log import Event, Program, RecordedProcess, Story

FORMAT = 1
_PARTS = "page_parts"
_SCRIPTS = ("data.js", "lists.js", "views.js", "page.js")
_MARK = re.compile(r"\{\{(\w+)\}\}")
_MICROSECONDS = 1_000_000
_KINDS = ("created", "modified", "removed", "renamed", "retyped", "metadata")  # of changes
_OUTCOMES = {True: "1", False: "0", None: "?"}


def page(story: Story, file: IO[str]) -> None:
    """Write the page to a text file of UTF-8 that is open for writing."""
    style = _part("page.css")
    script = "".join(map(_part, _SCRIPTS))
    policy = (
        f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'"
    )
    words = _words(story.about.get("command"))
    parts = {
        "title": html.escape(command(words, "ostler record")),
        "policy": policy,
        "style": style,
        "script": script,
        "data": _as_text(data(story)),
    }
    # In one go: what stands in the one part is no mark for another.
    file.write(_MARK.sub(lambda mark: parts[mark[1]], _part("page.html")))


def data(story: Story) -> dict[str, Any]:
    """What the page has of a recording, as an object of JSON.

    - "nodes": the tree of all paths, [the parents' numbers, the names]; a parent stands before what
      is in it, and -1 is the parent of what no directory is above
    - "processes": a list of [pid, parent (an index, or -1), uid, cwd, began, ended, status, cpu,
      memory, programs]; of these each [time, path (a node), arguments, cwd, outcome, cut,
      uid, errno]
    - "changes": of a rehearsal what differs at the end, a list of [path (a node), kind, source (a
      node, or -1), process (an index, or -1)]
    - "events": columns, each with an entry for every event: "time" (since the event before),
      "process" (an index), "path" (a node), as texts of one letter for each "kind" ("a" is 1) and
      "outcome" ("1", "0", "?"); and {index: value} of what few have: "other" (a node), "value",
      "errno", "doubt"

    - "devices": nodes of what keeps nothing that is written to it

    Times are microseconds since the log began.
    """
    nodes = _Nodes()
    indexes = {one.number: index for index, one in enumerate(story.processes)}
    processes = [_process(one, indexes, nodes) for one in story.processes]
    events = _events(story.events, indexes, nodes)
    differing = list(_changes(story.about.get("changes"), indexes, nodes))
    usual = [number for text, number in nodes.whole.items() if is_usual(text)]
    return {
        "format": FORMAT,
        "about": _about(story),
        "kinds": [KINDS.get(number, "") for number in range(max(KINDS) + 1)],
        "words": {kind: word for word, kinds in WORDS for kind in kinds},
        "changing": sorted(CHANGES),
        "network": sorted(NETWORK),
        "refused": list(REFUSED),
        "missing": errno.ENOENT,
        "tried": TRIED,
        "errnos": {
            str(number): errno.errorcode.get(number, str(number))
            for number in sorted(_errnos(story) - {0})
        },
        "usual": usual,
        "devices": [number for text, number in nodes.whole.items() if is_device(text)],
        "nodes": [nodes.parents, nodes.names],
        "processes": processes,
        "changes": differing,
        "events": events,
    }


class _Nodes:
    """The tree of all paths."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.names: list[str] = []
        self.whole: dict[str, int] = {}
        self._known: dict[tuple[int, str], int] = {}

    def of_path(self, path: str) -> int:
        """The node of a path."""
        number = self.whole.get(path)
        if number is None:
            number = -1
            for name in path.split("/"):
                number = self._below(number, name)
            self.whole[path] = number
        return number

    def of_text(self, text: str) -> int:
        """The node of what is no path: an address, say."""
        return self._below(-1, text)

    def _below(self, parent: int, name: str) -> int:
        number = self._known.setdefault((parent, name), len(self.names))
        if number == len(self.names):
            self.parents.append(parent)
            self.names.append(name)
        return number


def _errnos(story: Story) -> set[int]:
    programs = {program.errno for one in story.processes for program in one.programs}
    return programs | {event.errno for event in story.events}


def _process(one: RecordedProcess, indexes: dict[int, int], nodes: _Nodes) -> list[Any]:
    return [
        one.pid, -1 if one.parent is None else indexes[one.parent.number], one.uid, one.cwd,
        _micro(one.began), None if one.ended is None else _micro(one.ended), one.status,
        _micro(one.cpu), one.memory, [_program(program, nodes) for program in one.programs],
    ]  # fmt: skip


def _program(one: Program, nodes: _Nodes) -> list[Any]:
    return [
        _micro(one.time), nodes.of_path(one.path), one.arguments, one.cwd, _OUTCOMES[one.outcome],
        one.cut, one.uid, one.errno,
    ]  # fmt: skip


def _events(events: Iterable[Event], indexes: dict[int, int], nodes: _Nodes) -> dict[str, Any]:
    numbers = {kind: chr(ord("a") + number - 1) for number, kind in KINDS.items()}
    times, processes, paths, kinds, outcomes = [], [], [], [], []
    others, values, errnos, doubts = {}, {}, {}, {}
    before = 0
    for index, event in enumerate(events):
        time = _micro(event.time)
        times.append(time - before)
        before = time
        processes.append(indexes[event.process.number])
        find = nodes.of_text if event.kind in NETWORK else nodes.of_path
        paths.append(find(event.path))
        kinds.append(numbers[event.kind])
        outcomes.append(_OUTCOMES[event.outcome])
        if event.other:
            find = nodes.of_text if event.kind == "symlink" else nodes.of_path
            others[index] = find(event.other)
        if event.value:
            values[index] = event.value
        if event.errno:
            errnos[index] = event.errno
        if event.doubt:
            doubts[index] = 1
    return {
        "time": times, "process": processes, "path": paths, "kind": "".join(kinds),
        "outcome": "".join(outcomes), "other": others, "value": values, "errno": errnos,
        "doubt": doubts,
    }  # fmt: skip


def _changes(found: object, indexes: dict[int, int], nodes: _Nodes) -> Iterator[list[Any]]:
    # Taken only as it should be, as all that stands there.
    for row in found if isinstance(found, list) else ():
        if not isinstance(row, list) or len(row) != 4:
            continue
        path, kind, source, process = row
        if isinstance(path, str) and kind in _KINDS:
            old = nodes.of_path(source) if isinstance(source, str) else -1
            number = indexes.get(process, -1) if isinstance(process, int) else -1
            yield [nodes.of_path(path), kind, old, number]


def _about(story: Story) -> dict[str, Any]:
    # Who has made the log is unknown: what stands there is taken only as it should be.
    about = story.about
    began = about.get("began")
    if isinstance(began, bool) or not isinstance(began, (int, float)) or not math.isfinite(began):
        began = None
    return {
        "command": _words(about.get("command")),
        "cwd": _text(about.get("cwd")),
        "machine": _text(about.get("machine")),
        "began": began,
        "reads": about.get("reads") is not False,
        "complete": story.complete,
        "problem": host.strerror(story.problem) if story.problem else "",
    }


def _words(value: object) -> list[str]:
    return [_text(word) for word in value] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _micro(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)


def _as_text(found: dict[str, Any]) -> str:
    # In ASCII, so that what is no text is an escape, too; these three stand within strings alone.
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _part(name: str) -> str:
    with open(host.path.join(host.path.dirname(__file__), _PARTS, name), encoding="utf-8") as file:
        return file.read()


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
