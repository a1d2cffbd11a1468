"""`ostler discard`: drop what a kept rehearsal has changed."""

from functools import partial

from ostler import host
from ostler.cli import kept

_WHAT = """
Drop all that was changed in the rehearsal that is kept in DIR, with its points. The real files are
not touched. DIR is gone then, unless something else is in it.
"""
_EXAMPLES = """
ostler exec --kept trial --point -- touch made
ostler discard trial
ostler exec --kept another --point -- touch made
ostler discard another
"""


def discard_parser():
    """The parser of the command."""
    return kept.parser("discard", "[--wait] DIR", _WHAT, _EXAMPLES)


def main(arguments):
    """Run the command; return its exit status."""
    options = discard_parser().read(arguments)
    return kept.tried(_discard, options)


def _discard(options):
    try:
        machine = kept.taken_up(options.directory, wait=options.wait)
    except FileNotFoundError:
        if not host.path.isdir(options.directory):
            raise
        said = kept.rest_of_dropped(options.directory)
        if said is None:
            raise
        return partial(print, said)
    except OSError as error:
        return partial(print, kept.gone_untaken(options.directory, error))
    with machine:
        said = kept.gone(machine, options.directory)
    return partial(print, said)
