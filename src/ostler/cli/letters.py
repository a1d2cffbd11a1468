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
_NOT_HERE = "it is a condition of find(1) that there is not here"
_NO_TEXT = "--json prints JSON, --exec COMMAND runs one"
_OWNERS = "owners and modes are no conditions here, as they are in find(1)"
_OTHER_TIMES = "of the times only the modification's is a condition: --newer TIME, --older TIME"
_PATHS = "--regex EXPRESSION looks at the path below PATH"
_WHOLE_PATHS = "--regex EXPRESSION --ignore-case looks at the path below PATH"
_LINK_TARGETS = "what a link leads to is no condition here; --type l finds links"
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
        "-amin": _OTHER_TIMES,
        "-anewer": _OTHER_TIMES,
        "-atime": _OTHER_TIMES,
        "-Bmin": _OTHER_TIMES,
        "-Btime": _OTHER_TIMES,
        "-cmin": _OTHER_TIMES,
        "-cnewer": _OTHER_TIMES,
        "-context": _NOT_HERE,
        "-ctime": _OTHER_TIMES,
        "-daystart": "--newer 2026-01-31 is from the beginning of that day on",
        "-e": "--name '*.EXT'",
        "-empty": "--type f --size 0 finds empty files",
        "-execdir": "--exec COMMAND runs one",
        "-executable": _OWNERS,
        "-false": _NOT_HERE,
        "-files0-from": "xargs -0 gives PATHs from a file",
        "-flags": _OWNERS,
        "-fls": "--exec ls -ld {} + shows more about each",
        "-follow": _LINKS,
        "-fprint": "the shell's > FILE writes to a file",
        "-fprint0": "--null (-0), and the shell's > FILE",
        "-fprintf": _NO_TEXT,
        "-fstype": "-x (--one-file-system) stays on the file system of each PATH",
        "-gid": _OWNERS,
        "-group": _OWNERS,
        "-H": "hidden names are found anyway",
        "-i": "--ignore-case, or --iname PATTERN",
        "-I": "names in .gitignore are found, unless --gitignore is given",
        "-ilname": _LINK_TARGETS,
        "-inum": _NOT_HERE,
        "-ipath": _WHOLE_PATHS,
        "-iregex": "--regex EXPRESSION --ignore-case",
        "-iwholename": _WHOLE_PATHS,
        "-l": "--exec ls -ld {} + shows more about each",
        "-L": _LINKS,
        "-links": _NOT_HERE,
        "-lname": _LINK_TARGETS,
        "-ls": "--exec ls -ld {} + shows more about each",
        "-mmin": _TIMES,
        "-mtime": _TIMES,
        "-newer": _TIMES,
        "-nogroup": _OWNERS,
        "-nouser": _OWNERS,
        "-not": _ALTERNATIVES,
        "-o": _ALTERNATIVES,
        "-okdir": "--exec COMMAND runs one, and --dry-run shows which",
        "-ok": "--exec COMMAND runs one, and --dry-run shows which",
        "-or": _ALTERNATIVES,
        "-path": _PATHS,
        "-perm": _OWNERS,
        "-printf": _NO_TEXT,
        "-prune": "--exclude PATTERN leaves names out with all below",
        "-quit": "pipe into head -n 1",
        "-r": _PATHS,
        "-readable": _OWNERS,
        "-regex": "--regex EXPRESSION, which is searched for in the path below PATH",
        "-regextype": "--regex EXPRESSION is one of Python's",
        "-samefile": _NOT_HERE,
        "-size": "--size +10M is at least that many bytes, --size -4k at most",
        "-sparse": _NOT_HERE,
        "-t": "--type f, with one letter or several",
        "-true": "without conditions everything is found",
        "-u": _ALTERNATIVES,
        "-uid": _OWNERS,
        "-used": _OTHER_TIMES,
        "-user": _OWNERS,
        "-wholename": _PATHS,
        "-writable": _OWNERS,
        "-X": "--exec COMMAND {} + runs one with many names",
        "-xtype": _LINK_TARGETS,
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
        "--exclude": "ostler find --exclude PATTERN leaves names out",
        "-E": "ostler find --exclude PATTERN leaves names out",
        "-f": "ostler find prints whole paths",
        "-I": "ostler find --exclude PATTERN leaves names out",
        "-L": "--depth N (-d N) goes so deep",
        "-P": "ostler find --name PATTERN finds names",
        "-s": "ostler size tells how much there is",
    },
}
FOREIGN["find"] |= {
    f"-newer{ours}{theirs}": _TIMES if ours + theirs == "mt" else _OTHER_TIMES
    for ours in "aBcm"
    for theirs in "aBcmt"
}
