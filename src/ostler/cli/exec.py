"""`ostler exec`: any command, on a machine: it and everything that it starts."""

import errno
import sys
from _signal import SIG_DFL, signal

import ostler
from ostler.cli import IGNORED, UsageError, no_option, value_of
from ostler.cli.machine import FAILED, OPTIONS, run_in, standing, take
from ostler.cli.machine import USAGE as MACHINES

USAGE = f"""\
usage: ostler exec [MACHINE] COMMAND [ARG...]
       ostler exec --profile FILE [--env NAME[=VALUE]] [--keep-env] COMMAND [ARG...]
       ostler exec --kept DIR [--point] [--record] [--sync] [--wait] [--] COMMAND [ARG...]

Run a command in namespaces of its own: the command, what it starts, and what these open by
whatever means are all on the machine. The exit status is the command's; 125 when the machine
can't be made, 126 when the command can't be run, 127 when there is no such command.

{MACHINES}

With what a command needs, as ostler record has found out:
  --profile FILE      The machine has nothing of the host but what FILE names, to be read or to be
                      changed, and a shell's programs; it has a /tmp of its own. The environment is
                      as with --confine.

A rehearsal that is kept, for many commands one after the other, as a tool that starts each by a
prefix needs it; what a command leaves running in the background is ended:
  --kept DIR          Take up the rehearsal that is kept in DIR, or begin it where nothing is.
  --point             Make a point before: ostler points DIR lists it, with the command and how
                      it has ended, and ostler undo DIR goes back to it.
  --record            Record what the command does: ostler points and ostler diff then tell which
                      program changed what.
  --sync              The point is on the disk before the command is run, for when the power goes.
  --wait              Where another command has DIR, wait until that has ended; else it is refused.

Examples:
  ostler exec --confine . make test
  ostler exec --kept session --point -- touch made
  ostler exec --scratch 64M sh -c 'cd /tmp && df .'"""


def main(arguments):
    """Become the command; return only when that can't be."""
    given, arguments = _kept(list(arguments))
    if given is not None:
        return _run_kept(given, arguments)
    profile, arguments = _profile(arguments)
    # As with --confine, but for the files.
    choice, command = take(arguments if profile is None else ["--confine=/", *arguments], "exec")
    if (not arguments and profile is None) or command[:1] in (["-h"], ["--help"]):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if command[:1] == ["--"]:
        del command[0]
    elif command and command[0].startswith("-"):
        option = command[0].partition("=")[0]
        if option == "--kept":
            raise UsageError("exec: --kept DIR is a machine of its own, and stands first")
        if option in _OF_KEPT:
            raise UsageError(f"exec: {_BELONG}")
        raise no_option("exec", command[0], (*OPTIONS, *_OF_KEPT, "--profile"))
    if command[:1] in ([], [""]):
        raise UsageError("exec: no command")
    if choice.kind is None:
        choice.make = lambda programs: ostler.host
    if profile is not None:
        choice.make = lambda programs: _of_profile(profile, programs, choice)
    programs = []
    if choice.kind in ("scratch", "confine"):
        programs.append(program(ostler.host, command[0]))

    def start(machine):
        # Found before: an ordinary user who has entered the namespaces can't try again.
        path = program(machine, command[0])
        ours = [(number, signal(number, SIG_DFL)) for number in IGNORED]
        try:
            machine.execv(path, command)
        except OSError as error:
            for number, handler in ours:
                signal(number, handler)
            error.filename = path
            raise

    return run_in(choice, programs, command[0], start)


def _profile(arguments):
    """(the file of --profile, what follows it), or (None, the arguments)."""
    if not arguments or arguments[0].partition("=")[0] != "--profile":
        return None, arguments
    _, equals, value = arguments[0].partition("=")
    rest = arguments[1:]
    return value_of("exec", "--profile", equals, value, rest, "a file"), rest


def _of_profile(file, programs, choice):
    from ostler.cli.machine import furnished, is_within, paths_to_show, working_directory
    from ostler.machines.among import close_the_rest, confined_to
    from ostler.record import profiles

    try:
        found = profiles.read(file)
    except profiles.NotAProfile as error:
        raise ValueError(f"{file}: {error}") from None
    own, links = profiles.places_of(file)
    for link in links:
        if any(is_within(link, path) for path in found.writes):
            raise OSError(errno.ELOOP, "the command could change a link that leads to it", file)
    shown = [*paths_to_show(programs), *found.reads]
    environ = choice.environ()
    temporary = {"/tmp", "/var/tmp", "/dev/shm"}
    if environ.get("TMPDIR", "").startswith("/") and environ["TMPDIR"].strip("/."):
        temporary.add(environ["TMPDIR"])
    network = found.network or choice.network
    machine = furnished(confined_to(shown, found.writes, temporary, network, environ, [own]))
    close_the_rest(machine)
    here = working_directory()
    machine.chdir(next((p for p in (here, found.cwd) if machine.path.isdir(p)), "/"))
    return machine


_OF_KEPT = ("--kept", "--point", "--record", "--sync", "--wait")
_BELONG = "--point, --record, --sync and --wait belong to --kept DIR"


class _Kept:
    """What was asked for of a kept rehearsal."""

    directory = None
    point = record = sync = wait = False


def _kept(arguments):
    """(_Kept, the command) where a command line has its options, else (None, the arguments)."""
    given, rest = _Kept(), list(arguments)
    while rest and rest[0].partition("=")[0] in _OF_KEPT:
        option, equals, value = rest.pop(0)[2:].partition("=")
        if option == "kept":
            given.directory = value_of("exec", "--kept", equals, value, rest, "a directory")
        elif equals:
            raise UsageError(f"exec: --{option} takes no value")
        else:
            setattr(given, option, True)
    if len(rest) == len(arguments):
        return None, arguments
    if given.directory is None:
        raise UsageError(f"exec: {_BELONG}")
    return given, rest


def _run_kept(given, command):
    """Run a command on a kept rehearsal; its exit status."""
    if command[:1] == ["--"]:
        del command[0]
    elif command and command[0].startswith("-"):
        option = command[0].partition("=")[0]
        if option in OPTIONS and option.endswith("env"):
            raise UsageError(f"exec: with --kept the environment is the host's: no {option}")
        if option in OPTIONS and option != "--help":
            raise UsageError(f"exec: only one machine: --kept or {command[0]}")
        raise no_option("exec", command[0], _OF_KEPT)
    if command[:1] in ([], [""]):
        raise UsageError("exec: no command")
    from ostler.cli import complain, kept
    from ostler.cli.authors import noted
    from ostler.cli.running import run

    try:
        with standing(lambda: kept.begun(given.directory, given.sync, given.wait)) as machine:
            if given.point:
                return abs(kept.run_at_point(machine, command, record=given.record))
            with noted(machine, given.record):
                return abs(run(machine, command, False))
    except (OSError, ValueError) as error:
        complain(kept.about(error, given.directory))
        return FAILED


def program(machine, name):
    """The path on this machine of a command: the first that can be run, else the first there is."""
    if "/" in name:
        return name
    paths = [machine.path.join(directory, name) for directory in machine.get_exec_path()]
    there = [path for path in paths if machine.path.isfile(path)]
    return next((path for path in there if machine.access(path, machine.X_OK)), (*there, name)[0])
