"""Two recordings compared: what the one run did, and the other didn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostler.record.outline import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostler.record.log import Story
    from ostler.record.outline import Wanted


def differences(one: Story, other: Story, wanted: Wanted) -> Iterator[tuple[str, str]]:
    """("-", what only the one did) and ("+", what only the other did), in the order of names.

    Times, pids and how often something was done are no difference.
    """
    first, second = _deeds(one, wanted), _deeds(other, wanted)
    for deed in sorted({**first, **second}):
        if deed not in second:
            yield "-", deed
        elif deed not in first:
            yield "+", deed


def _deeds(story: Story, wanted: Wanted) -> dict[str, None]:
    found: dict[str, None] = {}
    for one in story.processes:
        if wanted.process(one):
            for program in one.programs:
                if program.outcome is not False:
                    found[f"ran {on_one_line(program.path)}"] = None
    for event in story.events:
        if wanted.process(event.process) and wanted.event(event):
            what = event.kind if event.outcome is not False else f"{event.kind} (failed)"
            other = f" -> {on_one_line(event.other)}" if event.other else ""
            found[f"{what} {on_one_line(event.path)}{other}"] = None
    return found
