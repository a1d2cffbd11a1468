"""`ostler run`: a Python program, unmodified, with ostler in the place of os.

The interpreter itself runs the program: this process becomes `python PROGRAM ...`, with a
start-up file (startup/sitecustomize.py) that installs ostler before the first line of it. So
everything else, from sys.path to the exit status, is python's own.
"""

import sys

import ostler
from ostler.cli import UsageError, no_option, on_one_line
from ostler.cli.machine import OPTIONS, python_needs, run_in, take
from ostler.cli.machine import USAGE as MACHINES
from ostler_command import environment, interpreter_options, is_kept_out, is_program

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
    if is_kept_out(STARTUP):
        if ":" in STARTUP:
            raise UsageError(f"run: not possible from a path with a colon: {on_one_line(STARTUP)}")
        raise UsageError("run: the interpreter's options -I, -E and -S keep ostler out")
    choice.needed = ("PYTHON", "LD_LIBRARY_PATH")
    if choice.kind is None:
        command = [sys.executable, *interpreter_options(), *arguments]
        ostler.execve(sys.executable, command, environment(ostler.environ, STARTUP))
    script = None if first.startswith("-") else first
    if script is not None and choice.kind in ("scratch", "confine"):
        # It may stand elsewhere there.
        arguments = [ostler.path.abspath(script), *arguments[1:]]
    command = [sys.executable, *interpreter_options(), *arguments]

    def start(machine):
        machine.execve(sys.executable, command, environment(machine.environ, STARTUP))

    return run_in(choice, python_needs(script), sys.executable, start)
