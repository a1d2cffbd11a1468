"""Cases of path.py."""

from tests.parity import BAD_PATHS, Named, attempt, case, touch


class Text(str):
    pass


class Data(bytes):
    pass


# fmt: off
TEXT_FUNCTIONS = [
    "normcase", "isabs", "split", "splitext", "splitdrive", "basename", "dirname", "normpath",
]
LOOK_FUNCTIONS = ["exists", "lexists", "isfile", "isdir", "islink", "ismount"]
VALUE_FUNCTIONS = ["getsize", "getmtime", "getatime", "getctime"]
PATHS = [
    "", "/", "//", "///", "a", "/a", "//a", "///a", "a/", "a//", "a/b", "a//b", ".", "..", "./",
    "../",
    "./a", "../a", "a/.", "a/..", "a/../b", "a/../..", "/..", "//..", "/../a", "a/./b//c/../d",
    ".a", "..a",
    "...", "a.b", "a.b.c", ".a.b", "a.", "a/.b", "a.b/c", "a/..b.c", "é", "é/ü.ö", "日本/語.txt",
    "\U0001f40d/x.y",
    "\udcff", "\udcff/a/../b", "\ud800/..", "a\0b/../c", "~", "~/a", "~nobody-at-all/a",
    "$a/${b}", "x" * 3000 + "/..",
    "a/" * 600, "../" * 500 + "a",
]
ODD = [
    None, 3, 3.5, [], object, True, bytearray(b"a"), memoryview(b"a"), Named("a/b"), Named(b"a/b"),
    Named(3),
    Named(None), Named(Text("a/b.c")), Text("a/b.c"), Text("a"), Data(b"a/b.c"), Text(""),
    Data(b""), Named,
]
# fmt: on


def both(paths):
    encoded = [p.encode("utf-8", "surrogateescape") for p in paths if "\ud800" not in p]
    return [*paths, *encoded]


def _without(outcome, here):
    """The outcome with the working directory taken out of its texts."""
    if isinstance(outcome, (tuple, list)):
        return [_without(item, here) for item in outcome]
    if isinstance(outcome, str):
        return outcome.replace(here, "H").replace(here[1:], "H")
    if isinstance(outcome, bytes):
        return outcome.replace(here.encode(), b"H").replace(here[1:].encode(), b"H")
    return outcome


def _deep_down(os):
    """Stand some directories down, so that '..' stays inside; return where the case began."""
    root = os.getcwd()
    os.mkdir("deep")
    os.mkdir("deep/down")
    os.chdir("deep/down")
    return root


@case
def one_path(os):
    return [
        (name, attempt(getattr(os.path, name), path))
        for name in TEXT_FUNCTIONS
        for path in [*both(PATHS), *ODD]
    ]


@case
def kinds_of_results(os):
    """Which types come back, and whether a path that stays as it is stays the same object."""
    found = []
    for name in [*TEXT_FUNCTIONS, "abspath", "realpath"]:
        for path in [
            Text("a/b.c"),
            Text("a"),
            Text("/"),
            Text(""),
            Data(b"a/b"),
            Data(b"a"),
            Data(b""),
        ]:
            result = getattr(os.path, name)(path)
            parts = result if isinstance(result, tuple) else (result,)
            found.append((name, path, [type(part).__name__ for part in parts]))
    return found


@case
def splitroot(os):
    if not hasattr(__import__("posixpath"), "splitroot"):
        return None
    return [attempt(os.path.splitroot, path) for path in [*both(PATHS), *ODD]]


@case
def join_pairs(os):
    some = [*both(PATHS[:30]), *ODD, *both(PATHS[37:45])]
    return [attempt(os.path.join, a, b) for a in some for b in some]


@case
def join_many(os):
    join = os.path.join
    return [
        attempt(join)[1],
        attempt(join, "a"),
        attempt(join, b"a"),
        attempt(join, 3),
        attempt(join, Text("a")),
        attempt(join, Data(b"a")),
        attempt(join, a="x"),
        attempt(join, "a", p="x")[1],
        attempt(join, "a", "b", "", "", "c", "/", "d", "", ""),
        attempt(join, "", "", ""),
        attempt(join, "a/", "b/", "c"),
        attempt(join, "é", "b", "\udcff", "日本"),
        attempt(join, "日本", "/b", "c"),
        attempt(join, b"a", b"b", b"", b"/c", b"d/", b""),
        attempt(join, "a", Named("b"), "c"),
        attempt(join, Named("a"), Named("/b"), Text("c")),
        attempt(join, "a", b"b", 3),
        attempt(join, "a", Named(b"b")),
        attempt(join, *["part"] * 500),
    ]


@case
def several(os):
    lists = [
        [], ["a"], ["/a/b", "/a/c"], ["/a/b", "a/b"], [b"a", "a"], ["a", 3], [3], ["/a", b"/a"],
        ["a/./b", "a/b/c"], ["abc", "abd"], ("x/y", "x/z"), [Named("a/b"), "a/c"], None, 3, "ab",
        [["a", "b"], ["a", "c"]], [b"/x/y", b"/x"], ["//a", "/a"], [Text("a/b"), Text("a/b")],
        {"a", "ab"}, iter(["a"]), [None], ["", "a"],
    ]  # fmt: skip
    return [
        (attempt(os.path.commonprefix, paths), attempt(os.path.commonpath, paths))
        for paths in lists
        if not hasattr(paths, "__next__")
    ] + [attempt(os.path.commonpath, iter(["a/b", "a/c"])), attempt(os.path.commonpath, iter([]))]


@case
def relpath(os):
    some = [
        *both(["", "a", "/a/b", "..", "a/../b", ".", "//x", "é", "\udcff"]),
        None,
        3,
        Named("a"),
    ]
    root = _deep_down(os)
    found = [attempt(os.path.relpath, a) for a in some]
    found += [attempt(os.path.relpath, a, b) for a in some for b in some]
    return _without(found, root)


@case
def abspath(os):
    root = _deep_down(os)
    return _without([attempt(os.path.abspath, path) for path in [*both(PATHS), *ODD]], root)


def _scene(os):
    touch(os, "f", b"12345")
    touch(os, "é", b"1")
    touch(os, b"\xff", b"1")
    os.mkdir("d")
    os.mkdir("d/e")
    touch(os, "d/e/g")
    for target, name in [
        ("f", "to-f"), ("d", "to-d"), ("nowhere", "broken"), ("loop", "loop"), ("two", "one"),
        ("one", "two"), ("d/e", "d/up"), ("../to-d/e", "d/e/round"), ("to-d/e/g", "deep"), (".",
        "here"),
        ("..", "d/above"), ("/", "root"), (b"\xff", b"to-\xff"), ("f/", "f-slash"), ("d//e/./g",
        "untidy"),
    ]:  # fmt: skip
        os.symlink(target, name)


PLACES = [
    "f", "d", "to-f", "to-d", "broken", "loop", "one", "two", "d/up/g", "d/e/round/round/g", "deep",
    "here/here/f", "here/../f", "to-d/..", "to-d/../f", "d/above/d/e", "root", "root/..", "missing",
    "missing/x", "missing/../f", "missing/../to-f", "f/x", "f/..", "f/../to-d", "f/.", "f/",
    "to-f/",
    "loop/x", "loop/../f", "one/x/y", "x/loop//y", "broken/x", "é", "\udcff", "to-\udcff",
    "f-slash",
    "untidy", "", ".", "..", "./f", "d//e///g", "f-slash/x", "to-d/e/round/", "a/" * 1500 + "x",
    "x" * 300, "x" * 300 + "/../f", "d/e/../../to-f", "../" * 40 + "tmp", "here/" * 45 + "f",
]  # fmt: skip


@case
def looks(os):
    _scene(os)
    found = []
    for path in [*both(PLACES), *BAD_PATHS, *ODD, 0, -5, 10**6]:
        for name in LOOK_FUNCTIONS:
            if name == "ismount" and path in ("..", b".."):
                continue
            found.append((name, attempt(getattr(os.path, name), path)))
        found.append(attempt(os.path.getsize, path) if path not in (0,) else None)
    return found


@case
def times(os):
    touch(os, "f", b"123")
    os.utime("f", ns=(1_234_567_890_123_456_789, 987_654_321_012_345_678))
    results = [os.path.getatime("f"), os.path.getmtime("f")]
    os.utime("f", ns=(-1_500_000_000, -1))
    results += [os.path.getatime("f"), os.path.getmtime("f")]
    stat = os.stat("f")
    return [
        results,
        os.path.getctime("f") == stat.st_ctime,
        [attempt(getattr(os.path, name), path) for name in VALUE_FUNCTIONS
         for path in BAD_PATHS],
    ]  # fmt: skip


@case
def by_descriptor(os):
    touch(os, "f", b"123")
    fd = os.open("f", os.O_RDONLY)
    path = os.path
    found = [
        path.exists(fd), path.isfile(fd), path.isdir(fd), path.getsize(fd), path.samefile(fd, "f"),
        path.sameopenfile(fd, fd), attempt(path.lexists, fd), attempt(path.islink, fd),
        attempt(path.exists, True), attempt(path.exists, 2**80), attempt(path.exists, -(2**80)),
        attempt(path.sameopenfile, fd, "f"), attempt(path.ismount, fd),
    ]  # fmt: skip
    os.close(fd)
    return [*found, path.exists(fd), attempt(path.getsize, fd), attempt(path.sameopenfile, fd, fd)]


@case
def same(os):
    _scene(os)
    some = ["f", "to-f", "./f", b"f", "d", "to-d", "missing", "broken", None, "a\0b", Named("f")]
    stats = [os.stat("f"), os.lstat("to-f"), os.stat("to-f"), os.stat("d")]
    return [
        [attempt(os.path.samefile, a, b) for a in some for b in some],
        [os.path.samestat(a, b) for a in stats for b in stats],
        attempt(os.path.samestat, 1, 2),
    ]


@case
def realpath(os):
    _scene(os)
    here = os.getcwd()
    found = []
    for path in [*both(PLACES), *BAD_PATHS, *ODD]:
        for strict in (False, True, 0, 1, None, "yes"):
            found.append(_without(attempt(os.path.realpath, path, strict=strict), here))
        if type(path) is str:
            found.append(_without(attempt(os.path.realpath, "/" + path), here))
            found.append(_without(attempt(os.path.realpath, "//" + path), here))
            absolute = here + "/" + path
            found.append(_without(attempt(os.path.realpath, absolute), here))
            found.append(_without(attempt(os.path.realpath, absolute, strict=True), here))
    found.append(attempt(os.path.realpath, "f", True)[1])
    return found


@case
def realpath_long_chain(os):
    touch(os, "l0")
    for i in range(200):
        os.symlink(f"l{i}", f"l{i + 1}")
    return _without([os.path.realpath("l200"), os.path.realpath("l200", strict=True)], os.getcwd())


@case
def realpath_from_a_gone_directory(os):
    os.mkdir("d")
    os.chdir("d")
    os.rmdir("../d")
    return [
        attempt(function, path)
        for function in (os.path.realpath, os.path.abspath, os.path.relpath)
        for path in ("x", "", ".", "../x", b"x", "/usr")
    ]


@case
def conversions(os):
    some = [*both(PATHS), *ODD]
    return [
        [attempt(os.fspath, path) for path in some if not isinstance(path, Named)],
        [attempt(os.fsencode, path) for path in some],
        [attempt(os.fsdecode, path) for path in some],
        attempt(os.fspath)[1], attempt(os.fspath, path="a"), attempt(os.fsencode, filename="a"),
    ]  # fmt: skip


@case
def path_like(os):
    class Derived(os.PathLike):
        def __fspath__(self):
            return "derived"

    class Not:
        __fspath__ = None

    return [
        os.fspath(Derived()), isinstance(Named("a"), os.PathLike), issubclass(Not, os.PathLike),
        issubclass(str, os.PathLike), issubclass(Named, Derived), attempt(os.PathLike),
        os.path.join(Derived(), "x"), attempt(os.fspath, Not()),
    ]  # fmt: skip


@case
def constants(os):
    names = ["curdir", "pardir", "extsep", "sep", "altsep", "pathsep", "defpath", "devnull"]
    return [(getattr(os, n), getattr(os.path, n)) for n in names] + [
        os.path.supports_unicode_filenames
    ]


@case
def expanduser(os):
    some = [
        "~",
        "~/a",
        "~root",
        "~root/a/b",
        "~no-such-user-here/a",
        "a~",
        "~\udcff",
        "~//x",
        "~\0",
        "~é",
    ]
    found = []
    for home in ("/home/me", "/", "relative", "//x//", "", None):
        if home is None:
            os.environ.pop("HOME", None)
        else:
            os.environ["HOME"] = home
        found.append([attempt(os.path.expanduser, path) for path in [*both(some), *ODD]])
    os.environ["HOME"] = "/root"
    return found


class Own(str):
    """Text with operations of its own, which os's functions in Python meet."""

    def __getitem__(self, index):
        return "Z"

    def startswith(self, *args):
        return True

    def split(self, *args):
        return ["q"]

    def __add__(self, other):
        return "ADD"

    def encode(self, *args):
        return b"ENC"


class Item(str):
    def __getitem__(self, index):
        return "Z"


class ItemBytes(bytes):
    def __getitem__(self, index):
        return b"Z"


@case
def text_with_operations_of_its_own(os):
    os.environ["OSTLER_A"] = "one"
    found = []
    for kind in (Own, Item, lambda text: ItemBytes(text.encode(errors="surrogateescape"))):
        for path in (
            "a/b.c", "/a/b", "~/x", "$OSTLER_A/x", "a${OSTLER_A}b$OSTLER_A", "", "/", ".", "é/..",
            "\udcff/x",
        ):  # fmt: skip
            for name in (
                "abspath", "basename", "dirname", "expandvars", "isabs", "normcase", "normpath",
                "realpath", "split", "splitdrive", "splitext",
            ):  # fmt: skip
                outcome = repr(attempt(getattr(os.path, name), kind(path)))
                found.append((name, outcome.replace(os.getcwd(), "here")))
            for pair in ([kind(path), kind("/b")], [kind("/b"), kind(path)]):
                found.append((attempt(os.path.commonpath, pair), attempt(os.path.join, *pair)))
    del os.environ["OSTLER_A"]
    return found


@case
def relpath_of_paths(os):
    outcomes = [
        repr(attempt(os.path.relpath, path, start))
        for path in (Named(""), Named("/"), Named("/a"), "")
        for start in ("/", "/b", Named("/"), Named(""), "")
    ]
    return [outcome.replace(os.getcwd()[1:], "here") for outcome in outcomes]


@case
def expandvars(os):
    os.environ["OSTLER_A"] = "one"
    os.environ["OSTLER_B"] = "$OSTLER_A"
    os.environ["OSTLER_É"] = "é"
    some = [
        "$OSTLER_A", "${OSTLER_A}x", "$OSTLER_B/$OSTLER_A", "$OSTLER_NONE", "${", "${}", "$$",
        "$OSTLER_É",
        "a$OSTLER_A}b", "${OSTLER_A", "$", "é$OSTLER_A", "\udcff$OSTLER_A", "${OSTLER_É}",
        "$OSTLER_Ax",
        "$OSTLER_NONE$OSTLER_A", "$$OSTLER_A", "${$OSTLER_A}",
    ]  # fmt: skip
    found = [attempt(os.path.expandvars, path) for path in [*both(some), *ODD]]
    for name in ("OSTLER_A", "OSTLER_B", "OSTLER_É"):
        del os.environ[name]
    return found
