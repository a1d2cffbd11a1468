"""Asking on the terminal."""

import select
import signal
import sys

from ostler import host


def answer(question, file=None):
    """What is typed behind a question, as input() gives it; EOFError at the end."""
    print(question, end="", file=sys.stdout if file is None else file, flush=True)
    if sys.stdin.isatty():
        _wait()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def _wait():
    # Until there is a line to be read. A read itself would not be ended by a Ctrl-C that comes
    # before it begins: it would be noticed at the next line.
    came, comes = host.pipe2(host.O_NONBLOCK | host.O_CLOEXEC)
    before = signal.set_wakeup_fd(comes, warn_on_full_buffer=False)
    try:
        _wait_with(came)
    finally:
        signal.set_wakeup_fd(before)
        host.close(came)
        host.close(comes)


def _wait_with(came):
    while sys.stdin not in select.select([sys.stdin, came], [], [])[0]:
        host.read(came, 512)
