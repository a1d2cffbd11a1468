"""What the commands about whole trees share: options, output of names, progress, errors."""

import json
import sys
import time
from argparse import SUPPRESS, ArgumentTypeError

import ostler
from ostler import sizes
from ostler.cli import (
    INTERRUPTED,
    UsageError,
    end_line,
    interrupted,
    on_one_line,
    output_failed,
    tell,
    told,
)
from ostler.cli.parsing import Parser
from ostler.cli.patterns import of_names

_AFTER, _EVERY = 0.3, 0.1  # seconds: until progress shows, and between two updates
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_JSON = "Print JSON, one object on each line; a byte that is no text is \\udc80 to \\udcff there."


def tree_parser(name, usage, what, examples, changes=False):
    """A parser with the options that all of them have."""
    made = Parser(name, usage, what, examples)
    made.add_argument(
        "--threads", type=int, metavar="N", help="Use N threads; by default as many as fit."
    )
    made.add_argument(
        "-x", "--one-file-system", action="store_true",
        help="Stay on the file system of each PATH.",
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help=_JSON)
    made.add_argument("-q", "--quiet", action="store_true", help="Show no progress.")
    if changes:
        made.add_argument(
            "-n", "--dry-run", action="store_true",
            help="Only print what would be done, and refuse what would be refused.",
        )  # fmt: skip
    return made


def habit(made, *options):
    """Accept options that people type and that change nothing: it is always so."""
    made.add_argument(*options, action="store_true", help=SUPPRESS)


def exclusions(made):
    """The option that leaves names out."""
    made.add_argument(
        "-E", "--exclude", action="append", default=[], metavar="PATTERN",
        help="Leave out names that match PATTERN, with all below them.",
    )  # fmt: skip


def endings(made, when=""):
    """The option for programs that read names."""
    made.add_argument(
        "-0", "--null", action="store_true", help=f"{when}End names with NUL, for xargs -0."
    )


def levels(text):
    """How deep to go: what --depth takes."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is no number of levels")
    return int(text)


def number(text):
    """How many, or 0 for all."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def parse(made, arguments):
    """The options; what argparse can't know is looked at here."""
    options = made.read(arguments)
    if options.threads is not None and options.threads < 1:
        raise UsageError(f"{made.name}: --threads must be at least 1")
    if "exclude" in options:
        options.exclude = of_names(f"{made.name}: --exclude", options.exclude)
    return options


def entries_in_words(number, directories=0):
    """How many entries there are, and how many of them are directories, where any is."""
    said = "1 entry" if number == 1 else f"{number:,} entries"
    if directories == 1:
        said += ", a directory" if number == 1 else ", 1 of them a directory"
    elif directories:
        said += f", {directories:,} of them directories"
    return said


def human(size):
    """A number of bytes, short."""
    value = float(size)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def size_of(text):
    """The bytes that "10k", "1.5M" or "7" mean."""
    try:
        return sizes.parsed(text)
    except ValueError as error:
        raise UsageError(error) from None


def moment(text):
    """The second of the epoch that "2d" (ago), "2026-01-31" or "@12345" mean."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    try:
        if text.startswith("@"):
            return int(text[1:])
        if text[-1:] in units:
            return int(time.time() - float(text[:-1]) * units[text[-1]])
        from datetime import datetime

        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise UsageError(f"not a time: {text!r} (2d, 2026-01-31, @12345)") from None


class Output:
    """Standard output: names byte for byte, ended by newlines or, with -0, by NULs; and lines.

    On a terminal each name stands on one line, and what could steer the terminal is escaped.
    """

    def __init__(self, nul=False, as_json=False):
        self.end = b"\0" if nul else b"\n"
        self.escapes = not nul and sys.stdout.isatty()
        self.as_json = as_json
        self.out = sys.stdout.buffer
        sys.stdout.flush()

    def name(self, path, before=b"", **more):
        """Write a name, with something before it; or both as JSON, `more` with it."""
        if self.as_json:
            self.json({"path": ostler.fsdecode(path), **more})
            return
        self.out.write(before + self._text(path) + self.end)

    def pair(self, source, target):
        """Write the two names of something that was copied."""
        self.out.write(self._text(source) + b" -> " + self._text(target) + self.end)

    def json(self, document):
        """Write one object on one line."""
        self.out.write(json.dumps(document).encode() + b"\n")

    def line(self, text):
        """Write a line of text."""
        self.out.write(text.encode("utf-8", "surrogateescape") + b"\n")

    def shown(self, path):
        """A path as it stands in a line of text."""
        path = ostler.fsdecode(path)
        return on_one_line(path) if self.escapes else path

    def _text(self, path):
        return ostler.fsencode(self.shown(path))

    def flush(self):
        """Write what waits."""
        self.out.flush()


# What an operation does not look at, so that its counts have nothing to tell of it.
_UNKNOWN = {"copy": ("disk",), "remove": ("bytes", "disk")}


def known(command, counts):
    """The numbers that a command has to tell, by name."""
    unknown = _UNKNOWN.get(command, ())
    return {name: n for name, n in counts.numbers().items() if name not in unknown}


class Teller:
    """Progress on a terminal, and errors as they come; the exit status in the end.

    As a context it tells the OSError that ends a command, and that standard output can't be
    written to.
    """

    def __init__(self, name, quiet=False):
        self.name = name
        self.failed = 0
        self.began = time.monotonic()
        self.updated = 0.0
        self.shows = self.cleared = False
        self.interrupted = False
        self.quiet = (
            quiet or not sys.stderr.isatty() or ostler.environ.get("TERM") in (None, "", "dumb")
        )

    def progress(self, counts):
        """What trees call with the counts so far."""
        now = time.monotonic()
        if now - self.updated < _EVERY or now - self.began < _AFTER:
            return
        self.updated = now
        entries = counts.entries if hasattr(counts, "entries") else len(counts.files)
        rate = entries / (now - self.began)
        size = f"{human(counts.bytes)}, " if "bytes" not in _UNKNOWN.get(self.name, ()) else ""
        text = f"{self.name}: {entries_in_words(entries)}, {size}{rate:,.0f} a second"
        self.shows = True
        try:
            columns = ostler.get_terminal_size(2).columns or 80
            # One line that is written over, never one that wraps.
            print(f"\r{text[: columns - 1]}\x1b[K", end="", file=sys.stderr, flush=True)
        except OSError:
            self.quiet = True

    def options(self):
        """The arguments for an operation on a tree."""
        return {"on_error": self.error, "progress": None if self.quiet else self.progress}

    def error(self, error):
        """Tell an error, and remember that there was one."""
        self.failed += 1
        self.say(told(error))

    def error_of_path(self, error):
        """Tell an OSError that names a path: the others go on. One that names none ends it all."""
        if error.filename is None:
            raise error
        self.error(error)

    def say(self, text):
        """Say something on standard error."""
        self.clear()
        tell(f"ostler {self.name}: {text}")

    def clear(self):
        """Take the progress off the terminal."""
        if self.shows:
            # With the ^C that the terminal has put behind it, if that is why.
            self.shows, self.cleared = False, isinstance(sys.exception(), KeyboardInterrupt)
            try:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            except OSError:
                self.quiet = True

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.clear()
        try:
            if error is None:
                sys.stdout.flush()
        except OSError as failure:
            error = failure
        if isinstance(error, OSError) and error.filename is None:
            self.failed += output_failed(f"ostler {self.name}", error)
            return True
        if isinstance(error, OSError):
            self.error(error)
            return True
        if isinstance(error, KeyboardInterrupt):
            done = getattr(error, "done", None)
            entries = getattr(done, "entries", None)
            so_far = "" if entries is None else f"; so far {entries_in_words(entries)}"
            if not self.cleared:  # else what comes stands in the place of the progress
                end_line()
            self.say(f"interrupted{so_far}")
            self.interrupted = True
            interrupted()
            return True
        return False

    @property
    def exit_status(self):
        """0, or 1 when something could not be done, or 130 after Ctrl-C."""
        return INTERRUPTED if self.interrupted else int(self.failed > 0)
