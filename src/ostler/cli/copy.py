"""`ostler copy`: whole trees and single files, with all that belongs to them."""

import errno

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
    known,
    parse,
    tree_parser,
)
from ostler.cli.below import failure
from ostler.trees._how import How
from ostler.trees._single import copy_entry
from ostler.trees.operations import KEEP, kept

_WHAT = """
Copy each SOURCE, a directory with all below it, to DESTINATION, or into it when that is a
directory. Everything goes along: modes, owners, times, attributes, links as links, hard links,
holes. Nothing that is there is replaced unless you say so.
"""
_EXAMPLES = """
ostler copy project backup/
ostler copy --update --exclude '*.o' project/. backup/project
ostler copy --merge --dry-run new old
"""


def copy_parser():
    """The parser of the command."""
    made = tree_parser(
        "copy", "[OPTION...] SOURCE... DESTINATION\n       ostler copy [OPTION...] -t DIRECTORY "
        "SOURCE...", _WHAT, _EXAMPLES, changes=True,
    )  # fmt: skip
    made.add_argument("paths", nargs="+", metavar="SOURCE... DESTINATION", help="What, and where.")
    made.add_argument("-f", "--force", action="store_true", help="Replace what is there.")
    made.add_argument(
        "-m", "--merge", action="store_true",
        help="Put what is in SOURCE into DESTINATION, a directory, and replace what is there.",
    )  # fmt: skip
    made.add_argument(
        "-u", "--update", action="store_true",
        help="Replace what is there, but only by what was modified later.",
    )  # fmt: skip
    made.add_argument(
        "-L", "--follow-links", action="store_true",
        help="Copy what links lead to; one that leads to a directory around it is an error.",
    )  # fmt: skip
    exclusions(made)
    made.add_argument("-t", "--target-directory", metavar="DIRECTORY", help="Copy into DIRECTORY.")
    made.add_argument(
        "-T", "--no-target-directory", action="store_true",
        help="DESTINATION is the new name, not what to copy into.",
    )  # fmt: skip
    made.add_argument(
        "--reflink", choices=("auto", "always", "never"), default="auto", metavar="WHEN",
        help="Share the blocks of files: auto, always or never.",
    )  # fmt: skip
    made.add_argument(
        "--sparse", choices=("auto", "never"), default="auto", metavar="WHEN",
        help="Leave the holes of files as holes (auto), or write zeros there (never).",
    )  # fmt: skip
    for name, words in KEEP.items():
        if words is not None:
            option = "--no-" + name.replace("_", "-")
            made.add_argument(option, dest=f"no_{name}", action="store_true",
                              help=f"Leave out {words}.")  # fmt: skip
    made.add_argument(
        "-v", "--verbose", action="store_true", help="Print what was copied, and where to."
    )
    endings(made, "With -n: ")
    habit(made, "-a", "--all", "--archive")
    habit(made, "-p", "--preserve")
    habit(made, "-r", "-R", "--recursive")
    habit(made, "-P", "--no-dereference")
    return made


def main(arguments):
    """Run the command; return its exit status."""
    options = parse(copy_parser(), arguments)
    targets = _targets(options)
    with Teller("copy", options.quiet or options.json) as teller:
        output = Output(options.null, options.json)
        _copy_all(targets, options, teller, output)
        output.flush()
    return teller.exit_status


def _copy_all(targets, options, teller, output):
    results = []
    taken = set()
    for source, target, existing, alone in targets:
        try:
            if alone and target in taken:
                raise OSError(errno.EEXIST, "another source has gone there", source, None, target)
            taken.add(target)
            counts = one(source, target, existing, options, teller, output)
        except OSError as error:
            teller.error_of_path(error)
            continue
        if counts is not None and options.json:
            output.json({"source": source, "to": target, **known("copy", counts)})
        elif counts is not None:
            results.append((target, counts))
    if not teller.quiet and not options.verbose:
        teller.clear()
        for target, counts in results:
            text = f"{entries_in_words(counts.entries)}, {human(counts.bytes)}"
            output.line(f"{output.shown(target)}: {text}")


def _targets(options):
    """[(source, name of the copy, what to do with what is there, whether that name is its own)];
    what does not go together is told."""
    into = options.target_directory is not None
    if into:
        if options.merge or options.no_target_directory:
            raise UsageError("copy: -t goes with neither -T nor -m")
        sources, to = options.paths, options.target_directory
        if not ostler.path.isdir(to):
            raise UsageError(f"copy: {_named(to)} is no directory")
    else:
        if len(options.paths) < 2:
            raise UsageError("copy: a source and a destination are wanted")
        *sources, to = options.paths
        if not options.merge and not options.no_target_directory:
            into = ostler.path.isdir(to)
    if len(sources) > 1 and not into:
        raise UsageError(f"copy: {_named(to)} is no directory to copy several into")
    existing = "merge" if options.merge or options.force else "refuse"
    if options.update:
        existing = "update"
    targets = []
    for source in sources:
        name = ostler.path.basename(source.rstrip("/"))
        if into and name in (".", "..", ""):  # what it holds comes into the directory, as with cp
            targets.append((source, to, "merge" if existing == "refuse" else existing, False))
        else:
            targets.append((source, ostler.path.join(to, name) if into else to, existing, True))
    return targets


def one(source, target, existing, options, teller, output):
    """Copy one tree or file, or print what would be made."""
    is_tree = ostler.path.isdir(source) and (
        options.follow_links or source.endswith("/") or not ostler.path.islink(source)
    )
    if not is_tree:
        ostler.lstat(source)
        if target.endswith("/"):  # there is no such directory to copy it into
            raise failure(errno.ENOTDIR, target)
    if options.dry_run:
        for old, new, replaces in _would(is_tree, source, target, existing, options, teller):
            output.name(new, source=old, would="replace" if replaces else "make")
        return None
    made = []
    if options.verbose and not options.json:
        silent = Teller("copy", True)
        silent.say = lambda text: None
        try:
            made = list(_would(is_tree, source, target, existing, options, silent))
        except OSError:
            pass  # the copy itself will tell
    failed = set()

    def on_error(error):
        failed.add(error.filename)
        teller.error(error)

    try:
        return _copied(is_tree, source, target, existing, options, teller, on_error)
    finally:
        teller.clear()
        for old, new, _ in made:
            if old not in failed and ostler.path.lexists(new):
                output.pair(old, new)


def _named(path):
    return on_one_line(path) or "''"


def _would(is_tree, source, target, existing, options, teller):
    from ostler.cli import dry

    if is_tree:
        return dry.would_copy(source, target, existing, options, teller)
    return filter(None, [dry.would_copy_entry(source, target, existing, options.follow_links)])


def _copied(is_tree, source, target, existing, options, teller, on_error):
    how = {**teller.options(), "on_error": on_error}
    keep = {name: False for name in KEEP if getattr(options, f"no_{name}", False)}
    keep |= {"follow_links": options.follow_links, "sparse": options.sparse == "auto"}
    if is_tree:
        return ostler.trees.copy(
            source, target, existing=existing, exclude=options.exclude, reflink=options.reflink,
            threads=options.threads, one_filesystem=options.one_file_system, **keep, **how,
        )  # fmt: skip
    return copy_entry(
        ostler.host, source, target, ostler.host, How(threads=1, **how),
        keep=kept(existing, **keep),
        clone=("never", "auto", "always").index(options.reflink),
    )  # fmt: skip
