"""`ostler copy`: whole trees, with all that belongs to them."""

import json

import ostler
from ostler.cli import UsageError
from ostler.cli._trees import Names, Teller, human, parse, shown, tree_parser


def main(arguments):
    """Run the command; return its exit status."""
    made = tree_parser("copy", changes=True)
    made.add_argument("paths", nargs="+", metavar="SOURCE... DESTINATION")
    made.add_argument("-m", "--merge", action="store_true", help="into what is there, replacing")
    made.add_argument("--reflink", choices=("auto", "always", "never"), default="auto")
    made.add_argument("--no-xattrs", action="store_true", help="nor access control lists")
    made.add_argument("--no-owners", action="store_true")
    made.add_argument("-0", "--null", action="store_true", help="with -n, names end with NUL")
    options = parse(made, arguments)
    if len(options.paths) < 2:
        raise UsageError("a source and a destination are wanted")
    *sources, to = options.paths
    into = ostler.path.isdir(to) and not options.merge
    if len(sources) > 1 and not into:
        raise UsageError(f"{to} is no directory to copy several trees into")
    results = []
    with Teller("copy", options.quiet or options.json) as teller:
        for source in sources:
            target = to
            if into:
                target = ostler.path.join(to, ostler.path.basename(source.rstrip("/")))
            try:
                counts = one(source, target, options, teller)
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


def one(source, target, options, teller):
    """Copy one tree, or print what would be made."""
    if options.dry_run:
        names = Names(options.null)
        if not ostler.path.isdir(source):
            raise NotADirectoryError(20, "Not a directory", source)
        names.write(target)
        for path in ostler.trees.find(source, threads=options.threads, on_error=teller.error):
            names.write(ostler.path.join(target, ostler.path.relpath(path, source)))
        names.flush()
        return None
    return ostler.trees.copy(
        source, target, existing="merge" if options.merge else "refuse", reflink=options.reflink,
        xattrs=not options.no_xattrs, owners=False if options.no_owners else None,
        threads=options.threads, one_filesystem=options.one_file_system, **teller.options(),
    )  # fmt: skip
