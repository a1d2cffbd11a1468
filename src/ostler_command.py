"""What the command `ostler` begins with: Ctrl-C ends it without a word from its first moment on.

Loading takes longer than the interpreter's own start. A KeyboardInterrupt in the middle of an
import would be a page of text about modules; so it stands outside of the package, whose import
would come before it.
"""

from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal


def main() -> int:
    """Run the command line of this process; return its exit status."""
    waits = getsignal(SIGINT) is default_int_handler
    if waits:
        signal(SIGINT, SIG_DFL)
    from ostler.cli import command

    return command(waits)
