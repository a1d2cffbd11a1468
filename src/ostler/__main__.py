"""`python -m ostler`: the command line."""

import sys

from ostler.cli import command

if __name__ == "__main__":
    sys.exit(command(False))
