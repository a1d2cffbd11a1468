"""The sizes of several trees: what belongs to more than one of them counts once, as with du."""

from ostler.trees._results import Counts
from ostler.trees._size import count_once, measure, nothing

_FORMAT = 0o170000
_DIRECTORY = 0o040000
_ALL = 1 << 30


class Several:
    """Measures one tree or file after the other, and remembers what it met."""

    def __init__(self, machine, how, by_directory=False, exclude=(), files=False):
        self.machine = machine
        self.how = how
        self.by_directory = by_directory
        self.exclude = tuple(exclude)
        self.files = files
        self.run = [nothing(machine)]  # the last one, which knows the directories that were met
        self.names = set()  # the files with several names that were counted

    def add(self, top):
        """The Counts of one more, or None when all of it was measured before."""
        st = self.machine.stat(top)
        if st.st_mode & _FORMAT != _DIRECTORY:
            return self._file(top, st)
        counts, links = measure(
            self.machine, top, self.how, self.by_directory, True, exclude=self.exclude,
            files=self.files, before=self.run,
        )  # fmt: skip
        if not counts.directories:  # the root itself was met
            return None
        links = [link for link in links if link[:2] not in self.names]
        self.names.update(link[:2] for link in links)
        depth = -1
        if self.files and self.by_directory is not False:
            depth = _ALL if self.by_directory is True else self.by_directory
        count_once(counts, links, counts.by_directory or {}, depth, self.machine.fspath(top))
        return counts

    def _file(self, top, st):
        path = self.machine.path
        directory = self.machine.stat(path.dirname(path.realpath(top)))
        if (st.st_dev, st.st_ino) in self.names or not self.run[0].meet(st, directory):
            return None
        self.names.add((st.st_dev, st.st_ino))
        counts = Counts()
        counts.add(st.st_mode >> 12, st.st_size, st.st_blocks * 512)
        return counts
