"""`ostler tour`: runs examples/tour.py, of which a copy is installed with the package."""

from pathlib import Path

from ostler.cli import parser, run

TOUR = Path(__file__).with_name("examples") / "tour.py"


def main(arguments):
    """Run the tour."""
    parser("tour").parse_args(arguments)
    return run.main([str(TOUR)])
