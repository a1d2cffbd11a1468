"""`ostler find`: names in trees; what is done with them."""

import itertools

import ostler
from ostler.cli import UsageError
from ostler.cli._trees import (
    Output,
    Teller,
    endings,
    exclusions,
    habit,
    levels,
    moment,
    parse,
    size_of,
    tree_parser,
)
from ostler.cli.patterns import of_names

_TYPES = {
    "f": "file", "d": "directory", "l": "link", "p": "fifo", "s": "socket", "b": "block",
    "c": "character",
}  # fmt: skip
_WHAT = """
Find the entries below each PATH (by default the directory you stand in), in no order, and print
their paths; a PATH that is no directory is looked at itself. All conditions that are given must
hold. Links are never followed below a PATH. The usual words of find(1) are understood too: -name,
-iname, -type, -maxdepth, -mindepth, -print0, -delete, -exec, -xdev.
"""
_EXAMPLES = """
ostler find src --name '*.py' --name '*.pyi'
ostler find ~ --type f --size +100M --older 2026-01-31
ostler find . --name '*.orig' --delete --dry-run
ostler find . --name '*.c' --exec wc -l {} +
"""
_WORDS = {
    "-name": "--name", "-iname": "--iname", "-type": "--type", "-maxdepth": "--max-depth",
    "-mindepth": "--min-depth", "-print": "", "-print0": "--null", "-delete": "--delete",
    "-exec": "--exec", "-xdev": "--one-file-system", "-mount": "--one-file-system",
    "-warn": "", "-nowarn": "", "-noleaf": "", "-ignore_readdir_race": "",
    "-noignore_readdir_race": "", "-depth": "", "-d": "--depth", "--maxdepth": "--max-depth",
    "--mindepth": "--min-depth",
}  # fmt: skip


def find_parser():
    """The parser of the command."""
    made = tree_parser("find", "[OPTION...] [PATH...]", _WHAT, _EXAMPLES, changes=True)
    made.words = _WORDS
    made.to_semicolon = "exec"
    made.add_argument("paths", nargs="*", metavar="PATH", help="Where to begin.")
    made.add_argument(
        "--name", action="append", default=[], metavar="PATTERN",
        help="Find names that match PATTERN, as in '*.py' or '[^._]*'; given again, those that "
        "match one of the patterns.",
    )  # fmt: skip
    made.add_argument(
        "--iname", action="append", default=[], metavar="PATTERN",
        help="Do so, and take capital and small letters for the same.",
    )  # fmt: skip
    made.add_argument(
        "--ignore-case", action="store_true",
        help="Take capital and small letters for the same in --name and --regex.",
    )  # fmt: skip
    made.add_argument(
        "--regex", metavar="EXPRESSION",
        help="Find paths in which, below PATH, the regular expression of Python is found.",
    )  # fmt: skip
    made.add_argument(
        "--type", metavar="LETTERS",
        help="Find files (f), directories (d), links (l), pipes (p), sockets (s), devices (b, c); "
        "write several as in f,l.",
    )  # fmt: skip
    made.add_argument(
        "-s", "--size", default=[], action="append", metavar="SIZE",
        help="Find what has at least (+10M), at most (-4k) or just (0) so many bytes; K is 1024.",
    )  # fmt: skip
    made.add_argument(
        "--newer", metavar="TIME",
        help="Find what was modified since TIME: 2d ago (s, m, h, d, w), 2026-01-31 or @SECONDS.",
    )  # fmt: skip
    made.add_argument("--older", metavar="TIME", help="Find what was not modified since TIME.")
    exclusions(made)
    made.add_argument("--gitignore", action="store_true", help="Leave out what git would.")
    made.add_argument(
        "--min-depth", type=levels, metavar="N",
        help="Find nothing that is fewer than N levels below PATH.",
    )  # fmt: skip
    made.add_argument(
        "-d", "--depth", "--max-depth", dest="max_depth", type=levels, metavar="N",
        help="Go no deeper than N levels below PATH.",
    )  # fmt: skip
    made.add_argument("--sort", action="store_true", help="Print in the order of names.")
    made.add_argument("--count", action="store_true", help="Only print how many there are.")
    made.add_argument(
        "--delete", action="store_true",
        help="Delete what is found; a directory only when it is empty by then.",
    )  # fmt: skip
    made.add_argument(
        "--exec", metavar="COMMAND... [;]",
        help="Run COMMAND for each, its path in the place of {} or at the end; with {} + at the "
        "end for many at once.",
    )  # fmt: skip
    endings(made)
    habit(made, "-P", "--no-dereference")
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = parse(find_parser(), arguments)
    filters = filters_of(options)
    with Teller("find", True) as teller:
        found = (
            (top, each(top, filters, teller, options.min_depth)) for top in options.paths or ["."]
        )
        if options.delete or options.exec:
            from ostler.cli import acting

            acting.act(options, found, teller)
        else:
            write(itertools.chain.from_iterable(names for _, names in found), options)
    return teller.exit_status


def filters_of(options):
    """The arguments for trees.find; what does not go together is told."""
    if options.dry_run and not (options.delete or options.exec):
        raise UsageError(
            "find: --dry-run (-n) belongs to --delete and --exec; names are found by --name"
        )
    if options.delete and options.exec:
        raise UsageError("find: --delete or --exec, not both")
    if (options.delete or options.exec) and options.count:
        raise UsageError("find: --count goes with neither --delete nor --exec")
    if options.name and options.iname:
        raise UsageError("find: --name or --iname, not both; --ignore-case is for all patterns")
    named = of_names("find: --name", options.name) or of_names("find: --iname", options.iname)
    _look_for_a_command(options)
    kinds = []
    for letter in _letters(options.type):
        if letter not in _TYPES:
            raise UsageError(f"find: no type {letter!r}; there are {', '.join(_TYPES)}")
        kinds.append(_TYPES[letter])
    if options.regex is not None:
        import re

        try:
            re.compile(options.regex)
        except re.error as error:
            raise UsageError(f"find: no regular expression: {options.regex!r}: {error}") from None
    return {
        "name": named, "type": kinds, "regex": options.regex,
        "ignore_case": options.ignore_case or bool(options.iname), "exclude": options.exclude,
        "size": sizes(options.size), "newer": _moment(options.newer),
        "older": _moment(options.older),
        "min_depth": 1 if options.min_depth is None else options.min_depth,
        "max_depth": options.max_depth, "sort": options.sort, "gitignore": options.gitignore,
        "threads": options.threads, "one_filesystem": options.one_file_system,
    }  # fmt: skip


def _letters(kinds):
    # No kind at all, as of a variable that is empty, is refused as one that there is not.
    return () if kinds is None else kinds.replace(",", "") or [""]


def _moment(text):
    return None if text is None else moment(text)


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


def each(path, filters, teller, least=None):
    """What is found below one path, or the path where it is no directory; its error is told.

    `least`: the depth that was asked for, where a path itself has none.
    """
    try:
        yield from ostler.trees.find(path, on_error=teller.error, **filters)
    except OSError as error:
        if error.filename is None:
            raise
        from ostler.cli.single import is_single, meets

        if not is_single(path, error):
            teller.error(error)
        elif not least and meets(path, filters):
            yield path


def write(found, options):
    """Print the paths, or how many there are, or JSON."""
    output = Output(options.null, options.json)
    if options.count:
        count = sum(1 for _ in found)
        if options.json:
            output.json({"count": count})
        else:
            output.line(str(count))
    else:
        for path in found:
            output.name(path)
    output.flush()


def _look_for_a_command(options):
    # `find . -x rm` is meant as in fd; here it would find in a directory named rm.
    for path in options.paths if options.one_file_system else ():
        if "/" not in path and not ostler.path.lexists(path) and in_search_path(path):
            raise UsageError(
                f"find: -x stays on one file system, and there is no {path}; --exec runs a command"
            )


def in_search_path(name):
    """Whether a name is one of the commands that can be run."""
    return any(
        ostler.access(ostler.path.join(directory, name), ostler.X_OK)
        for directory in ostler.get_exec_path()
    )
