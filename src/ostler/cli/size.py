"""`ostler size`: how much is in directories, the largest drawn as bars."""

import json
import sys

import ostler
from ostler.cli._trees import Names, Teller, human, on_one_line, parse, shown, tree_parser
from ostler.trees import Counts


def main(arguments):
    """Run the command; return its exit status."""
    made = tree_parser("size")
    made.add_argument("paths", nargs="*", default=["."], metavar="PATH")
    made.add_argument("-d", "--depth", type=int, default=1, help="show directories this deep (1)")
    made.add_argument("-s", "--summarize", action="store_true", help="only the sum of each PATH")
    made.add_argument("-n", "--top", type=int, default=20, help="how many to show (20; 0: all)")
    made.add_argument("-b", "--apparent", action="store_true", help="contents, not use of disk")
    made.add_argument("-B", "--bytes", action="store_true", help="bytes, not 1.2 MiB")
    made.add_argument("-0", "--null", action="store_true", help="names end with NUL")
    options = parse(made, arguments)
    results = []
    with Teller("size", options.quiet or options.json) as teller:
        for path in options.paths:
            counts = measured(path, options, teller)
            if counts is not None:
                results.append((path, counts))
    if options.json:
        print(json.dumps([as_json(path, counts) for path, counts in results], indent=2))
    else:
        for path, counts in results:
            show(path, counts, options)
    return teller.exit_status


def measured(path, options, teller):
    """The counts of one argument, a file's too; None after an error."""
    try:
        st = ostler.stat(path)
        if st.st_mode & 0o170000 == 0o040000:
            return ostler.trees.size(
                path,
                by_directory=False if options.summarize else options.depth,
                threads=options.threads,
                one_filesystem=options.one_file_system,
                **teller.options(),
            )
        return Counts(files=1, bytes=st.st_size, disk=st.st_blocks * 512)
    except OSError as error:
        teller.error(error)
        return None


def as_json(path, counts):
    """What --json prints of one argument."""
    told = {"path": shown(path), **counts.numbers()}
    if counts.by_directory is not None:
        told["by_directory"] = {
            shown(name): {"files": c.files, "directories": c.directories, "bytes": c.bytes,
                          "disk": c.disk}
            for name, c in counts.by_directory.items()
        }  # fmt: skip
    return told


def show(path, counts, options):
    """Print one argument's directories, the largest first."""

    def value(of):
        return of.bytes if options.apparent else of.disk

    def text(of):
        return str(value(of)) if options.bytes else human(value(of))

    rows = sorted((counts.by_directory or {}).items(), key=lambda row: (-value(row[1]), row[0]))
    rows = [row for row in rows if ostler.path.normpath(row[0]) != ostler.path.normpath(path)]
    hidden = max(0, len(rows) - options.top) if options.top else 0
    rows = rows[: options.top or None]
    if not sys.stdout.isatty():
        names = Names(options.null)
        for name, of in [*rows, (path, counts)]:
            names.out.write(text(of).encode() + b"\t")
            names.write(name)
        names.flush()
        return
    largest = max((value(of) for _, of in rows), default=0) or 1
    width = max([len(text(of)) for _, of in rows] + [len(text(counts))])
    from ostler.cli import size_bars

    size_bars.draw(
        [
            (text(of), value(of) / largest, on_one_line(ostler.path.relpath(name, path)))
            for name, of in rows
        ], width, hidden,
        f"{text(counts):>{width}}  {on_one_line(path)}: {counts.entries:,} entries, "
        f"{counts.directories:,} of them directories",
    )  # fmt: skip
