"""`python -m ostler`: the command line."""

import sys

from ostler.cli import main

if __name__ == "__main__":
    sys.exit(main())
