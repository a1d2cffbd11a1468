"""Running a program on a machine to its end, with all that it starts."""

import contextlib
import functools
import signal
import sys

from ostler import host
from ostler.cli import IGNORED, complain, tell
from ostler.cli.machine import NOT_EXECUTABLE, NOT_FOUND, not_run

_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def command(program):
    """The arguments for a program: a .py script is one of this interpreter."""
    if program[0].endswith(".py") and host.path.isfile(program[0]):
        return [sys.executable, *program]
    return program


def run(machine, arguments, aside, actions=(), alone=True):
    """Run a program to its end, with all that it starts; its exit status, or minus our own.

    With `aside` its standard output goes to standard error; `actions` are further ones of
    posix_spawn(). What it leaves running is ended, unless it need not be `alone`.
    """
    from ostler.core.descendants import adopt_orphans

    others = _children()
    before = adopt_orphans(alone)
    ours = {}
    actions = [*actions, *([(host.POSIX_SPAWN_DUP2, 2, 1)] if aside else ())]
    defaults = list(IGNORED)
    for number in (signal.SIGINT, signal.SIGQUIT):
        # The terminal sends these to the program, too, which is who decides.
        ours[number] = signal.signal(number, signal.SIG_IGN)
        if ours[number] is not signal.SIG_IGN:
            defaults.append(number)
    sys.stdout.flush()
    try:
        try:
            pid = machine.posix_spawnp(
                arguments[0],
                arguments,
                dict(machine.environ),
                file_actions=actions,
                setsigdef=defaults,
            )
        except OSError as error:
            missing = _is_missing(machine, arguments[0], error)
            complain(not_run(arguments[0], error, missing))
            return -(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)
        _forward(pid, ours)
        _, status = host.waitpid(pid, 0)
        if alone:
            _end_orphans(others)
    finally:
        adopt_orphans(before)
        for number, handler in ours.items():
            signal.signal(number, handler)
    code = host.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _is_missing(machine, name, error):
    # Not where a script is there, and what is to run it is not.
    return "/" not in name and isinstance(error, FileNotFoundError) and not is_there(machine, name)


def is_there(machine, name):
    """Whether there is anything that a name of a program can mean."""
    if "/" in name:
        return machine.path.lexists(name)
    return any(machine.path.lexists(f"{place}/{name}") for place in machine.get_exec_path())


def _forward(pid, ours):
    for number in _FORWARDED:
        ours[number] = signal.signal(number, lambda number, frame: _tell(pid, number))


def _tell(pid, number):
    try:
        host.kill(pid, number)
    except ProcessLookupError:
        pass


def _children():
    """The pids of our children."""
    found = set()
    for thread in host.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children") as file:
            found.update(int(pid) for pid in file.read().split())
    return found


def _end_orphans(others):
    """End what the program left running: it would go on changing what is looked at now.

    Of our children `others` were there before it.
    """
    ended = 0
    while True:
        left = _children() - others
        if not left:
            break
        for pid in left:
            _tell(pid, signal.SIGKILL)
        for pid in left:
            try:
                host.waitpid(pid, 0)
                ended += 1
            except ChildProcessError:
                pass
    if ended:
        number, verb = ("a process", "was") if ended == 1 else (f"{ended} processes", "were")
        tell(f"ostler: {number} that it left running {verb} ended")


@functools.lru_cache(8)
def said_by(*words):
    """What a program writes to standard error, in English (bytes); None where it can't be run."""
    try:
        return host.run(list(words), capture=True, env={**host.environ, "LC_ALL": "C"}).stderr
    except OSError:  # who runs it for its work is told
        return None
