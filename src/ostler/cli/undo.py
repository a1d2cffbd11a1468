"""`ostler undo`: a kept rehearsal as it was before its last command, or at another point."""

from functools import partial

from ostler.cli import kept

_WHAT = """
Have all files of the rehearsal that is kept in DIR as they were before the last command that has
changed anything; once more, before the one before. With POINT, a name that `ostler points` lists,
as they were then. What is left becomes a point itself; `ostler redo` goes back to it.
"""
_EXAMPLES = """
ostler exec --kept try --point -- touch made
ostler undo try
ostler undo try 1
"""


def undo_parser():
    """The parser of the command."""
    made = kept.parser("undo", "[--wait] DIR [POINT]", _WHAT, _EXAMPLES)
    made.add_argument("point", nargs="?", metavar="POINT", help="The point to go to.")
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = undo_parser().read(arguments)
    return kept.tried(_undo, options)


def _undo(options):
    with kept.taken_up(options.directory, wait=options.wait) as machine:
        said = undone(machine, options.point)
    return partial(print, said)


def undone(machine, name=None):
    """Go back; what was done, in words."""
    point = last(machine) if name is None else name
    if point is None:
        raise ValueError("there is nothing to undo")
    left = machine.rollback(point)
    back = next(each for each in machine.points() if each == point or each.name == point)
    if left.name == back.name:
        return f"at {kept.named(back)}: nothing was changed since"
    return f"back at {kept.named(back)} (what you leave is kept as {left.name})"


def last(machine):
    """The last point at which anything was different from now; None: there is none."""
    from ostler.machines.rehearsal.points import differs

    history = machine._history
    point = None if history is None else history.present
    while point is not None and not differs(machine, point):
        point = point.parent
    return point
