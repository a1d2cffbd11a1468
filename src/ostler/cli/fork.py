"""`ostler fork`: a second kept rehearsal that begins as the first one is, and then parts."""

from contextlib import suppress
from functools import partial

from ostler import host
from ostler.cli import kept, on_one_line

_WHAT = """
Have a second rehearsal in the new directory NEW that begins as the one that is kept in DIR is now,
with all its points. Each then goes its own way, and either may be committed or discarded: nothing
of one is needed by the other. On one file system what was changed is shared, by hard links; on
another one it is copied.
"""
_EXAMPLES = """
ostler exec --kept left --point -- touch made
ostler fork left right
ostler fork right third
"""


def fork_parser():
    """The parser of the command."""
    made = kept.parser("fork", "[--wait] DIR NEW", _WHAT, _EXAMPLES)
    made.add_argument("new", metavar="NEW", help="Where the second one is to be kept.")
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = fork_parser().read(arguments)
    return kept.tried(_fork, options)


def _remove_empty(directory):
    with suppress(OSError):  # it was not made, or somebody has put something into it
        host.rmdir(directory)


def _fork(options):
    with kept.taken_up(options.directory, wait=options.wait) as machine:
        is_new = not host.path.lexists(options.new)
        try:
            machine.keep(options.new, points=True)
        except BaseException as error:
            if is_new:
                _remove_empty(options.new)
            if isinstance(error, OSError):
                raise kept.about(error, options.new) from None
            raise
    return partial(print, f"kept in {on_one_line(options.new)}")
