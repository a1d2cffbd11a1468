"""What an operation on a tree answers."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    _Two = tuple[Any, str]
else:
    _Two = tuple


class Difference(_Two):
    """One difference of two trees: the `path` below both roots, and `what` differs.

    `what` is "only in first", "only in second", "type", "mode", "owner", "size", "time",
    "target", "device" or "content".
    """

    __slots__ = ()

    def __new__(cls, path: "Any", what: str) -> "Difference":
        return tuple.__new__(cls, (path, what))

    @property
    def path(self) -> "Any":
        """Where, below both roots."""
        return self[0]

    @property
    def what(self) -> str:
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
        files: int = 0,
        directories: int = 0,
        links: int = 0,
        others: int = 0,
        bytes: int = 0,
        disk: int = 0,
        errors: "Iterable[OSError]" = (),
        by_directory: "dict[Any, Counts] | None" = None,
    ) -> None:
        self.files: int = files
        self.directories: int = directories
        self.links: int = links
        self.others: int = others
        self.bytes: int = bytes
        self.disk: int = disk
        self.errors: list[OSError] = errors  # of work in progress a tuple
        self.by_directory: dict[Any, Counts] | None = by_directory

    @property
    def entries(self) -> int:
        """Entries of every kind."""
        return self.files + self.directories + self.links + self.others

    def add(self, kind: int, size: int, disk: int) -> None:
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

    def plus(self, numbers: "dict[str, int]") -> None:
        """Add the numbers() of another."""
        for name, value in numbers.items():
            setattr(self, name, getattr(self, name) + value)

    def numbers(self) -> "dict[str, int]":
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

    def __init__(self, algorithm: str) -> None:
        self.algorithm: str = algorithm
        self.hex: str | None = None
        self.files: Mapping[Any, str] = {}
        self.bytes: int = 0
        self.errors: list[OSError] = []

    def finish(self, lines: "Iterable[bytes]") -> None:
        """Set `hex` from what the tree's digest is made of."""
        import hashlib

        whole = hashlib.new(self.algorithm, usedforsecurity=False)
        for line in lines:
            whole.update(line)
        self.hex = whole.hexdigest()

    def __repr__(self):
        return f"Digest({self.algorithm}:{self.hex}, files={len(self.files)}, bytes={self.bytes})"
