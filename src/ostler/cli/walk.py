"""`ostler walk`: a tree drawn, or its directories one by one."""

import errno
import sys
from argparse import ArgumentTypeError

import ostler
from ostler.cli._trees import Output, Teller, endings, levels, parse, tree_parser

_WHAT = """
Draw the tree at PATH (by default the directory you stand in) on a terminal; into a pipe or a file
list it, each directory before what is in it. Links are shown and never followed.
"""
_EXAMPLES = """
ostler walk --depth 2 src
ostler walk --directories -0 src | xargs -0 ls -ld
"""


def _levels(text):
    try:
        return levels(text)
    except ArgumentTypeError as error:  # tree has a -d without a number
        raise ArgumentTypeError(f"{error}; -D shows directories alone") from None


def walk_parser():
    """The parser of the command."""
    made = tree_parser("walk", "[OPTION...] [PATH]", _WHAT, _EXAMPLES)
    made.add_argument("path", nargs="?", default=".", metavar="PATH", help="Where to begin.")
    made.add_argument(
        "-d", "--depth", "--max-depth", type=_levels, metavar="N",
        help="Go no deeper than N levels below PATH.",
    )  # fmt: skip
    made.add_argument("-D", "--directories", action="store_true", help="Show directories alone.")
    made.add_argument(
        "--unsorted", action="store_true", help="Keep the order of the directories themselves."
    )
    endings(made)
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = parse(walk_parser(), arguments)
    with Teller("walk", True) as teller:
        output = Output(options.null, options.json)
        if not ostler.path.isdir(options.path) and ostler.path.exists(options.path):
            raise NotADirectoryError(
                errno.ENOTDIR, "Not a directory (ostler find prints single files)", options.path
            )
        steps = steps_of(options, teller)
        if options.json:
            _show_json(steps, output)
        elif sys.stdout.isatty() and not options.null:
            draw(steps, options, output)
        else:
            listed(steps, options, output)
        output.flush()
    return teller.exit_status


def steps_of(options, teller):
    """The directories, each with the names in it that shall be shown."""
    depth = options.depth
    if depth == 0:
        return [(options.path, [], [])] if ostler.lstat(options.path) else []
    return ostler.trees.walk(
        options.path, sort=not options.unsorted, threads=options.threads, on_error=teller.error,
        one_filesystem=options.one_file_system, max_depth=None if depth is None else depth - 1,
    )  # fmt: skip


def _show_json(steps, output):
    for directory, directories, others in steps:
        output.json({"directory": directory, "directories": directories, "others": others})


def listed(steps, options, output):
    """Print the paths, a directory before what is in it."""
    slash = options.path.rstrip("/").count("/") if options.path.strip("/") else 0
    for directory, directories, others in steps:
        output.name(directory)
        names = [] if options.directories else list(others)
        deepest = options.depth is not None and (
            (directory.rstrip("/").count("/") if directory.strip("/") else 0) - slash
            == options.depth - 1
        )
        for name in directories:
            link = is_link(directory, name)
            if (link and not options.directories) or (deepest and not link):
                names.append(name)
        for name in names:
            output.name(ostler.path.join(directory, name))


def is_link(directory, name):
    """Whether a name is a link, in walks that count links to directories among these."""
    return ostler.path.islink(ostler.path.join(directory, name))


def draw(steps, options, output):
    """Print the tree with its branches; parents come before what is in them."""
    levels = []  # for each that is open: its path, and the names of directories still to come

    def branch(end):
        stem = "".join("│   " if names else "    " for _, names in levels[:-1])
        return stem + ("└── " if end else "├── ")

    def advance(path):
        # To the directory that comes now; what could not be read before it is a name alone.
        while levels:
            above, names = levels[-1]
            while names:
                name = names.pop(0)
                if ostler.path.join(above, name) == path:
                    return name
                output.line(branch(not names) + output.shown(name) + "/")
            levels.pop()
        return path

    for directory, directories, others in steps:
        name = advance(directory)
        before = branch(not levels[-1][1]) if levels else ""
        output.line(before + output.shown(name) + ("" if name.endswith("/") else "/"))
        links = [n for n in directories if is_link(directory, n)]
        real = [n for n in directories if n not in set(links)]
        levels.append((directory, real))
        listed = [] if options.directories else sorted(links + others)
        for number, other in enumerate(listed, 1):
            output.line(branch(number == len(listed) and not real) + output.shown(other))
    if levels:
        advance(None)
