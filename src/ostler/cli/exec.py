"""`ostler exec`: any command, on a machine: it and everything that it starts."""

import sys

import ostler
from ostler.cli import UsageError, no_option
from ostler.cli.machine import OPTIONS, run_in, take
from ostler.cli.machine import USAGE as MACHINES

USAGE = f"""\
usage: ostler exec [MACHINE] COMMAND [ARG...]

Run a command in namespaces of its own: the command, what it starts, and what these open by
whatever means are all on the machine. The exit status is the command's; 125 when the machine
can't be made, 126 when the command can't be run, 127 when there is no such command.

{MACHINES}

Examples:
  ostler exec --confine . make test
  ostler exec --scratch 64M sh -c 'cd /tmp && df .'"""


def main(arguments):
    """Become the command; return only when that can't be."""
    choice, command = take(arguments, "exec")
    if not arguments or command[:1] in (["-h"], ["--help"]):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if command[:1] == ["--"]:
        del command[0]
    elif command and command[0].startswith("-"):
        raise no_option("exec", command[0], OPTIONS)
    if command[:1] in ([], [""]):
        raise UsageError("exec: no command")
    if choice.kind is None:
        choice.make = lambda programs: ostler.host
    programs = []
    if choice.kind in ("scratch", "confine"):
        programs.append(program(ostler.host, command[0]))

    def start(machine):
        # Found before: an ordinary user who has entered the namespaces can't try again.
        machine.execv(program(machine, command[0]), command)

    return run_in(choice, programs, command[0], start)


def program(machine, name):
    """The path on this machine of a command: the first that can be run, else the first there is."""
    if "/" in name:
        return name
    paths = [machine.path.join(directory, name) for directory in machine.get_exec_path()]
    there = [path for path in paths if machine.path.isfile(path)]
    return next((path for path in there if machine.access(path, machine.X_OK)), (*there, name)[0])
