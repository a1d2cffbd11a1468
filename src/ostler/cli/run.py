"""`ostler run`: a Python program, unmodified, with ostler in the place of os.

The interpreter itself runs the program: this process becomes `python PROGRAM ...`, with a
start-up file (startup/sitecustomize.py) that installs ostler before the first line of it. So
everything else, from sys.path to the exit status, is python's own.

The command's launcher (build_tools/launcher.c) does the same for `ostler run PROGRAM`, without a
machine, before there is any interpreter; what is said here of programs and PYTHONPATH holds there.
"""

import sys
from collections.abc import Mapping

import ostler
from ostler.cli import UsageError, no_option, on_one_line
from ostler.cli.machine import OPTIONS, python_needs, run_in, take
from ostler.cli.machine import USAGE as MACHINES

USAGE = f"""\
usage: ostler run [MACHINE] SCRIPT [ARG...]
       ostler run [MACHINE] -m MODULE [ARG...]
       ostler run [MACHINE] -c CODE [ARG...]
       ostler run [MACHINE] - [ARG...]

Run a Python program with ostler in the place of os; everything else is as with python. Children
of the program that are Python interpreters of the same version have ostler too. Options for the
interpreter are given to it: python -X dev -m ostler run SCRIPT.

With a MACHINE the program and everything that it starts are in namespaces of their own. With
--scratch, SCRIPT's directory is shown, and nothing else of what you work on: tests of a project
are run with --rehearse, or --confine and its directory.

{MACHINES}

Examples:
  ostler run program.py one two
  ostler run --rehearse -m pytest"""

STARTUP = ostler.path.join(ostler.path.dirname(__file__), "startup")
# The script that the launcher gives to the interpreter.
LAUNCHED = ostler.path.abspath(ostler.path.join(__file__, "../../../ostler_command.py"))


def is_program(arguments: list[str]) -> bool:
    """Whether these begin with a program, as python takes one: a script, -m, -c or -."""
    first = arguments[0] if arguments else "-h"
    return not first.startswith("-") or first in ("-", "--") or first[1] in "mc"


def is_kept_out() -> bool:
    """Whether the interpreter would not find the start-up folder in PYTHONPATH."""
    return bool(sys.flags.ignore_environment or sys.flags.no_site or ":" in STARTUP)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """These variables, with the start-up folder in front of PYTHONPATH.

    The start-up file takes the folder out again before the program sees its environment; a slash
    at the end tells it that PYTHONPATH was there and empty.
    """
    path = STARTUP
    if "PYTHONPATH" in variables:
        before = variables["PYTHONPATH"]
        path += f":{before}" if before else "/"
    return {**variables, "PYTHONPATH": path}


def interpreter_options() -> list[str]:
    """The options that this interpreter was given, as `-X dev` in `python -X dev -m ostler`."""
    if sys.argv[0] == LAUNCHED:
        return []  # the one that is there, -P, is the launcher's own
    given = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    if len(given) > 1 and given[-1] == "ostler" and given[-2].startswith("-"):
        options = given[:-2]
        if given[-2] != "-m":  # -Bm ostler
            options.append(given[-2].removesuffix("m"))
        return options
    return given[:-1]  # all but the script, or -mostler


def main(arguments):
    """Become the interpreter that runs the program; return only when that can't be."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    choice, arguments = take(arguments, "run")
    if not arguments:
        raise UsageError("run: no program")
    first = arguments[0]
    if not is_program(arguments):
        raise no_option("run", first, OPTIONS)
    if is_kept_out():
        if ":" in STARTUP:
            raise UsageError(f"run: not possible from a path with a colon: {on_one_line(STARTUP)}")
        raise UsageError("run: the interpreter's options -I, -E and -S keep ostler out")
    choice.needed = ("PYTHON", "LD_LIBRARY_PATH")
    if choice.kind is None:
        command = [sys.executable, *interpreter_options(), *arguments]
        ostler.execve(sys.executable, command, environment(ostler.environ))
    script = None if first.startswith("-") else first
    if script is not None and choice.kind in ("scratch", "confine"):
        # It may stand elsewhere there.
        arguments = [ostler.path.abspath(script), *arguments[1:]]
    command = [sys.executable, *interpreter_options(), *arguments]

    def start(machine):
        machine.execve(sys.executable, command, environment(machine.environ))

    return run_in(choice, python_needs(script), sys.executable, start)
