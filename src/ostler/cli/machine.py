"""The machine that a command line asks for: --scratch, --rehearse, --confine DIR, --read-only.

A program that is run in one is in real namespaces, with everything that it starts. It is run by
exec in the place of the command itself: same process, same terminal, its own exit status.
"""

import errno
import sys

import ostler
from ostler import sizes
from ostler.cli import UsageError, complain, on_one_line, value_of

USAGE = """\
MACHINE is one of these; without one it is the host:
  --scratch [SIZE]    It has an empty file system in memory, of SIZE (as in 64M) at most, with the
                      host's programs shown read-only; the program stands in an empty /work.
  --rehearse          It has the host's files; every change is dropped at the end.
  --confine DIR       It has nothing of the host but DIR, and its programs read-only; it has no
                      network, and no other process can be seen or signalled.
  --network           With --confine: It has the host's network, too.
  --read-only         It has the host's files, none of which can be changed.
With one, the environment is the host's; with --confine only what says who uses it (PATH, HOME,
USER, LANG, TERM, TZ and the like), so that no secret in a variable gets there:
  --env NAME[=VALUE]  Add a variable, with this value or the host's.
  --keep-env          Take all variables of the host, also with --confine.
  --clean-env         Take those few alone, also on the other machines."""

OPTIONS = (
    "--scratch", "--rehearse", "--confine", "--read-only", "--network", "--env", "--keep-env",
    "--clean-env", "--help",
)  # fmt: skip

# What stands for a command that could not be run, as with env(1) and the shells.
FAILED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127


class Choice:
    """What was asked for: a kind of machine, or None, and its details."""

    def __init__(self):
        self.kind = None
        self.size = None
        self.directory = None
        self.network = False
        self.clean = None  # whether the environment is; None: as is usual for the kind
        self.variables = []
        self.needed = ()  # what the names begin with that go along in a clean one

    def environ(self):
        """The variables that the machine shall begin with."""
        from ostler.machines.confined import plain_variables

        host = ostler.environ
        found = dict(host)
        if self.clean if self.clean is not None else self.kind == "confine":
            found = {k: v for k, v in host.items() if k.startswith(self.needed)} | plain_variables(
                host
            )
        for name, equals, value in self.variables:
            if equals or name in host:
                found[name] = value if equals else host[name]
        return found

    def make(self, programs=()):
        """The machine, standing where the process stands. `programs` are paths of the host that
        what runs there needs: those that the machine lacks are shown on it, read-only."""
        if self.kind != "confine":
            machine = self._make_open(programs)
            environ = self.environ()
            if environ != machine.environ:
                machine.environ.clear()
                machine.environ.update(environ)
            return _standing_in_work(furnished(machine)) if self.kind == "scratch" else machine
        from ostler.machines.among import confined_among

        here = working_directory()
        directory = ostler.path.realpath(self.directory)
        if directory == "/":  # which has the programs, and all that they expect to find
            machine = ostler.confined("/", network=self.network, environ=self.environ())
        else:
            machine = furnished(
                confined_among(directory, paths_to_show(programs), self.network, self.environ())
            )
        machine.chdir(here if is_within(here, directory) else directory)
        return machine

    def _make_open(self, programs):
        if self.kind == "rehearse":
            return standing(ostler.rehearsal)
        if self.kind == "read-only":
            return standing(ostler.read_only)
        return ostler.scratch(size=self.size, bind=paths_to_show(programs))


def working_directory():
    """The path of the directory in which the process stands; FileNotFoundError, which says so,
    where that was removed."""
    try:
        return ostler.host.getcwd()
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, _REMOVED) from None


def standing(make):
    """The machine that `make` gives, on which it must stand where the process stands.

    OSError where that was removed: what is meant to be run there is run nowhere else.
    """
    here = working_directory()
    machine = make()
    try:
        there = machine.getcwd()
    except OSError:
        there = None
    if there != here and getattr(machine, "_base", b"/") == b"/":
        machine.close()
        raise FileNotFoundError(errno.ENOENT, "it is not there on the machine", here)
    return machine


_REMOVED = "the working directory was removed: go to one that is there"


def take(arguments, command):
    """Split a command line: (Choice, what follows the machine's options)."""
    choice = Choice()
    rest = list(arguments)
    while rest and rest[0].startswith("--") and rest[0] != "--":
        option, equals, value = rest[0][2:].partition("=")
        if option == "network" and not equals:
            choice.network = True
            del rest[0]
            continue
        if option in ("keep-env", "clean-env") and not equals:
            clean = option == "clean-env"
            if choice.clean is not None and choice.clean != clean:
                raise UsageError(f"{command}: --keep-env or --clean-env, not both")
            choice.clean = clean
            del rest[0]
            continue
        if option == "env":
            del rest[0]
            variable = value_of(command, "--env", equals, value, rest, "a variable").partition("=")
            if not variable[0] or "\0" in variable[0]:
                raise UsageError(f"{command}: --env wants NAME or NAME=VALUE")
            choice.variables.append(variable)
            continue
        if option not in ("scratch", "rehearse", "confine", "read-only"):
            break
        if choice.kind is not None:
            raise UsageError(f"{command}: only one machine: --{choice.kind} or --{option}")
        choice.kind = option
        del rest[0]
        if option == "scratch":
            if equals:
                choice.size = value
            elif rest and sizes.is_size(rest[0]):
                choice.size = rest.pop(0)
            elif rest and _looks_like_size(rest[0]) and not _is_program(rest[0]):
                choice.size = rest.pop(0)  # which is refused with what is wrong with it
        elif option == "confine":
            what = "a directory"
            choice.directory = value_of(command, "--confine", equals, value, rest, what)
        elif equals:
            raise UsageError(f"{command}: --{option} takes no value")
    if choice.network and choice.kind != "confine":
        raise UsageError(f"{command}: --network belongs to --confine")
    if choice.kind is None and (choice.variables or choice.clean is not None):
        raise UsageError(f"{command}: an environment belongs to a machine")
    return choice, rest


def _looks_like_size(word):
    number = word.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    return word[:1].isdigit() and number.replace(".", "", 1).isdigit()


def _is_program(name):
    return any(ostler.path.exists(f"{place}/{name}") for place in ostler.host.get_exec_path())


def run_in(choice, programs, name, start):
    """Make the machine and run a program there: `start` execs it, given the machine, and returns
    only by an error. Return the exit status for that error, having said it of `name`."""
    try:
        machine = choice.make(programs)
    except (OSError, ValueError) as error:
        complain(error)
        return FAILED
    try:
        start(machine)
    except OSError as error:
        # Where the machine has such a program, its path is the error's.
        missing = isinstance(error, FileNotFoundError) and "/" not in str(error.filename or name)
        if missing and choice.kind == "scratch" and choice.size is None:
            complain(f"{on_one_line(name)}: neither a size, as 64M, nor a program that is here")
        else:
            complain(not_run(name, error, missing))
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE


def not_run(name, error, missing):
    """Why a program could not be run, in words; `missing`: no directory of PATH has the name."""
    if missing:
        return f"{on_one_line(name)}: command not found: no directory of PATH has it"
    return f"{on_one_line(name)}: {error.strerror or error}"


def python_needs(script=None):
    """The paths of the host that this interpreter and a script need in order to run."""
    needs = {
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        sys.base_exec_prefix,
        ostler.path.dirname(sys.executable),
        ostler.path.dirname(ostler.path.realpath(sys.executable)),
        ostler.path.dirname(ostler.__file__),
        *sys.path[1:],
        *ostler.environ.get("PYTHONPATH", "").split(":"),
    }
    if script is not None:
        needs.add(ostler.path.dirname(ostler.path.abspath(script)))
        needs.add(ostler.path.dirname(ostler.path.realpath(script)))
    return sorted(path for path in needs if path)


def paths_to_show(programs):
    """The paths to show on a machine that begins empty: for a shell, and these."""
    wanted = dict.fromkeys(ostler.machines.SHELL)
    for path in programs:
        path = ostler.path.abspath(path)
        if path != "/":
            wanted[path] = None
            wanted[ostler.path.realpath(path)] = None
    shell = set(ostler.machines.SHELL)
    return [path for path in wanted if path in shell or ostler.path.lexists(path)]


def furnished(machine):
    """The machine, with the directories that programs expect to find."""
    for path in ("/tmp", "/var/tmp", machine.environ.get("TMPDIR") or "/tmp"):
        if not machine.path.lexists(path):
            machine.makedirs(path)
            machine.chmod(path, 0o1777)
    home = machine.environ.get("HOME", "")
    if home.startswith("/"):
        machine.makedirs(home, exist_ok=True)
    return machine


def _standing_in_work(machine):
    # Not in "/", where a program that looks around finds all that is shown of the host.
    path, number = "/work", 1
    while machine.path.lexists(path):
        number += 1
        path = f"/work{number}"
    machine.mkdir(path)
    machine.chdir(path)
    return machine


def is_within(path, directory):
    """Whether a path is that of a directory, or lies below it, as they are written."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")
