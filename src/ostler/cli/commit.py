"""`ostler commit`: what a kept rehearsal has changed, brought into the real files."""

from functools import partial

from ostler import host
from ostler.cli import kept

_WHAT = """
Bring what was changed in the rehearsal that is kept in DIR into the real files: all of it, and then
DIR is gone, or what is at these paths of real files and below them, and the rest stays kept. If
anybody has changed any of it meanwhile, nothing is done. Afterwards there are no points.
"""
_EXAMPLES = """
ostler exec --kept feature --point -- touch made more
ostler commit feature made
ostler commit feature
"""


def commit_parser():
    """The parser of the command."""
    made = kept.parser("commit", "[--wait] DIR [PATH...]", _WHAT, _EXAMPLES)
    made.add_argument(
        "paths", nargs="*", default=[], metavar="PATH", help="What is committed; all by default."
    )
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = commit_parser().read(arguments)
    return kept.tried(_commit, options)


def _commit(options):
    paths = [host.path.abspath(path) for path in options.paths] or None
    with kept.taken_up(options.directory, wait=options.wait) as machine:
        said = committed(machine, options.directory, paths)
    return partial(print, said)


def committed(machine, directory, paths=None):
    """Commit, and remove what is kept where nothing is left of it; what was done, in words."""
    done = machine.commit(paths)
    said = f"{len(done):,} {'change' if len(done) == 1 else 'changes'} committed"
    left = [] if machine.closed else machine.changes()
    if left:
        return f"{said}; {len(left):,} left"
    if not machine.closed:
        said += f"; {kept.gone(machine, directory)}"
    return said
