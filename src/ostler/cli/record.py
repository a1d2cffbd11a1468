"""`ostler record`: run a command, and tell what it did: processes, files, network."""

import glob
import json
import sys
import tempfile
from contextlib import nullcontext

import ostler
from ostler import host
from ostler.cli import (
    UsageError,
    complain,
    no_option,
    on_one_line,
    output_failed,
    tell,
    value_of,
    with_letters_of,
)
from ostler.cli.machine import FAILED, OPTIONS, take, working_directory
from ostler.cli.machine import USAGE as MACHINES

USAGE = f"""\
usage: ostler record [OPTION...] [MACHINE] COMMAND [ARG...]
       ostler record show [OPTION...] LOG
       ostler record diff LOG LOG

Run a command, and record what it does with all that it starts: which processes, what each read,
created, wrote, renamed, removed, what was refused, where it connected. Afterwards the story is
told on the terminal, or kept in FILE. The exit status is the command's. `show` tells the story of
what was kept, `diff` what the one run did and the other didn't; both take --only, --path, --process
and --json, and show --html and --profile, too. A command whose name is show or diff comes after --.

  -o, --output FILE  Keep the recording in FILE, and tell nothing. The name says how: .json for
                     Perfetto, .jsonl for JSON Lines, .html for a page, any other for SQLite, which
                     show reads.
  --html FILE        Write a page of HTML, and tell nothing: a timeline of the processes, a tree of
                     the files, who did what and when. Any browser shows it; it needs no network.
  --profile FILE     Write what the command needs to FILE, and tell nothing: what it read and
                     changed, and whether it used the network; ostler exec --profile FILE gives it
                     no more.
  --live             Tell it on standard error while it happens, line by line.
  --changes          Record only what may change something, and the network: it costs less.
  --exact            Record of each call what the kernel answered, by ptrace: whether it was done,
                     and the errno, also where looking doesn't tell, as of connections. It costs
                     more; debuggers can't be used inside.
  --only WHAT        Tell only of this: written, read, network, refused (with all changes and
                     connections that failed) or all (with what every program reads when it
                     begins, and what was not there).
  --path PATTERN     Tell only of paths that fit, or lie in that directory; *.c is in any.
  --process PATTERN  Tell only of programs whose name or pid fits.
  --json             Print JSON Lines.

With --rehearse the changes are shown afterwards, and it is asked what is to be done with them, as
ostler rehearse does; where there is no terminal to ask on they are dropped. Without asking:
  --commit           Apply all changes.
  --discard          Drop all changes.
  --keep DIR         Keep the changes in the new directory DIR.

{MACHINES}

Examples:
  ostler record ./install.sh --prefix ~/.local
  ostler record --only written --confine . make test
  ostler record --html story.html make
  ostler record --profile needs make"""

_OPTIONS = (
    "--output", "-o", "--html", "--profile", "--live", "--changes", "--exact", "--only", "--path",
    "--process", "--json", "--commit", "--discard", "--keep",
    *OPTIONS,
)  # fmt: skip
_OF_LOGS = ("--html", "--profile", "--only", "--path", "--process", "--json", "--help")
_ABOUT_COMMANDS = "record {}: {} is for a command that is recorded"


class RecordOptions:
    """What stands before the command, or the log."""

    def __init__(self, arguments):
        self.output = self.html = self.profile = self.only = None
        self.changes = self.exact = self.json = self.live = False
        self.then = self.keep = None  # of a rehearsal
        self.paths, self.processes = [], []
        self.rest = self.take(arguments)

    def take(self, arguments):
        """Take the options with which some arguments begin; what follows them."""
        rest = list(arguments)
        while rest and rest[0].startswith("-") and rest[0] != "--":
            option, equals, value = rest[0].partition("=")
            if option in ("--changes", "--exact", "--json", "--live") and not equals:
                setattr(self, option[2:], True)
                del rest[0]
            elif option in ("--commit", "--discard") and not equals:
                self._decide(option[2:])
                del rest[0]
            elif option in (
                "-o",
                "--output",
                "--html",
                "--profile",
                "--only",
                "--path",
                "--process",
                "--keep",
            ):
                del rest[0]
                value = value_of("record", option, equals, value, rest)
                self._take(option, value)
            else:
                break
        return rest

    def _take(self, option, value):
        from ostler.record.outline import ONLY

        if option == "--path":
            self.paths.append(_pattern(value))
        elif option == "--process":
            self.processes.append(value)
        elif option == "--only":
            if value not in ONLY:
                raise UsageError(f"record: --only wants one of {', '.join(ONLY)}, not {value!r}")
            self.only = value
        elif option in ("--html", "--profile", "--keep"):
            setattr(self, option[2:], value)
            if option == "--keep":
                self._decide("keep")
        else:
            self.output = value

    def _decide(self, what):
        if self.then not in (None, what):
            raise UsageError(f"record: --{self.then} or --{what}, not both")
        self.then = what

    @property
    def files(self):
        """What is to be written: (path, "page", "profile", or "" where the name says it) each."""
        found = [(self.output, ""), (self.html, "page"), (self.profile, "profile")]
        return [(path, page) for path, page in found if path is not None]

    @property
    def is_narrowed(self):
        """Whether less is wanted than what is usual."""
        return bool(self.only or self.paths or self.processes)

    @property
    def wanted(self):
        """Which events are shown."""
        from ostler.record.outline import Wanted

        return Wanted(self.only, self.paths, self.processes)


def _pattern(value):
    # Paths are told from "/" on. A pattern that has a directory begins where one is, as elsewhere
    # on a command line; one that has none is for names, in whatever directory.
    if "*" not in value:
        return host.path.normpath(host.path.join(working_directory(), value))
    if value.startswith(("/", "*")):
        return value
    if "/" in value:
        return host.path.join(glob.escape(working_directory()), value.removeprefix("./"))
    return f"*/{value}"


def main(arguments):
    """Run the command, or look at a recording; return the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if arguments[0] == "show":
        return _show(arguments[1:])
    if arguments[0] == "diff":
        return _diff(arguments[1:])
    options = RecordOptions(arguments)
    choice, command = take(options.rest, "record")
    command = options.take(command)  # they may come behind the machine's, too
    if command[:1] == ["--"]:
        del command[0]
    elif command and command[0].startswith("-"):
        raise no_option("record", command[0], _OPTIONS)
    if command[:1] in ([], [""]):
        raise UsageError("record: no command")
    if options.profile is not None and (options.changes or choice.kind in ("scratch", "confine")):
        raise UsageError("record: --profile wants all that the command does with the host's files")
    if options.then is not None and choice.kind != "rehearse":
        raise UsageError(f"record: --{options.then} belongs to --rehearse")
    return _record(options, choice, command)


def _record(options, choice, command):
    from ostler.cli.exec import program
    from ostler.cli.kept import about as with_name
    from ostler.cli.running import run
    from ostler.record.recorder import CanNotTrace, ProgramRecorder

    rehearses = choice.kind == "rehearse"
    if choice.kind is None:
        choice.make = lambda programs: ostler.host
    programs = [program(host, command[0])] if choice.kind in ("scratch", "confine") else []
    try:
        about = {
            "command": command, "cwd": working_directory(), "machine": choice.kind or "host",
        }  # fmt: skip
        _check(options)
        file = _stream(options)
        machine = choice.make(programs)
    except (OSError, ValueError) as error:
        complain(error)
        return FAILED
    with file, machine if rehearses else nullcontext():
        try:
            recorder = ProgramRecorder(
                machine, file.fileno(), not options.changes, about, options.exact
            )
            with recorder, _telling(options, file, recorder):
                # What is left running would go on changing what is looked at then.
                status = run(machine, command, options.json and not options.files, (), rehearses)
        except CanNotTrace as error:
            _drop(options, file)
            complain(f"record --exact: {error.strerror}")
            return FAILED
        except OSError as error:
            _drop(options, file)
            where = options.files[0][0] if options.files else tempfile.gettempdir()
            complain(with_name(error, where))
            return FAILED
        if recorder.living:
            tell("ostler: what it left running is not recorded any more")
        if recorder.problem:
            complain(f"the recording is incomplete: {host.strerror(recorder.problem)}")
        if status < 0:
            _drop(options, file)
            return -status
        failed = _keep(options, file, machine if rehearses else None)
        if rehearses and _ending(options, command, machine, status):
            failed = FAILED
        return failed or status


def _ending(options, command, machine, status):
    # What becomes of the changes of a rehearsal; whether that failed.
    from types import SimpleNamespace

    from ostler.cli.rehearse import ended

    told = SimpleNamespace(
        then=options.then, keep=options.keep, kept=None, program=command,
        json=options.json and not options.files,
    )  # fmt: skip
    return not ended(machine, told, status)


def _telling(options, file, recorder):
    # What tells it while it happens, where that is wanted.
    if not options.live:
        return nullcontext()
    from ostler.cli.record_live import Telling

    return Telling(file.fileno(), recorder, options.wanted)


def _check(options):
    if options.keep:
        from ostler.cli.kept import see_place

        see_place(options.keep)
    # Before anything is run: where nothing is two names are one file if they are one name in one
    # directory, however that is written.
    known = {}
    for path in [path for path, _ in options.files] + [options.keep] * bool(options.keep):
        if host.path.lexists(path):
            raise FileExistsError(17, "there is something already", path)
        above, name = host.path.split(path)
        try:
            place = host.stat(above or ".")
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        key = place.st_dev, place.st_ino, name
        if key in known:
            raise ValueError(f"{on_one_line(known[key])} and {on_one_line(path)} are one file")
        known[key] = path


def _stream(options):
    # Where it is written until the end: beside the file that it becomes, for that may be large.
    if not options.files:
        return tempfile.TemporaryFile()
    path = options.files[0][0]
    directory, name = host.path.split(host.path.abspath(path))
    try:
        fd = host.open(directory, host.O_RDWR | host.O_TMPFILE | host.O_CLOEXEC, 0o600)
        return open(fd, "w+b")  # which has no name that the command could see
    except OSError:
        pass  # not every file system has such files
    try:
        return tempfile.NamedTemporaryFile(
            dir=directory, prefix=f"{name}.", suffix=".part", delete=False
        )
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None  # the one that was asked for


def _drop(options, file):
    # Nothing has run, so there is nothing in it.
    if options.files and isinstance(file.name, str):
        host.unlink(file.name)


def _named(options, file):
    # The path of what was recorded, where it could not be made into what was wanted; None where
    # there can be none.
    if isinstance(file.name, str):
        return file.name
    path = f"{host.path.abspath(options.files[0][0])}.{host.getpid()}.part"
    try:
        ours = host.open("/proc/self/fd", host.O_PATH | host.O_DIRECTORY | host.O_CLOEXEC)
        try:
            # With a descriptor, without which link() as os has it follows nothing.
            host.link(str(file.fileno()), path, src_dir_fd=ours, follow_symlinks=True)
        finally:
            host.close(ours)
    except OSError:
        return None
    return path


def _keep(options, file, rehearsal):
    # Tell or keep it; the exit status of what went wrong with that, or 0.
    from ostler.record.log import read

    file.seek(0)
    story = read(file)
    if rehearsal is not None and (options.files or options.json):
        _add_changes(story, rehearsal)
    if options.live and not options.json and not options.files:
        from ostler.record.outline import end_of

        tell(end_of(story))
        return 0
    if not options.files:
        try:
            _tell(story, options)
            sys.stdout.flush()
        except OSError as error:
            return output_failed("ostler record", error)
        return 0
    failed = _write(story, options)
    if failed:
        path = _named(options, file)
        if path is not None:
            complain(f"what was recorded is in {on_one_line(path)}; ostler record show reads it")
        return failed
    _drop(options, file)
    return 0


def _add_changes(story, machine):
    # What differs at the end on a rehearsal, with the number of the process that did it.
    from ostler.machines.rehearsal.authors import last_of

    processes = last_of(story)
    story.about["changes"] = [
        [
            change.path, change.kind, change.source,
            None if change.by is None else processes[change.path].number,
        ]
        for change in machine.changes()
    ]  # fmt: skip


def _write(story, options):
    # What is wanted as files; the exit status of what went wrong with that, or 0.
    from ostler.cli.record_files import write

    for path, what in options.files:
        try:
            if what == "profile":
                _write_profile(story, path)
            else:
                write(_narrowed(story, options) if what else story, path, what == "page")
        except OSError as error:
            complain(error if error.filename else OSError(error.errno, error.strerror, path))
            return FAILED
    return 0


def _write_profile(story, path):
    from ostler.record import profiles

    profile = profiles.profile_of(story)
    profiles.write(profile, path)
    for left in profile.left_out:
        why = "it would be too much, or something was mounted before"
        tell(f"ostler: {on_one_line(left)} was changed, and is not given: {why}")


def _narrowed(story, options):
    # Only the events that are wanted, where that was asked for.
    if not options.is_narrowed:
        return story
    from ostler.record.outline import chosen

    return chosen(story, options.wanted)


def _tell(story, options):
    if options.json:
        from ostler.record.exports import json_lines

        json_lines(story, sys.stdout)
        return
    from ostler.record.outline import lines

    shown = [*lines(story, options.wanted)]
    if sys.stdout.isatty():
        try:
            from rich.console import Console
            from rich.text import Text
        except ImportError:
            pass
        else:
            console = Console(highlight=False)
            for what, text in shown:
                console.print(Text(text, _style(what)), soft_wrap=True)
            return
    for _, text in shown:
        print(with_letters_of(sys.stdout, text))


def _style(what):
    if what in ("process", "end"):
        return "bold"
    if what.startswith(("failed", "refused")):
        return "red"
    if what.startswith("tried"):
        return "magenta"
    return {
        "created": "green", "wrote": "yellow", "renamed": "cyan", "removed": "red", "read": "dim",
    }.get(what, "blue")  # fmt: skip


# What else record writes: how that begins, and what it is.
_OTHERS = (
    (b'{"traceevents"', "a trace for Perfetto"),
    (b'{"type": "recording"', "JSON Lines"),
    (b"<!doctype html", "a page for a browser"),
    (b'{\n  "profile"', "a profile, for ostler exec --profile"),
)
_TAKEN = (
    "this is {}; what is looked at is what record -o FILE keeps under a name that does not end in "
    ".json, .jsonl or .html"
)


def _other(start):
    return next((what for begin, what in _OTHERS if start.lower().startswith(begin)), None)


def story_of(path):
    """The recording that is kept at a path; OSError, or ValueError where it is none."""
    from ostler.record import database, log
    from ostler.record.given import opened

    with opened(path) as file:
        start = file.read(64)
        what = _other(start)
        if what is not None:
            raise log.NotALog(_TAKEN.format(what))
        if not start.startswith(database.MAGIC):
            file.seek(0)
            return log.read(file)
    return database.read(path)


def _read(path):
    # The recording that is kept at a path; None, having said why, where it can't be read.
    try:
        return story_of(path)
    except OSError as error:
        complain(error)
    except ValueError as error:
        complain(f"{on_one_line(path)}: {error}")
    return None


def _of_logs(arguments, what):
    # The options and the logs of `show` and `diff`, which may be mixed.
    options, logs = RecordOptions(arguments), []
    rest = options.rest
    while rest:
        if rest[0] == "--":
            logs += rest[1:]
            break
        if rest[0].startswith("-"):
            option = rest[0].partition("=")[0]
            if option in OPTIONS and option != "--help":
                raise UsageError(_ABOUT_COMMANDS.format(what, option))
            raise no_option(f"record {what}", option, _OF_LOGS)
        logs.append(rest[0])
        rest = options.take(rest[1:])
    given = [name for name in ("output", "changes", "exact", "live") if getattr(options, name)]
    given += [options.then] if options.then else []
    if given:
        raise UsageError(_ABOUT_COMMANDS.format(what, f"--{given[0]}"))
    if what == "diff" and options.files:
        raise UsageError("record diff: what differs is printed: no --html, no --profile")
    return options, logs


def _show(arguments):
    options, logs = _of_logs(arguments, "show")
    if len(logs) != 1:
        raise UsageError("record show: one log is wanted")
    try:
        _check(options)
    except (OSError, ValueError) as error:
        complain(error)
        return FAILED
    story = _read(logs[0])
    if story is None:
        return FAILED
    if options.processes and not any(map(options.wanted.process, story.processes)):
        complain(f"no process fits {' or '.join(map(on_one_line, options.processes))}")
        return 1
    if options.files:
        return _write(story, options)
    _tell(story, options)
    return 0


def _diff(arguments):
    options, logs = _of_logs(arguments, "diff")
    if len(logs) != 2:
        raise UsageError("record diff: two logs are wanted")
    from ostler.record.comparing import differences

    first, second = logs
    one = _read(first)
    other = None if one is None else _read(second)
    if other is None:
        return FAILED
    found = 0
    for mark, text in differences(one, other, options.wanted):
        found = 1
        line = json.dumps({"mark": mark, "text": text}) if options.json else f"{mark} {text}"
        print(with_letters_of(sys.stdout, line))
    return found
