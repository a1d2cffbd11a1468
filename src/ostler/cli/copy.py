"""`ostler copy`: whole trees and single files, with all that belongs to them."""

import errno
import json

import ostler
from ostler.cli import UsageError
from ostler.cli._trees import Names, Teller, human, parse, shown, tree_parser
from ostler.trees._copy import flags
from ostler.trees._single import copy_entry


def main(arguments):
    """Run the command; return its exit status."""
    made = tree_parser("copy", changes=True)
    made.add_argument("paths", nargs="+", metavar="SOURCE... DESTINATION")
    made.add_argument("-f", "--force", action="store_true", help="replace what is there")
    made.add_argument("-m", "--merge", action="store_true", help="into what is there, as -fT")
    made.add_argument("-t", "--target-directory", metavar="DIRECTORY", help="copy into it")
    made.add_argument("-T", "--no-target-directory", action="store_true",
                      help="DESTINATION is the new name, not what to copy into")  # fmt: skip
    made.add_argument("-a", "-r", "-R", "--archive", "--recursive", action="store_true",
                      help="always so")  # fmt: skip
    made.add_argument("--reflink", choices=("auto", "always", "never"), default="auto")
    made.add_argument("--sparse", choices=("auto", "never"), default="auto", help="holes stay")
    made.add_argument("--no-xattrs", action="store_true", help="nor access control lists")
    made.add_argument("--no-owners", action="store_true")
    made.add_argument("-0", "--null", action="store_true", help="with -n, names end with NUL")
    options = parse(made, arguments)
    results = []
    with Teller("copy", options.quiet or options.json) as teller:
        for source, target, merge in _targets(options):
            try:
                counts = one(source, target, merge, options, teller)
            except OSError as error:
                teller.error(error)
                continue
            if counts is not None:
                results.append({"source": shown(source), "to": shown(target), **counts.numbers()})
    if options.json:
        print(json.dumps(results, indent=2))
    elif not options.quiet and not teller.quiet:
        for told in results:
            entries = told["files"] + told["directories"] + told["links"] + told["others"]
            print(f"{told['to']}: {entries:,} entries, {human(told['bytes'])}")
    return teller.exit_status


def _targets(options):
    """[(source, name of the copy, whether to merge)]; what does not go together is told."""
    into = options.target_directory is not None
    if into:
        if options.merge or options.no_target_directory:
            raise UsageError("-t goes with neither -T nor -m")
        sources, to = options.paths, options.target_directory
        if not ostler.path.isdir(to):
            raise UsageError(f"{to} is no directory")
    else:
        if len(options.paths) < 2:
            raise UsageError("a source and a destination are wanted")
        *sources, to = options.paths
        if not options.merge and not options.no_target_directory:
            into = ostler.path.isdir(to)
    if len(sources) > 1 and not into:
        raise UsageError(f"{to} is no directory to copy several into")
    targets = []
    for source in sources:
        name = ostler.path.basename(source.rstrip("/"))
        if into and name in (".", "..", ""):  # what it holds comes into the directory, as with cp
            targets.append((source, to, True))
        else:
            target = ostler.path.join(to, name) if into else to
            targets.append((source, target, options.merge or options.force))
    return targets


def one(source, target, merge, options, teller):
    """Copy one tree or file, or print what would be made."""
    is_tree = ostler.path.isdir(source) and (source.endswith("/") or not ostler.path.islink(source))
    if options.dry_run:
        if not merge and ostler.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "File exists", target)
        ostler.lstat(source)
        names = Names(options.null)
        names.write(target)
        if is_tree:
            for path in ostler.trees.find(
                source, threads=options.threads, on_error=teller.error,
                one_filesystem=options.one_file_system,
            ):  # fmt: skip
                names.write(ostler.path.join(target, ostler.path.relpath(path, source)))
        names.flush()
        return None
    if is_tree:
        return ostler.trees.copy(
            source, target, existing="merge" if merge else "refuse", reflink=options.reflink,
            sparse=options.sparse == "auto", xattrs=not options.no_xattrs,
            owners=False if options.no_owners else None, threads=options.threads,
            one_filesystem=options.one_file_system, **teller.options(),
        )  # fmt: skip
    return copy_entry(
        ostler.host, source, target, ostler.host, **teller.options(),
        flags=flags(
            modes=True, owners=False if options.no_owners else None, times=True,
            xattrs=not options.no_xattrs, hard_links=False, sparse=options.sparse == "auto",
            special=True, merge=merge,
        ),
        clone=("never", "auto", "always").index(options.reflink),
    )  # fmt: skip
