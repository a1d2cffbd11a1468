"""`ostler remove`: whole trees, and single names."""

import json
import sys

import ostler
from ostler.cli._trees import Names, Teller, on_one_line, parse, shown, tree_parser
from ostler.trees import Counts


def main(arguments):
    """Run the command; return its exit status."""
    made = tree_parser("remove", changes=True)
    made.add_argument("paths", nargs="+", metavar="PATH")
    made.add_argument("-f", "--force", action="store_true", help="what is missing is no error")
    made.add_argument("-i", "--ask", action="store_true", help="ask before each PATH")
    made.add_argument("-r", "-R", "-d", "--recursive", action="store_true", help="always so")
    made.add_argument("-0", "--null", action="store_true", help="with -n, names end with NUL")
    options = parse(made, arguments)
    results = []
    with Teller("remove", options.quiet or options.json) as teller:
        for path in options.paths:
            try:
                counts = one(path, options, teller)
            except FileNotFoundError as error:
                if not options.force:
                    teller.error(error)
                continue
            except OSError as error:
                teller.error(error)
                continue
            if counts is not None:
                results.append({"path": shown(path), **counts.numbers()})
    if options.json:
        print(json.dumps(results, indent=2))
    return teller.exit_status


def one(path, options, teller):
    """Remove one argument, a link itself and never what it means, or print what would go."""
    kind = ostler.lstat(path).st_mode & 0o170000
    is_tree = kind == 0o040000
    if options.dry_run:
        names = Names(options.null)
        if is_tree:
            found = ostler.trees.find(
                path, threads=options.threads, on_error=teller.error,
                one_filesystem=options.one_file_system,
            )  # fmt: skip
            for name in found:
                names.write(name)
        names.write(path)
        names.flush()
        return None
    if options.ask and not _agreed(path, is_tree, teller):
        return None
    if not is_tree:
        ostler.unlink(path)
        return Counts(**{{0o100000: "files", 0o120000: "links"}.get(kind, "others"): 1})
    return ostler.trees.remove(
        path, threads=options.threads, one_filesystem=options.one_file_system, **teller.options()
    )


def _agreed(path, is_tree, teller):
    """What the user answers."""
    what = on_one_line(path)
    if is_tree:
        below = ostler.trees.count(path, on_error=teller.error).entries - 1
        what += f" and the {below:,} entries below" if below else ""
    teller.clear()
    print(f"remove {what}? ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
