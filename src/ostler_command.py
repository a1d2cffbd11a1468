"""What the command `ostler` begins with: run by its launcher, or by the script `ostler-command`.

Ctrl-C ends it without a word from its first moment on. Loading takes longer than the interpreter's
own start, and a KeyboardInterrupt in the middle of an import would be a page of text about modules;
so this stands outside of the package, whose import would come before it.
"""

import sys
from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal


def main() -> int:
    """Run the command line of this process; return its exit status."""
    waits = getsignal(SIGINT) is default_int_handler
    if waits:
        signal(SIGINT, SIG_DFL)
    if "ostler" not in sys.modules:
        _load_beside()
    from ostler.cli import command

    return command(waits)


def _load_beside() -> None:
    # The ostler that lies beside this file, whatever stands earlier on the path.
    from _frozen_importlib import _load
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("ostler", [__file__.rpartition("/")[0]])
    if spec is not None:
        _load(spec)


if __name__ == "__main__":
    sys.exit(main())
