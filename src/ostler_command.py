"""What the command `ostler` begins with.

Ctrl-C ends it without a word from its first moment on. Loading takes longer than the interpreter's
own start, and a KeyboardInterrupt in the middle of an import would be a page of text about modules;
so this stands outside of the package, whose import would come before it.

`ostler run PROGRAM` needs nothing of the package but the place of its start-up file: this process
becomes the interpreter that runs the program before anything is loaded. See ostler/cli/run.py,
which has everything else of that command.
"""

import os
import sys
from _signal import SIG_DFL, SIGINT, default_int_handler, getsignal, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> int:
    """Run the command line of this process; return its exit status."""
    waits = getsignal(SIGINT) is default_int_handler
    if waits:
        signal(SIGINT, SIG_DFL)
    if sys.argv[1:2] == ["run"] and is_program(sys.argv[2:]):
        _become_python(sys.argv[2:])
    from ostler.cli import command

    return command(waits)


def is_program(arguments: list[str]) -> bool:
    """Whether these begin with a program, as python takes one: a script, -m, -c or -."""
    first = arguments[0] if arguments else "-h"
    return not first.startswith("-") or first in ("-", "--") or first[1] in "mc"


def is_kept_out(startup: str) -> bool:
    """Whether the interpreter would not find this start-up folder in PYTHONPATH."""
    return bool(sys.flags.ignore_environment or sys.flags.no_site or ":" in startup)


def environment(variables: "Mapping[str, str]", startup: str) -> dict[str, str]:
    """These variables, with the start-up folder in front of PYTHONPATH.

    The start-up file takes the folder out again before the program sees its environment; a slash
    at the end tells it that PYTHONPATH was there and empty.
    """
    path = startup
    if "PYTHONPATH" in variables:
        before = variables["PYTHONPATH"]
        path += f":{before}" if before else "/"
    return {**variables, "PYTHONPATH": path}


def interpreter_options() -> list[str]:
    """The options that this interpreter was given, as `-X dev` in `python -X dev -m ostler`."""
    given = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    if len(given) > 1 and given[-1] == "ostler" and given[-2].startswith("-"):
        options = given[:-2]
        if given[-2] != "-m":  # -Bm ostler
            options.append(given[-2].removesuffix("m"))
        return options
    return given[:-1]  # all but the script, or -mostler


def _become_python(arguments: list[str]) -> None:
    # Returns only when this can't be; the package itself then tells why.
    startup = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ostler", "cli", "startup")
    if is_kept_out(startup) or not os.path.isfile(os.path.join(startup, "sitecustomize.py")):
        return
    command = [sys.executable, *interpreter_options(), *arguments]
    try:
        os.execve(sys.executable, command, environment(os.environ, startup))
    except (OSError, ValueError):
        return
