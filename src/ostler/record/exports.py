"""A recording in the formats of others: JSON Lines, and the trace format that Perfetto shows."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from ostler.record.log import CHANGES, NETWORK, is_change
from ostler.record.outline import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostler.record.log import Event, RecordedProcess, Story


def json_lines(story: Story, file: IO[str]) -> None:
    """Write a recording as JSON Lines: an object about the whole, each process, and each event."""
    for found in _objects(story):
        file.write(json.dumps(found) + "\n")


def _objects(story: Story) -> Iterator[dict[str, Any]]:
    yield {"type": "recording", "complete": story.complete, "problem": story.problem, **story.about}
    for one in story.processes:
        yield as_json(one)
    for event in story.events:
        yield event_as_json(event)


def as_json(one: RecordedProcess) -> dict[str, Any]:
    """A process as an object of JSON."""
    return {
        "type": "process",
        "number": one.number,
        "parent": one.parent.number if one.parent else None,
        "pid": one.pid,
        "uid": one.uid,
        "cwd": one.cwd,
        "began": one.began,
        "ended": one.ended,
        "status": one.status,
        "cpu": one.cpu,
        "memory": one.memory,
        "programs": [program._asdict() for program in one.programs],
    }


def event_as_json(event: Event) -> dict[str, Any]:
    """An event as an object of JSON; what it has not got is left out."""
    found = {"type": "event", **event._asdict(), "process": event.process.number}
    return {
        key: value
        for key, value in found.items()
        if value not in ("", 0, False) or key in ("outcome", "time")
    }


def trace(story: Story, file: IO[str]) -> None:
    """Write the trace: a process is a bar from its begin to its end, a change a mark upon it."""
    events: list[dict[str, Any]] = []
    last = max([event.time for event in story.events], default=0.0)
    for one in story.processes:
        program = one.program
        name = command(program.arguments, program.path) if program is not None else "?"
        ended = last if one.ended is None else one.ended
        events.append(
            {
                "ph": "X", "name": name, "pid": one.number, "tid": one.pid,
                "ts": one.began * 1e6, "dur": max(ended - one.began, 0) * 1e6,
                "args": {"cwd": one.cwd, "status": one.status, "uid": one.uid},
            }
        )  # fmt: skip
        events.append(
            {"ph": "M", "name": "process_name", "pid": one.number, "args": {"name": name}}
        )
    for event in story.events:
        failed = event.kind in CHANGES and event.outcome is False
        if failed or is_change(event) or event.kind in NETWORK:
            events.append(
                {
                    "ph": "i", "s": "t", "name": f"{event.kind} {event.path}",
                    "pid": event.process.number, "tid": event.process.pid, "ts": event.time * 1e6,
                    "args": {
                        "other": event.other, "outcome": event.outcome, "errno": event.errno,
                    },
                }
            )  # fmt: skip
    json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)
