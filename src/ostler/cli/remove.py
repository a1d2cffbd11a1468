"""`ostler remove`: whole trees, and single names."""

import errno
import sys

import ostler
from ostler.cli import on_one_line
from ostler.cli._trees import Output, Teller, endings, habit, known, parse, tree_parser
from ostler.cli.question import answer
from ostler.trees import Counts

_WHAT = """
Remove each PATH, a directory with all below it. A link is removed itself, never what it leads to.
Nothing is asked unless you say -i; -n shows what would go.
"""
_EXAMPLES = """
ostler remove build dist
ostler remove --dry-run ~/.cache
ostler remove -i old-*
"""
_NEVER = "'.' and '..' are never removed; give the directory's own name"
_ROOT = "the root directory is never removed"


def remove_parser():
    """The parser of the command."""
    made = tree_parser("remove", "[OPTION...] PATH...", _WHAT, _EXAMPLES, changes=True)
    made.add_argument("paths", nargs="+", metavar="PATH", help="What to remove.")
    made.add_argument(
        "-f", "--force", action="store_true", help="A PATH that is missing is no error."
    )
    made.add_argument("-i", "--ask", action="store_true", help="Ask before each PATH.")
    made.add_argument(
        "-v", "--verbose", action="store_true", help="Print the paths that were removed."
    )
    endings(made, "With -n or -v: ")
    habit(made, "-r", "-R", "--recursive")
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = parse(remove_parser(), arguments)
    with Teller("remove", options.quiet or options.json) as teller:
        output = Output(options.null, options.json)
        _remove_all(options, teller, output)
        output.flush()
    return teller.exit_status


def _remove_all(options, teller, output):
    for path in options.paths:
        try:
            counts = one(path, options, teller, output)
        except FileNotFoundError as error:
            if not options.force:
                teller.error(error)
            continue
        except OSError as error:
            teller.error_of_path(error)
            continue
        if counts is not None and options.json:
            output.json({"path": path, **known("remove", counts)})


def one(path, options, teller, output):
    """Remove one argument, a link itself and never what it means, or print what would go."""
    kind = ostler.lstat(path).st_mode & 0o170000
    if ostler.path.basename(path.rstrip("/")) in ("", ".", ".."):
        raise OSError(errno.EINVAL, _NEVER if path.strip("/") else _ROOT, path)
    is_tree = kind == 0o040000
    if options.dry_run:
        from ostler.cli.dry import would_remove

        for name in would_remove(path, options, teller):
            output.name(name, would="remove")
        return None
    if options.ask and not _agreed(path, is_tree, teller, output):
        return None
    if not is_tree:
        ostler.unlink(path)
        if options.verbose and not options.json:
            output.name(path)
        return Counts(**{{0o100000: "files", 0o120000: "links"}.get(kind, "others"): 1})
    names = []
    if options.verbose and not options.json:
        names = list(ostler.trees.find(path, sort=True, on_error=lambda error: None))
        names = [*reversed(names), path]
    try:
        return ostler.trees.remove(
            path, threads=options.threads, one_filesystem=options.one_file_system,
            **teller.options(),
        )  # fmt: skip
    finally:
        teller.clear()
        for name in names:
            if not ostler.path.lexists(name):
                output.name(name)


def _agreed(path, is_tree, teller, output):
    """What the user answers."""
    what = on_one_line(path)
    if is_tree:
        below = ostler.trees.count(path, on_error=teller.error).entries - 1
        entries = "entry" if below == 1 else f"{below:,} entries"
        what += f" and the {entries} below" if below else ""
    teller.clear()
    output.flush()
    try:
        return answer(f"remove {what}? ", sys.stderr).strip().lower() in ("y", "yes")
    except EOFError:
        return False
