"""`ostler walk`: a tree drawn, or its directories one by one."""

import json
import sys

import ostler
from ostler.cli._trees import Names, Teller, on_one_line, parse, shown, tree_parser


def main(arguments):
    """Run the command; return its exit status."""
    made = tree_parser("walk")
    made.add_argument("path", nargs="?", default=".", metavar="PATH")
    made.add_argument("-d", "--directories", action="store_true", help="directories alone")
    made.add_argument("--unsorted", action="store_true", help="in the directories' own order")
    made.add_argument("-0", "--null", action="store_true", help="names end with NUL")
    options = parse(made, arguments)
    with Teller("walk", True) as teller:
        steps = ostler.trees.walk(
            options.path, sort=not options.unsorted, threads=options.threads,
            one_filesystem=options.one_file_system, on_error=teller.error,
        )  # fmt: skip
        if options.json:
            for directory, directories, others in steps:
                print(json.dumps({
                    "directory": shown(directory),
                    "directories": [shown(name) for name in directories],
                    "others": [shown(name) for name in others],
                }))  # fmt: skip
        elif sys.stdout.isatty() and not options.null:
            draw(steps, options)
        else:
            names = Names(options.null)
            for directory, _, others in steps:
                names.write(directory)
                if not options.directories:
                    for name in others:
                        names.write(ostler.path.join(directory, name))
            names.flush()
    return teller.exit_status


def draw(steps, options):
    """Print the tree with its branches; parents come before what is in them."""
    open_levels = []  # for each level, how many directories are still to come
    for directory, directories, others in steps:
        depth = len(open_levels)
        if depth:
            open_levels[-1] -= 1
        stem = "".join("│   " if left else "    " for left in open_levels[:-1])
        last = bool(open_levels) and open_levels[-1] == 0
        name = ostler.path.basename(directory) if depth else directory
        print(stem + ("" if not depth else "└── " if last else "├── ") + on_one_line(name) + "/")
        below = "".join("│   " if left else "    " for left in open_levels)
        real = [n for n in directories if not ostler.path.islink(ostler.path.join(directory, n))]
        links = [n for n in directories if n not in set(real)]
        listed = [] if options.directories else sorted(links + others)
        for number, other in enumerate(listed):
            end = number == len(listed) - 1 and not real
            print(below + ("└── " if end else "├── ") + on_one_line(other))
        open_levels.append(len(real))
        while open_levels and open_levels[-1] == 0:
            open_levels.pop()
