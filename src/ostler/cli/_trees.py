"""What the commands about whole trees share: options, output of names, progress, errors."""

import sys
import time

import ostler
from ostler import sizes
from ostler.cli import UsageError, parser
from ostler.trees import Counts

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def tree_parser(name, changes=False):
    """A parser with the options that all of them have."""
    made = parser(name)
    made.add_argument("--threads", type=int, metavar="N", help="workers (default: as fits)")
    made.add_argument("-x", "--one-file-system", action="store_true", help="stay on one")
    made.add_argument("--json", action="store_true", help="print JSON, for programs")
    made.add_argument("-q", "--quiet", action="store_true", help="no progress")
    if changes:
        made.add_argument(
            "-n", "--dry-run", action="store_true", help="only print what would be done"
        )
    return made


def parse(made, arguments):
    """The options; what argparse can't know is looked at here."""
    options = made.parse_args(arguments)
    if options.threads is not None and options.threads < 1:
        raise UsageError("--threads must be at least 1")
    return options


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
    except ValueError:
        raise UsageError(f"not a time: {text!r} (2d, 2026-01-31, @12345)") from None


def shown(path):
    """A path as text for JSON, where a byte that is no text stands escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


def on_one_line(path):
    """A path for a terminal: what could steer it, or end the line, stands escaped."""
    from ostler.machines.pictures import shown

    return shown(path)


class Names:
    """Standard output for names: byte for byte, ended by newlines or, with -0, by NULs.

    On a terminal each stands on one line, and what could steer the terminal is escaped.
    """

    def __init__(self, nul=False):
        self.end = b"\0" if nul else b"\n"
        self.escapes = not nul and sys.stdout.isatty()
        self.out = sys.stdout.buffer
        sys.stdout.flush()

    def write(self, path):
        if self.escapes:
            path = on_one_line(ostler.fsdecode(path))
        self.out.write(ostler.fsencode(path) + self.end)

    def flush(self):
        self.out.flush()


class Teller:
    """Progress on a terminal, and errors as they come; the exit status in the end."""

    def __init__(self, name, quiet=False):
        self.name = name
        self.failed = 0
        self.status = None
        self.began = time.monotonic()
        self.told = 0.0
        self.quiet = quiet or not sys.stderr.isatty()

    def progress(self, counts):
        """What trees call with the counts so far."""
        now = time.monotonic()
        if now - self.told < 0.1 or now - self.began < 0.3:
            return
        self.told = now
        if self.status is None:
            try:
                from rich.console import Console
            except ImportError:
                self.quiet = True
                return
            self.status = Console(stderr=True).status(self.name)
            self.status.start()
        entries = counts.entries if hasattr(counts, "entries") else len(counts.files)
        rate = entries / (now - self.began)
        self.status.update(
            f"{self.name}: {entries:,} entries, {human(counts.bytes)}, {rate:,.0f} a second"
        )

    def options(self):
        """The arguments for an operation on a tree."""
        return {"on_error": self.error, "progress": None if self.quiet else self.progress}

    def error(self, error):
        """Tell an error, and remember that there was one."""
        self.failed += 1
        names = [name for name in (error.filename, error.filename2) if name is not None]
        text = " -> ".join(on_one_line(ostler.fsdecode(name)) for name in names)
        text += ": " if names else ""
        self.clear()
        print(f"ostler {self.name}: {text}{error.strerror or error}", file=sys.stderr)

    def clear(self):
        """Take the progress off the terminal."""
        if self.status is not None:
            self.status.stop()
            self.status = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.clear()
        if isinstance(error, BrokenPipeError):
            # The reader has enough, as head has.
            ostler.dup2(ostler.open("/dev/null", ostler.O_WRONLY), 1)
            return True
        if isinstance(error, OSError):
            self.error(error)
            return True
        if isinstance(error, KeyboardInterrupt):
            done = getattr(error, "done", None)
            so_far = f"; so far {done.entries:,} entries" if isinstance(done, Counts) else ""
            print(f"\nostler {self.name}: interrupted{so_far}", file=sys.stderr)
            self.failed = 130
            return True
        return False

    @property
    def exit_status(self):
        """0, or 1 when something could not be done, or 130 after Ctrl-C."""
        return 130 if self.failed == 130 else int(self.failed > 0)
