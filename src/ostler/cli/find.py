"""`ostler find`: names in trees."""

import itertools
import json

import ostler
from ostler.cli import UsageError
from ostler.cli._trees import Names, Teller, moment, parse, shown, size_of, tree_parser

_TYPES = {
    "f": "file", "d": "directory", "l": "link", "p": "fifo", "s": "socket", "b": "block",
    "c": "character",
}  # fmt: skip


def main(arguments):
    """Run the command; return its exit status."""
    made = tree_parser("find")
    made.add_argument("paths", nargs="*", default=["."], metavar="PATH")
    made.add_argument("-n", "--name", action="append", default=[], help="pattern of names, *.py")
    made.add_argument("-r", "--regex", help="to be found in the path below PATH")
    made.add_argument("-t", "--type", default="", help=f"of {','.join(_TYPES)}, as in f,l")
    made.add_argument("-s", "--size", default=[], action="append", help="+10M or -4k")
    made.add_argument("--newer", help="changed since 2d (ago), 2026-01-31 or @SECONDS")
    made.add_argument("--older", help="not changed since")
    made.add_argument("-E", "--exclude", action="append", default=[], help="names, with all below")
    made.add_argument("--gitignore", action="store_true", help="leave out what git would")
    made.add_argument("--min-depth", type=int, default=1)
    made.add_argument("--max-depth", type=int)
    made.add_argument("--sort", action="store_true")
    made.add_argument("-c", "--count", action="store_true", help="print how many")
    made.add_argument("-0", "--null", action="store_true", help="names end with NUL")
    options = parse(made, arguments)
    kinds = []
    for letter in options.type.replace(",", ""):
        if letter not in _TYPES:
            raise UsageError(f"no type {letter!r}; there are {', '.join(_TYPES)}")
        kinds.append(_TYPES[letter])
    filters = {
        "name": options.name, "type": kinds, "regex": options.regex, "exclude": options.exclude,
        "size": sizes(options.size), "newer": options.newer and moment(options.newer),
        "older": options.older and moment(options.older), "min_depth": options.min_depth,
        "max_depth": options.max_depth, "sort": options.sort, "gitignore": options.gitignore,
        "threads": options.threads, "one_filesystem": options.one_file_system,
    }  # fmt: skip
    with Teller("find", True) as teller:
        found = itertools.chain.from_iterable(each(path, filters, teller) for path in options.paths)
        write(found, options)
    return teller.exit_status


def sizes(given):
    """(least, most) of texts as +10M and -4k."""
    least = most = None
    for text in given:
        if text.startswith("+"):
            least = size_of(text[1:])
        elif text.startswith("-"):
            most = size_of(text[1:])
        else:
            least = most = size_of(text)
    return least, most


def each(path, filters, teller):
    """What is found below one path; an error of the path itself is told."""
    try:
        yield from ostler.trees.find(path, on_error=teller.error, **filters)
    except OSError as error:
        teller.error(error)


def write(found, options):
    """Print the paths, or how many there are, or JSON lines."""
    if options.count:
        print(sum(1 for _ in found))
    elif options.json:
        for path in found:
            print(json.dumps({"path": shown(path)}))
    else:
        names = Names(options.null)
        for path in found:
            names.write(path)
        names.flush()
