"""A kept rehearsal: one session over many commands, each of which takes it up where it stands."""

import errno
import re
import shlex
import time

import ostler
from ostler import host
from ostler.cli import complain, on_one_line, tell
from ostler.cli.running import command, run

USAGE = """\
DIR is where a rehearsal is kept: the first `ostler rehearse --kept DIR COMMAND`, or
`ostler exec --kept DIR --point COMMAND`, begins it, and each later one goes on with it."""
_WAITS = """ Where
another command has DIR, this one says which process that is, and fails, or waits with --wait."""

FAILED = 1
WAIT = "Where another command has DIR, wait until that has ended."
_PAUSE = 0.02  # seconds, where it is not a command that has it, but what one has left running


def parser(name, usage, what, examples, waits=True):
    """The parser of a command about what is kept in DIR; `waits`: whether it is one that has it."""
    from ostler.cli.parsing import Parser  # which those that only run a program do without

    made = Parser(name, usage, f"{what}\n{USAGE}{_WAITS if waits else ''}\n", examples)
    if waits:
        made.add_argument("--wait", action="store_true", help=WAIT)
    made.add_argument("directory", metavar="DIR", help="Where the rehearsal is kept.")
    return made


def see_place(directory):
    """See to it that changes can be kept in a new directory, before there are any; an OSError."""
    from ostler.machines import trust

    if host.path.lexists(directory):
        raise FileExistsError(errno.EEXIST, "there is something already", directory)
    above = host.path.dirname(host.path.abspath(directory))
    try:
        host.close(trust.shared_directory(above))
        if not host.access(above, host.W_OK | host.X_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, host.strerror(errno.EACCES))
    except trust.Refused:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, directory) from None


def taken_up(directory, sync=False, wait=False):
    """The machine of what is kept in a directory; with `wait` that of who has it is waited for."""
    return _when_free(lambda: _taken_up(directory, sync), directory, wait)


def _when_free(make, directory, wait):
    said = False
    while True:
        try:
            return make()
        except OSError as error:
            if not wait or error.errno != errno.EBUSY:
                raise
            if not said:
                tell(f"ostler: waiting: {on_one_line(directory)}: {_with_dir(error.strerror)}")
            said = True
        _let_go(directory)


def _let_go(directory):
    # Wait until nobody holds it: then it is tried again.
    fd = host.open(directory, host.O_RDONLY | host.O_DIRECTORY | host.O_CLOEXEC)
    try:
        import fcntl  # when it is needed: a file that not everybody may be able to read

        fcntl.flock(fd, fcntl.LOCK_SH)
    finally:
        host.close(fd)
    time.sleep(_PAUSE)


def _taken_up(directory, sync):
    from ostler.machines.rehearsal.uppers import base_of

    host.stat(directory)  # for its error
    return ostler.rehearsal(base_of(directory), upper=directory, sync=sync)


def gone(machine, directory):
    """Drop all that is kept of a machine in a directory; what has become of that, in words.

    That needs no room on the disk. OSError (EBUSY) where something is still at work on it.
    """
    from ostler.machines.rehearsal import uppers

    with machine._busy, machine._quiet(False) as still:
        uppers.remove(machine)
        still.over()
    return _told_gone(directory)


def gone_untaken(directory, error):
    """The same of what can't be taken up because of an OSError: on a full disk, say.

    Nor can what can't be mounted, as where a command has renamed what something is mounted in.
    Another error is raised.
    """
    from ostler.machines.rehearsal import taking_up

    known = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ESTALE)
    if not known and not isinstance(error, ostler.MachineUnavailable):
        raise error
    taking_up.remove_untaken(directory)
    return _told_gone(directory)


def rest_of_dropped(directory):
    """Remove what another command, that was killed in the middle of it, has left; what is told.

    None, where nothing is left of such a one.
    """
    from ostler.machines.rehearsal import taking_up

    return _told_gone(directory) if taking_up.remove_dropped(directory) else None


def _told_gone(directory):
    name = on_one_line(directory)
    if not host.path.lexists(directory):
        return f"{name} is gone"
    return f"nothing is kept in {name} any more, which is there still"


def begun(directory, sync=False, wait=False, base=None):
    """The same; where there is no such directory, or it is empty, a new one of `base`."""
    return _when_free(lambda: _begun(directory, sync, base), directory, wait)


def _begun(directory, sync, base):
    try:
        host.mkdir(directory, 0o700)
    except FileExistsError:
        if host.listdir(directory) and base is None:
            try:
                return _taken_up(directory, sync)
            except FileNotFoundError as error:
                if error.filename != directory:
                    raise  # else one that was begun, and killed, has left it
    return ostler.rehearsal(base, upper=directory, sync=sync)


def tried(function, *arguments):
    """Call what may be refused; the exit status, having said why it was.

    What it returns prints what is to be said when all is done: a standard output that can't be
    written to is another failure than one of the rehearsal, or none, where the reader has enough.
    """
    try:
        told = function(*arguments)
    except (OSError, ValueError) as error:
        complain(about(error, getattr(arguments[0], "directory", None)))
        if isinstance(error, ostler.CommitConflict):
            conflicts(error.paths)
        return FAILED
    told()
    return 0


def about(error, directory):
    """An error in the words of the command line, on which an upper is called DIR.

    The directory is named where it is a full disk that has no name yet.
    """
    if isinstance(error, OSError) and error.strerror:
        error.strerror = _with_dir(error.strerror)
    elif isinstance(error, ValueError):
        return ValueError(_with_dir(str(error)))
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full and error.filename is None and directory is not None:
        return OSError(error.errno, error.strerror, directory)
    return error


def _with_dir(text):
    # What a program is called, or a path, stands behind these.
    return _UPPER.sub(lambda found: found[0].replace("an ", "a ")[:-5] + "DIR", text, count=2)


_UPPER = re.compile(r"(?:^|\b(?:the|an|within) )upper\b")


def conflicts(paths):
    """Say of which other paths than the first a conflict is, and what became of the commit."""
    for path in paths[1:20]:
        complain(f"  {on_one_line(path)}")
    if len(paths) > 20:
        complain(f"  and {len(paths) - 20:,} more")
    complain("nothing was committed")


def run_at_point(machine, program, aside=False, record=False, exact=False):
    """Make a point, and run a program to its end; its exit status, or minus our own.

    With `record` it is noted which program changes what, with `exact` by ptrace(2).
    """
    from ostler.cli.authors import noted

    point = machine.checkpoint(command=list(program))
    with noted(machine, record, None, exact):
        status = run(machine, command(program), aside)
    point.ended(abs(status), counted(machine.changes(since=point)))
    return status


def counted(changes):
    """{kind: number} of changes."""
    counts = {}
    for change in changes:
        counts[change.kind] = counts.get(change.kind, 0) + 1
    return counts


_SIGNS = {"created": "+", "modified": "~", "removed": "-"}


def counts_in_words(counts):
    """Such counts, in a few characters: created +, modified ~, removed -, all others *."""
    if counts is None:
        return ""
    found = {}
    for kind, number in counts.items():
        sign = _SIGNS.get(kind, "*")
        found[sign] = found.get(sign, 0) + number
    return " ".join(f"{sign}{found[sign]:,}" for sign in "+~-*" if found.get(sign))


def named(point):
    """A point in words: its name, and the command before which it was made."""
    if point.command is None:
        return point.name
    return f"{point.name}, before: {line_of(point.command)}"


def line_of(command):
    """A command as one would type it, on one line."""
    return on_one_line(command if isinstance(command, str) else shlex.join(command))


def moment(seconds):
    """A time of today as such, an earlier one with its day."""
    then, now = time.localtime(seconds), time.localtime()
    same = then[:3] == now[:3]
    return time.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M", then)


def tell_kept(directory):
    """Say where changes are kept, and the command that takes them up."""
    place = on_one_line(directory)
    command = f"ostler rehearse --kept {_quoted(directory)}"
    tell(f"ostler: kept in {place}; this goes on with it: {command}")


def _quoted(path):
    """A path as a shell takes it, on one line."""
    if on_one_line(path) == path:
        return shlex.quote(path)
    parts = []
    for byte in host.fsencode(path):
        plain = 32 <= byte < 127 and byte not in b"'\\"
        parts.append(chr(byte) if plain else f"\\x{byte:02x}")
    return f"$'{''.join(parts)}'"
