"""`ostler size`: how much is in directories, the largest drawn as bars."""

import errno
import sys

import ostler
from ostler.cli import UsageError, on_one_line
from ostler.cli._trees import (
    Output,
    Teller,
    endings,
    entries_in_words,
    exclusions,
    habit,
    human,
    levels,
    number,
    parse,
    tree_parser,
)
from ostler.trees import Counts
from ostler.trees._how import How
from ostler.trees._together import Several

_WHAT = """
Tell how much disk space each PATH takes (by default the directory you stand in), with the
directories in it, the largest first; on a terminal as bars. A file with several names counts once,
and so does what belongs to several PATHs: it counts for the first of them.
"""
_EXAMPLES = """
ostler size --depth 2 ~
ostler size -sh /var/log /var/cache --total
ostler size --all --exclude .git project
"""


def size_parser():
    """The parser of the command."""
    made = tree_parser("size", "[OPTION...] [PATH...]", _WHAT, _EXAMPLES)
    made.h_means = "--human-readable"  # -h alone is help
    made.add_argument("paths", nargs="*", metavar="PATH", help="What to measure.")
    made.add_argument(
        "-d", "--depth", "--max-depth", type=levels, default=1, metavar="N",
        help="Show directories N levels deep (1).",
    )  # fmt: skip
    made.add_argument(
        "-s", "--summarize", action="store_true", help="Show only the sum of each PATH."
    )
    made.add_argument(
        "-a", "--all", action="store_true", help="Show files too, not only directories."
    )
    made.add_argument("-c", "--total", action="store_true", help="Show the total of all PATHs.")
    made.add_argument(
        "--top", type=number, default=20, metavar="N", help="Show the N largest (20); 0 is all."
    )
    made.add_argument(
        "--apparent-size", action="store_true",
        help="Count contents, not the use of the disk; directories have none, other than in du.",
    )  # fmt: skip
    made.add_argument(
        "-b", action="store_true", dest="exact",
        help="Count contents, in bytes: --apparent-size --bytes.",
    )  # fmt: skip
    made.add_argument("--bytes", action="store_true", help="Show bytes, not 1.2 MiB.")
    exclusions(made)
    endings(made)
    habit(made, "--human-readable")
    habit(made, "-P", "--no-dereference")
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = parse(size_parser(), arguments)
    if options.summarize and options.all:
        raise UsageError("size: --summarize or --all, not both")
    options.apparent = options.apparent_size or options.exact
    options.bytes = options.bytes or options.exact
    with Teller("size", options.quiet or options.json) as teller:
        output = Output(options.null, options.json)
        how = How(
            threads=options.threads, one_filesystem=options.one_file_system, **teller.options()
        )
        depth = False if options.summarize else options.depth
        several = Several(ostler.host, how, depth, options.exclude, options.all)
        total = _show_all(several, options, teller, output)
        if options.total and options.json:
            output.json({"total": total.numbers()})
        elif options.total:
            show("total", total, options, output)
        output.flush()
    return teller.exit_status


def _show_all(several, options, teller, output):
    total = Counts()
    for path in options.paths or ["."]:
        counts = measured(path, several, teller)
        if counts is None:
            continue
        total.plus(counts.numbers())
        if options.json:
            output.json(as_json(path, counts))
        else:
            teller.clear()
            show(path, counts, options, output)
    return total


def measured(path, several, teller):
    """The counts of one argument, a file's too; None after an error, or when it counted before."""
    try:
        counts = several.add(path)
    except OSError as error:
        teller.error_of_path(error)
        return itself(path) if error.errno == errno.EACCES else None
    if counts is None:
        teller.say(f"{on_one_line(path)}: counted already, with the paths before it")
    return counts


def itself(path):
    """The counts of a directory that can't be read, without what is in it; None for all else."""
    try:
        st = ostler.stat(path)
    except OSError:
        return None
    if st.st_mode & 0o170000 != 0o040000:
        return None
    return Counts(directories=1, disk=st.st_blocks * 512)


def as_json(path, counts):
    """What --json prints of one argument."""
    told = {"path": path, **counts.numbers()}
    if counts.by_directory is not None:
        told["by_directory"] = {name: c.numbers() for name, c in counts.by_directory.items()}
    return told


def show(path, counts, options, output):
    """Print one argument's directories, the largest first."""

    def value(of):
        return of.bytes if options.apparent else of.disk

    def text(of):
        return str(value(of)) if options.bytes else human(value(of))

    rows = sorted((counts.by_directory or {}).items(), key=lambda row: (-value(row[1]), row[0]))
    rows = [row for row in rows if ostler.path.normpath(row[0]) != ostler.path.normpath(path)]
    hidden = max(0, len(rows) - options.top) if options.top else 0
    rows = rows[: options.top or None]
    if not sys.stdout.isatty() or options.null:
        for name, of in [*rows, (path, counts)]:
            output.name(name, text(of).encode() + b"\t")
        return
    output.flush()
    largest = max((value(of) for _, of in rows), default=0) or 1
    width = max([len(text(of)) for _, of in rows] + [len(text(counts))])
    from ostler.cli import size_bars

    size_bars.draw(
        [
            (text(of), value(of) / largest, on_one_line(ostler.path.relpath(name, path)))
            for name, of in rows
        ], width, hidden,
        f"{text(counts):>{width}}  {on_one_line(path)}: "
        + entries_in_words(counts.entries, counts.directories),
    )  # fmt: skip
