"""`ostler record`: run a command, and tell what it did: processes, files, network."""

import json
import sys
import tempfile

import ostler
from ostler import host
from ostler.cli import UsageError, complain, no_option, on_one_line, output_failed, tell
from ostler.cli.machine import FAILED, OPTIONS, take
from ostler.cli.machine import USAGE as MACHINES

USAGE = f"""\
usage: ostler record [OPTION...] [MACHINE] COMMAND [ARG...]
       ostler record show [OPTION...] LOG
       ostler record diff LOG LOG

Run a command, and record what it does with all that it starts: which processes, what each read,
created, wrote, renamed, removed, what was refused, where it connected. Afterwards the story is
told on the terminal, or kept in FILE. The exit status is the command's. `show` tells the story of
what was kept, `diff` what the one run did and the other didn't. A command whose name is show or
diff comes after --.

  -o, --output FILE  Keep the recording in FILE, and tell nothing. The name says how: .json for
                     Perfetto, .jsonl for JSON Lines, any other for SQLite, which show reads.
  --changes          Record only what may change something, and the network: it costs less.
  --only WHAT        Tell only of this: written, read, network, refused or all (with what every
                     program reads when it begins, and what was not there).
  --path PATTERN     Tell only of paths that fit, or lie in that directory.
  --process PATTERN  Tell only of programs whose name or pid fits.
  --json             Print JSON Lines.

{MACHINES}

Examples:
  ostler record ./install.sh --prefix ~/.local
  ostler record --only written --confine . make test"""

_OPTIONS = (
    "--output", "-o", "--changes", "--only", "--path", "--process", "--json", *OPTIONS,
)  # fmt: skip


class RecordOptions:
    """What stands before the command, or the log."""

    def __init__(self, arguments):
        self.output = self.only = None
        self.changes = self.json = False
        self.paths, self.processes = [], []
        rest = list(arguments)
        while rest and rest[0].startswith("-") and rest[0] != "--":
            option, equals, value = rest[0].partition("=")
            if option in ("--changes", "--json") and not equals:
                setattr(self, option[2:], True)
                del rest[0]
            elif option in ("-o", "--output", "--only", "--path", "--process"):
                del rest[0]
                value = value if equals else rest.pop(0) if rest else ""
                if not value:
                    raise UsageError(f"record: {option} wants a value")
                self._take(option, value)
            else:
                break
        self.rest = rest

    def _take(self, option, value):
        from ostler.record.outline import ONLY

        if option == "--path":
            self.paths.append(value if "*" in value else host.path.abspath(value))
        elif option == "--process":
            self.processes.append(value)
        elif option == "--only":
            if value not in ONLY:
                raise UsageError(f"record: --only wants one of {', '.join(ONLY)}, not {value!r}")
            self.only = value
        else:
            self.output = value

    @property
    def wanted(self):
        """Which events are shown."""
        from ostler.record.outline import Wanted

        return Wanted(self.only, self.paths, self.processes)


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
    if command[:1] == ["--"]:
        del command[0]
    elif command and command[0].startswith("-"):
        raise no_option("record", command[0], _OPTIONS)
    if command[:1] in ([], [""]):
        raise UsageError("record: no command")
    return _record(options, choice, command)


def _record(options, choice, command):
    from ostler.cli.exec import program
    from ostler.cli.running import run
    from ostler.record.recorder import ProgramRecorder

    if choice.kind is None:
        choice.make = lambda programs: ostler.host
    programs = [program(host, command[0])] if choice.kind in ("scratch", "confine") else []
    about = {"command": command, "cwd": host.getcwd(), "machine": choice.kind or "host"}
    try:
        if options.output is not None and host.path.lexists(options.output):
            raise FileExistsError(17, "there is something already", options.output)
        file = _stream(options)
        machine = choice.make(programs)
    except (OSError, ValueError) as error:
        complain(error)
        return FAILED
    with file:
        try:
            recorder = ProgramRecorder(machine, file.fileno(), not options.changes, about)
            with recorder:
                status = run(machine, command, options.json and options.output is None, (), False)
        except OSError as error:
            _drop(options, file)
            complain(error)
            return FAILED
        if recorder.living:
            tell("ostler: what it left running is not recorded any more")
        if recorder.problem:
            complain(f"the recording is incomplete: {host.strerror(recorder.problem)}")
        if status < 0:
            _drop(options, file)
            return -status
        return _keep(options, file) or status


def _stream(options):
    # Where it is written until the end: beside the file that it becomes, for that may be large.
    if options.output is None:
        return tempfile.TemporaryFile()
    directory, name = host.path.split(host.path.abspath(options.output))
    return tempfile.NamedTemporaryFile(
        dir=directory, prefix=f"{name}.", suffix=".part", delete=False
    )


def _drop(options, file):
    # Nothing has run, so there is nothing in it.
    if options.output is not None:
        host.unlink(file.name)


def _keep(options, file):
    # Tell or keep it; the exit status of what went wrong with that, or 0.
    from ostler.record.log import read

    file.seek(0)
    story = read(file)
    if options.output is None:
        try:
            _tell(story, options)
            sys.stdout.flush()
        except OSError as error:
            return output_failed("ostler record", error)
        return 0
    try:
        _write(story, options.output)
    except OSError as error:
        complain(error)
        complain(f"what was recorded is in {on_one_line(file.name)}; ostler record show reads it")
        return FAILED
    host.unlink(file.name)
    return 0


def _for_the_owner(path, flags):
    # Arguments of programs may be secrets.
    return host.open(path, flags | host.O_CLOEXEC, 0o600)


def _write(story, path):
    if path.endswith((".json", ".jsonl")):
        from ostler.record import exports

        with open(path, "x", encoding="utf-8", opener=_for_the_owner) as file:
            (exports.trace if path.endswith(".json") else exports.json_lines)(story, file)
        return
    import sqlite3

    from ostler.record import database

    try:
        database.write(story, path)
    except sqlite3.Error as error:
        raise OSError(5, str(error), path) from None


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
        _print(text)


def _print(text):
    # What the terminal has no letters for stands escaped.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


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


def story_of(path):
    """The recording that is kept at a path; OSError, or ValueError where it is none."""
    from ostler.record import database, log

    with open(path, "rb") as file:
        start = file.read(16)
        if start != database.MAGIC:
            file.seek(0)
            return log.read(file)
    return database.read(path)


def _show(arguments):
    options = RecordOptions(arguments)
    if options.rest and options.rest[0].startswith("-"):
        raise no_option("record show", options.rest[0], _OPTIONS)
    if len(options.rest) != 1 or options.output is not None or options.changes:
        raise UsageError("record show: one log is wanted")
    try:
        story = story_of(options.rest[0])
    except (OSError, ValueError) as error:
        complain(
            error if isinstance(error, OSError) else f"{on_one_line(options.rest[0])}: {error}"
        )
        return FAILED
    _tell(story, options)
    return 0


def _diff(arguments):
    options = RecordOptions(arguments)
    if len(options.rest) != 2 or options.output is not None or options.changes:
        raise UsageError("record diff: two logs are wanted")
    from ostler.record.comparing import differences

    try:
        stories = [story_of(path) for path in options.rest]
    except (OSError, ValueError) as error:
        complain(error)
        return FAILED
    found = 0
    for mark, text in differences(*stories, options.wanted):
        found = 1
        _print(json.dumps({"mark": mark, "text": text}) if options.json else f"{mark} {text}")
    return found
