"""What an operation on a tree answers."""


class Difference(tuple):
    """One difference of two trees: the `path` below both roots, and `what` differs.

    `what` is "only in first", "only in second", "type", "mode", "owner", "size", "time",
    "target", "device" or "content".
    """

    __slots__ = ()

    def __new__(cls, path, what):
        return tuple.__new__(cls, (path, what))

    @property
    def path(self):
        """Where, below both roots."""
        return self[0]

    @property
    def what(self):
        """What differs."""
        return self[1]

    def __getnewargs__(self):
        return tuple(self)

    def __repr__(self):
        return f"Difference({self[0]!r}, {self[1]!r})"


class Counts:
    """What a tree holds, or what was done with it: numbers of entries, bytes, errors.

    `bytes` are those of the files' (and links') contents, `disk` what they take up on disk;
    `errors` are the OSErrors that did not stop the operation.
    """

    __slots__ = (
        "by_directory",
        "bytes",
        "directories",
        "disk",
        "errors",
        "files",
        "links",
        "others",
    )

    def __init__(
        self,
        files=0,
        directories=0,
        links=0,
        others=0,
        bytes=0,
        disk=0,
        errors=(),
        by_directory=None,
    ):
        self.files = files
        self.directories = directories
        self.links = links
        self.others = others
        self.bytes = bytes
        self.disk = disk
        self.errors = errors
        self.by_directory = by_directory

    @property
    def entries(self):
        """Entries of every kind."""
        return self.files + self.directories + self.links + self.others

    def add(self, kind, size, disk):
        """Count one more entry, of this DT_ kind."""
        if kind == 8:
            self.files += 1
        elif kind == 10:
            self.links += 1
        else:
            self.others += 1
            size = 0
        self.bytes += size
        self.disk += disk

    def plus(self, numbers):
        """Add the numbers() of another."""
        for name, value in numbers.items():
            setattr(self, name, getattr(self, name) + value)

    def numbers(self):
        """The numbers alone, as a dictionary."""
        return {
            name: getattr(self, name)
            for name in ("files", "directories", "links", "others", "bytes", "disk")
        }

    def __eq__(self, other):
        if not isinstance(other, Counts):
            return NotImplemented
        return self.numbers() == other.numbers() and self.by_directory == other.by_directory

    __hash__ = None

    def __repr__(self):
        numbers = ", ".join(f"{name}={value}" for name, value in self.numbers().items())
        errors = f", errors={len(self.errors)}" if self.errors else ""
        return f"Counts({numbers}{errors})"


class Digest:
    """The digest of a tree: `hex` of all of it, `files` with that of each file, by path.

    It is made of the names, kinds and contents of the entries, and of what links hold; neither of
    the root's own name nor of modes, owners and times.
    """

    __slots__ = ("algorithm", "bytes", "errors", "files", "hex")

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.hex = None
        self.files = {}
        self.bytes = 0
        self.errors = []

    def finish(self, lines):
        """Set `hex` from what the tree's digest is made of."""
        import hashlib

        whole = hashlib.new(self.algorithm, usedforsecurity=False)
        for line in lines:
            whole.update(line)
        self.hex = whole.hexdigest()

    def __repr__(self):
        return f"Digest({self.algorithm}:{self.hex}, files={len(self.files)}, bytes={self.bytes})"
