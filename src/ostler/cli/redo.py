"""`ostler redo`: a kept rehearsal as it was before the last undo."""

from functools import partial

from ostler.cli import kept

_WHAT = """
Have all files of the rehearsal that is kept in DIR as they were before `ostler undo`, or before the
last one that was not taken back yet.
"""
_EXAMPLES = """
ostler exec --kept again --point -- touch made
ostler undo again
ostler redo again
ostler undo again 1
ostler redo again
"""


def redo_parser():
    """The parser of the command."""
    return kept.parser("redo", "[--wait] DIR", _WHAT, _EXAMPLES)


def main(arguments):
    """Run the command; return its exit status."""
    options = redo_parser().read(arguments)
    return kept.tried(_redo, options)


def _redo(options):
    with kept.taken_up(options.directory, wait=options.wait) as machine:
        said = redone(machine)
    return partial(print, said)


def redone(machine):
    """Go forward again; what was done, in words."""
    if machine._history is None:
        raise ValueError("there is nothing to redo")
    known = machine.points()
    point = machine.redo()
    # Of what was changed since the last undo, where no point was made of that.
    left = [each.name for each in machine.points() if each not in known]
    return f"forward to {kept.named(point)}" + "".join(
        f" (what you leave is kept as {n})" for n in left
    )
