"""`ostler diff`: what differs in a kept rehearsal, from the real files or between two points."""

import sys
from functools import partial

from ostler.cli import kept

_WHAT = """
Print the differences in text files, as a unified diff: from the real files to the rehearsal that is
kept in DIR; with A from that point on; with A and B from the one to the other. Files that are no
text, large ones and directories are only named.
"""
_EXAMPLES = """
ostler exec --kept patch --point -- sh -c 'echo x >made'
ostler diff patch
ostler diff patch 1
"""


def diff_parser():
    """The parser of the command."""
    made = kept.parser("diff", "[--wait] DIR [A [B]]", _WHAT, _EXAMPLES)
    made.add_argument("since", nargs="?", metavar="A", help="The point that is the earlier side.")
    made.add_argument("until", nargs="?", metavar="B", help="The point that is the later side.")
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = diff_parser().read(arguments)
    return kept.tried(_show, options)


def _show(options):
    with kept.taken_up(options.directory, wait=options.wait) as machine:
        text = machine.diff(options.since, options.until)
    return partial(show, text)


def show(text):
    """Print a difference: on a terminal in colours, and page by page."""
    if sys.stdout.isatty():
        from ostler.cli.asking import paged

        paged(text)
    else:
        sys.stdout.write(text)
