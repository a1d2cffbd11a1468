"""`ostler points`: the points of a kept rehearsal, with their commands."""

import json
import sys
from functools import partial

from ostler.cli import kept, on_one_line, shows_colours
from ostler.cli.authors import counted

_WHAT = """
List the points of the rehearsal that is kept in DIR: for each its name, when it was made, how its
command has ended, what that has changed (+ created, ~ modified, - removed, * all else), and the
command itself. The one at which the rehearsal is, or from which it goes on, has a star. Where the
command was recorded (--record), the programs follow that changed something, with how many paths.

Where commands that made no point have changed something after the last one, a line that begins
with "now" tells what is different since that point. Where another command has DIR, and with --json,
the points alone are told. No command is kept from DIR meanwhile.
"""
_EXAMPLES = """
ostler exec --kept session --point -- touch made
ostler points session
ostler points --json session
"""


def points_parser():
    """The parser of the command."""
    made = kept.parser("points", "[--json] DIR", _WHAT, _EXAMPLES, waits=False)
    made.add_argument(
        "--json",
        action="store_true",
        help='Print one JSON object, with the list under "points".',
    )
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = points_parser().read(arguments)
    return kept.tried(_show, options)


def _show(options):
    from ostler.machines.rehearsal.kept_points import listed

    base, history = listed(options.directory)
    by = counted(options.directory)
    points = [] if history is None else history.points
    present = None if history is None else history.present
    if options.json:
        rows = [_as_dict(point, point is present, by.get(point.name)) for point in points]
        return partial(print, json.dumps({"base": base, "points": rows}))
    since = None if present is None else _since(options.directory, present.name)
    return partial(show, points, present, by, since)


def _since(directory, name):
    # {kind: number} of what was changed since a point; None where another command has the
    # directory, or this user can't have the machine: then the points alone are listed.
    from ostler.machines.rehearsal.reading import changes_since

    try:
        found = changes_since(directory, name)
        return None if found is None else kept.counted(found)
    except (OSError, ValueError):
        return None


def _since_in_words(points, present, since):
    # What was changed by commands that made no point, as far as the numbers tell.
    if not since or present is None:
        return None
    undone = any(point.parent is present for point in points)
    if since == present.counts and not undone:
        return None
    counts = kept.counts_in_words(since)
    return f"  now: {counts} since point {on_one_line(present.name)}, all commands together"


def show(points, present, by=None, since=None):
    """Print a table of points.

    `by`: {name of a point: {Author: how many paths}}; `since`: {kind: number} of what was changed
    since the present one.
    """
    if not points:
        print("no points")
    rows = [_row(point, point is present) for point in points]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(4)]
    coloured = sys.stdout.isatty() and shows_colours()
    for row, point in zip(rows, points, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        if coloured:
            cells[2] = _coloured(cells[2], point.status)
        print("  ".join([*cells, row[4]]).rstrip())
        for line in _authors({} if by is None else by.get(point.name, {})):
            print("    " + line)
    now = _since_in_words(points, present, since)
    if now is not None:
        print(now)


_AUTHORS = 5  # of one point that are named


def _authors(by):
    from ostler.machines.rehearsal.pictures import author

    most = _most_first(by)
    for one, number in most[:_AUTHORS]:
        yield f"{_paths(number)} by {author(one._replace(point=None))}"
    if len(most) > _AUTHORS:
        rest = sum(number for _, number in most[_AUTHORS:])
        yield f"{_paths(rest)} by {len(most) - _AUTHORS:,} more"


def _most_first(by):
    return sorted(by.items(), key=lambda pair: (-pair[1], pair[0].process))


def _paths(number):
    return f"{number:,} path{'' if number == 1 else 's'}"


def _row(point, is_present):
    status = "" if point.status is None else str(point.status)
    command = "" if point.command is None else kept.line_of(point.command)
    name = f"{'*' if is_present else ' '} {on_one_line(point.name)}"
    return name, kept.moment(point.time), status, kept.counts_in_words(point.counts), command


def _coloured(text, status):
    if status is None:
        return text
    return f"\x1b[{31 if status else 32}m{text}\x1b[0m"


def _as_dict(point, is_present, by):
    return {
        "name": point.name,
        "time": point.time,
        "command": point.command,
        "status": point.status,
        "counts": point.counts,
        "parent": None if point.parent is None else point.parent.name,
        "present": is_present,
        "by": [{**one.as_dict(), "paths": number} for one, number in _most_first(by or {})],
    }
