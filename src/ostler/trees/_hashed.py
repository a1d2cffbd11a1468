"""The digests of a tree's files by path, in little room: a directory's lie together, as bytes."""

from array import array
from bisect import bisect_left
from collections.abc import Mapping

from ostler.core.crossing import the_host

host = the_host()


class Folder:
    """A directory's files, their names and digests in order, and the directories in it."""

    __slots__ = ("below", "digests", "names", "starts")

    def __init__(self):
        self.names = []
        self.digests = []
        self.starts = None
        self.below = {}

    def pack(self):
        """No file is added any more."""
        self.starts = array("Q", [0])
        at = 0
        for name in self.names:
            at += len(name)
            self.starts.append(at)
        self.names = b"".join(self.names)
        self.digests = b"".join(self.digests)

    def __len__(self):
        return len(self.starts) - 1 if self.starts is not None else len(self.names)

    def __getitem__(self, number):
        """The name of the file of this number; IndexError at the end."""
        if self.starts is None:
            return self.names[number]
        if number >= len(self.starts) - 1:
            raise IndexError(number)
        return self.names[self.starts[number] : self.starts[number + 1]]

    def digest(self, number, size):
        """Its digest."""
        if self.starts is None:
            return self.digests[number]
        return self.digests[number * size : (number + 1) * size]


class Hashed(Mapping):
    """A mapping from the paths of files to their digests in hexadecimal digits."""

    __slots__ = ("_count", "_prefix", "_size", "root")

    def __init__(self, prefix, size):
        self._prefix = prefix  # what stands before the paths below the root, str or bytes
        self._size = size
        self._count = 0
        self.root = Folder()

    def add(self, folder, name, digest):
        """Add a file; in a folder the names come in order."""
        folder.names.append(name)
        folder.digests.append(digest)
        self._count += 1

    def __len__(self):
        return self._count

    def __getitem__(self, path):
        if type(path) is not type(self._prefix) or not path.startswith(self._prefix):
            raise KeyError(path)
        folder = self.root
        *above, name = host.fsencode(path[len(self._prefix) :]).split(b"/")
        for part in above:
            folder = folder.below.get(part)
            if folder is None:
                raise KeyError(path)
        number = bisect_left(folder, name)
        if number == len(folder) or folder[number] != name:
            raise KeyError(path)
        return folder.digest(number, self._size).hex()

    def __iter__(self):
        for path, _ in self._all():
            yield path

    def items(self):
        """(path, digest) of each file, directory by directory."""
        return list(self._all())

    def _all(self):
        text = isinstance(self._prefix, str)
        waiting = [(b"", self.root)]
        while waiting:
            above, folder = waiting.pop()
            for number in range(len(folder)):
                path = above + folder[number]
                found = self._prefix + (host.fsdecode(path) if text else path)
                yield found, folder.digest(number, self._size).hex()
            waiting += [(above + name + b"/", below) for name, below in folder.below.items()]

    def __eq__(self, other):
        return dict(self._all()) == dict(other) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None

    def __repr__(self):
        return repr(dict(self._all()))
