"""`ostler tour`: runs examples/tour.py, of which a copy is installed with the package."""

from pathlib import Path

import ostler
from ostler.cli.parsing import Parser

TOUR = Path(__file__).with_name("examples") / "tour.py"


_WHAT = """
Walk through what an operating system does for a program, in seven parts: each call of os is shown
with what it answers. Everything happens in a temporary directory, which is removed in the end.
"""
_EXAMPLES = """
ostler tour
ostler tour | less
"""


def tour_parser():
    """The parser of the command."""
    return Parser("tour", "", _WHAT, _EXAMPLES)


def main(arguments):
    """Run the tour."""
    tour_parser().read(arguments)
    from runpy import run_path

    ostler.install()
    try:
        run_path(str(TOUR), run_name="__main__")
    finally:
        ostler.uninstall()
    return 0
