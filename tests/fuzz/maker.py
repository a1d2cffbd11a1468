"""The values of generated lines, as text: paths, descriptors, numbers, good ones and odd ones."""

import random

NAMES = [
    "a", "b", "d", "d/e", "d/e/f", "d/x", "d/e/y", "empty", "l", "ld", "ld/x", "dangling", "loop", "d/up",
    "new", "new2", "d/new", "empty/new", "é", "fifo", "sh", ".", "./a", "d/", "d/../a", "a/", "d//x",
]  # fmt: skip
ODD_NAMES = [
    "",
    "missing/x",
    "a/x",
    "loop/x",
    "..",
    "d/.",
    "x" * 256,
    "a\0b",
    "\udcff",
    "\ud800",
    "d/" * 40 + "x",
]
NUMBERS = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "100",
    "4096",
    "2**31",
    "-2**31-1",
    "2**63",
    "Index(1)",
    "True",
    "None",
    "1.5",
    "'1'",
]
TEXTS = [
    "/",
    "//",
    ".",
    "..",
    "a",
    "b.c",
    ".d",
    "é",
    "\udcff",
    "~",
    "~root",
    "$A",
    "${A}",
    "$",
    "",
    " ",
    "\0",
    "\n",
    "a.tar.gz",
    "...",
    "$B",
]


class Maker:
    """Makes the lines of one program."""

    def __init__(self, number):
        self.random = random.Random(number)
        self.lines = []
        self.ended = False  # nothing may follow
        self.held = []  # variables that hold a descriptor

    def chance(self, share):
        return self.random.random() < share

    def one(self, *choices):
        return self.random.choice(choices)

    # Values, as text

    def path(self):
        name = self.random.choice(NAMES if self.chance(0.9) else ODD_NAMES)
        if self.chance(0.7):
            return repr(name)
        if self.chance(0.05):
            return self.one(
                "None", "5.5", "[]", "bytearray(b'a')", "Path(None)", "Path(OSError(5, 'x'))", "-1",
                "CLOSED", "-100", "2**31", "memoryview(b'd')",
            )  # fmt: skip
        kind = self.one("Text", "Bytes", "Path", "Path", "bytes", "bytes", "Item")
        try:
            raw = repr(name.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            return f"Text({name!r})"
        if kind == "bytes":
            return raw
        if kind == "Bytes":
            return f"Bytes({raw})"
        return f"{kind}({raw if kind == 'Path' and self.chance(0.3) else repr(name)})"

    def text(self):
        whole = "".join(self.random.choice(TEXTS) for _ in range(self.random.randrange(6)))
        if self.chance(0.75):
            return repr(whole)
        kind = self.one("Text", "Item", "Path", "bytes", "Bytes")
        if kind in ("bytes", "Bytes"):
            raw = repr(whole.encode("utf-8", "surrogateescape"))
            return raw if kind == "bytes" else f"Bytes({raw})"
        return f"{kind}({whole!r})"

    def fd(self):
        if self.held and self.chance(0.85):
            return self.random.choice(self.held)
        return self.one(
            "CLOSED", "-1", "-2", "63", "7", "2**31", "None", "'a'", "1", "Index(0)", "1.0"
        )

    def place(self):
        return self.fd() if self.held and self.chance(0.25) else self.path()

    def number(self):
        return self.random.choice(NUMBERS)

    def size(self):
        return self.one("0", "1", "3", "5", "100", "4096") if self.chance(0.85) else self.number()

    def mode(self):
        return (
            self.one("0o644", "0o600", "0o755", "0o7777", "0", "0o444")
            if self.chance(0.9)
            else self.number()
        )

    def data(self):
        return (
            self.one(
                "b''",
                "b'x'",
                "b'hello'",
                "bytearray(b'yz')",
                "memoryview(b'abc')",
                "Bytes(b'B')",
                "b'q' * 5000",
            )
            if self.chance(0.93)
            else self.one("'text'", "None", "5", "memoryview(b'abcd')[::2]")
        )

    def flags(self):
        chosen = [self.one("os.O_RDONLY", "os.O_WRONLY", "os.O_RDWR", "os.O_PATH"), "os.O_NONBLOCK"]
        for flag in ("CREAT", "EXCL", "TRUNC", "APPEND", "DIRECTORY", "NOFOLLOW", "SYNC"):
            if self.chance(0.15):
                chosen.append(f"os.O_{flag}")
        return " | ".join(chosen)

    def follow(self):
        return f"follow_symlinks={self.one('True', 'False', 'False', '0', '1')}"

    def dir_fd(self, name="dir_fd"):
        return f"{name}={self.fd() if self.chance(0.9) else 'None'}"

    def bool(self):
        return self.one("True", "False")

    # Lines

    def call(self, name, *arguments, **optional):
        given = list(arguments)
        given += [value for share, value in optional.values() if self.chance(share)]
        self.lines.append(f"os.{name}({', '.join(given)})")

    def hold(self, expression):
        name = f"x{len(self.held) % 6}"
        if name not in self.held:
            self.held.append(name)
            self.lines.append(f"{name} = {expression}")

    def open(self):
        if self.chance(0.75):
            name = self.one("a", "b", "d", "d/x", "empty", "new", ".", "l", "ld", "é")
            flags = self.one(
                "os.O_RDWR",
                "os.O_RDWR | os.O_CREAT",
                "os.O_RDONLY",
                "os.O_PATH",
                "os.O_WRONLY | os.O_APPEND",
            )
            if name in ("d", "empty", ".", "ld", "é"):
                flags = self.one("os.O_RDONLY", "os.O_RDONLY | os.O_DIRECTORY", "os.O_PATH")
            self.hold(f"os.open({name!r}, {flags})")
        else:
            self.hold(f"os.open({self.path()}, {self.flags()}, {self.mode()})")
