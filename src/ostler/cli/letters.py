"""The letters of the commands' options: each means one thing, in whichever command it stands.

What people type from the habit of other programs, and what has another sense here, is refused with
the option that they want. tests/test_cli_letters.py holds both tables against all parsers.
"""

# What a letter stands for, by the long options that may have it.
LETTERS = {
    "0": ("null",),
    "a": ("all",),  # copy: all that belongs to a file, which is always so; size: all entries
    "b": ("b",),
    "c": ("total",),
    "d": ("depth",),
    "D": ("directories",),
    "E": ("exclude",),
    "f": ("force",),
    "h": ("help",),  # but du's in size, unless it stands alone
    "i": ("ask",),
    "L": ("follow-links",),
    "m": ("merge",),
    "n": ("dry-run",),
    "p": ("preserve",),
    "P": ("no-dereference",),
    "q": ("quiet",),
    "r": ("recursive",),
    "R": ("recursive",),
    "s": ("size", "summarize"),  # find: of which size; size: the size of each PATH alone
    "t": ("target-directory",),
    "T": ("no-target-directory",),
    "u": ("update",),
    "v": ("verbose",),
    "x": ("one-file-system",),
}

_LINKS = "links are never followed here"
_ALTERNATIVES = "several --name are alternatives, --exclude leaves names out with all below"
_TIMES = "--newer TIME or --older TIME, as in --newer 2d or --older 2026-01-31"

# Words and letters of other programs, and what is said about them.
FOREIGN = {
    "copy": {
        "-b": "no copies are kept of what is replaced; without --force nothing is",
        "-d": "links are copied as links, unless --follow-links is given",
        "-H": "links are copied as links, unless --follow-links is given",
        "-i": "nothing is replaced without --force; --dry-run tells what would be",
        "-l": "hard links are made with ln; --reflink=always shares the contents",
        "-s": "symbolic links are made with ln -s",
        "-S": "no copies are kept of what is replaced",
        "-Z": "--no-xattrs leaves out extended attributes, security contexts too",
    },
    "find": {
        "!": _ALTERNATIVES,
        "(": _ALTERNATIVES,
        "-a": "all conditions must hold anyway",
        "-and": "all conditions must hold anyway",
        "-c": "--count prints how many there are",
        "-cmin": _TIMES,
        "-ctime": _TIMES,
        "-e": "--name '*.EXT'",
        "-empty": "--type f --size 0 finds empty files",
        "-execdir": "--exec COMMAND runs one",
        "-follow": _LINKS,
        "-H": "hidden names are found anyway",
        "-i": "--ignore-case, or --iname PATTERN",
        "-I": "names in .gitignore are found, unless --gitignore is given",
        "-ipath": "--regex EXPRESSION --ignore-case looks at the path below PATH",
        "-iregex": "--regex EXPRESSION --ignore-case",
        "-l": "--exec ls -ld {} + shows more about each",
        "-L": _LINKS,
        "-ls": "--exec ls -ld {} + shows more about each",
        "-mmin": _TIMES,
        "-mtime": _TIMES,
        "-newer": _TIMES,
        "-newermt": _TIMES,
        "-not": _ALTERNATIVES,
        "-o": _ALTERNATIVES,
        "-ok": "--exec COMMAND runs one, and --dry-run shows which",
        "-or": _ALTERNATIVES,
        "-path": "--regex EXPRESSION looks at the path below PATH",
        "-printf": "--json prints JSON, --exec COMMAND runs one",
        "-prune": "--exclude PATTERN leaves names out with all below",
        "-quit": "pipe into head -n 1",
        "-r": "--regex EXPRESSION looks at the path below PATH",
        "-regex": "--regex EXPRESSION, which is searched for in the path below PATH",
        "-size": "--size +10M is at least that many bytes, --size -4k at most",
        "-t": "--type f, with one letter or several",
        "-u": _ALTERNATIVES,
        "-X": "--exec COMMAND {} + runs one with many names",
        "-wholename": "--regex EXPRESSION looks at the path below PATH",
    },
    "remove": {
        "-d": "directories are removed anyway, with all in them; --dry-run shows what would go",
        "-I": "-i asks before each PATH",
        "-s": "--dry-run only shows",
    },
    "size": {
        "-B": "--bytes prints numbers of bytes",
        "-H": "links are never followed below a PATH",
        "-k": "--bytes prints numbers of bytes",
        "-l": "a file with several names counts once",
        "-L": _LINKS,
        "-m": "--bytes prints numbers of bytes",
        "-n": "--top N shows so many",
        "-S": "a directory is shown with all below it",
        "-t": "--top N shows so many",
        "-X": "--exclude PATTERN leaves names out with all below",
    },
    "walk": {
        "-a": "hidden names are shown anyway",
        "-f": "ostler find prints whole paths",
        "-I": "ostler find --exclude PATTERN leaves names out",
        "-L": "--depth N (-d N) goes so deep",
        "-P": "ostler find --name PATTERN finds names",
        "-s": "ostler size tells how much there is",
    },
}
