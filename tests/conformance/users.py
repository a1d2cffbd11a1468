"""Who runs the suites: this user, an ordinary one in a mount namespace of its own, or both."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from tests.conformance import rooms


def add_options(parser):
    """The options by which it is told who runs them."""
    parser.add_argument(
        "--user",
        choices=["self", "ordinary", "both", "inside"],
        default="both",
        help="who runs them, when this is root (default: %(default)s)",
    )
    parser.add_argument("--needed", action="append", default=[], help=argparse.SUPPRESS)


def as_asked(program, arguments, options, work, needed=()):
    """Call work(options, directory, uid) as each user that is asked for; the exit status.

    `program` is the module with these arguments and options, and `needed` are the directories that
    an ordinary user must see besides.
    """
    if options.user != "both":
        return _as(options.user, program, arguments, options, work, needed)
    status = _as("self", program, arguments, options, work, needed)
    if rooms.can_change_user():
        print()
        status = max(status, _as("ordinary", program, arguments, options, work, needed))
    return status


def _as(user, program, arguments, options, work, needed):
    directory = options.needed[0] if options.needed else tempfile.mkdtemp(prefix="ocroom")
    try:
        os.chmod(directory, 0o755)
        if user == "ordinary":
            return _in_namespace(program, arguments, [directory, *needed])
        uid = None
        if user == "inside":
            rooms.enter_namespace_for_ordinary_user(options.needed)
            uid = rooms.NOBODY
        return work(options, directory, uid)
    finally:
        if not options.needed:
            shutil.rmtree(directory, ignore_errors=True)


def _in_namespace(program, arguments, needed):
    """Run the program again as the ordinary user's part, in its own mount namespace."""
    users = ("--user", "both", "ordinary")
    rest = [a for a in arguments if a not in users and not a.startswith("--user=")]
    command = [
        "unshare", "--mount", "--propagation", "private", "--",
        sys.executable, "-m", program, *rest,
        "--user", "inside", *(f"--needed={path}" for path in needed),
    ]  # fmt: skip
    return subprocess.run(command, cwd=rooms.ROOT).returncode
