"""Whole trees at once: walk, find, size, remove, in parallel and without the GIL.

`ostler.trees` is the host's; `machine.trees` that of any machine. Every operation takes
`threads` (how many workers; the result is the same whatever it is), `on_error` ("raise",
"collect", or a function that is given each OSError), `progress` (a function given the counts so
far, some fifty times a second) and `one_filesystem` (stay on the root's file system). Links are
never followed below the root. What stops an operation carries what was done as its `done`.
"""

from ostler.machines import host
from ostler.trees._results import Counts

_OPERATIONS = ("find", "remove", "size", "walk")
__all__ = ["Counts", "Trees", *_OPERATIONS]


class Trees:
    """The operations on whole trees of one machine."""

    def __init__(self, machine, /):
        self._machine = machine

    def __repr__(self):
        return f"{self._machine!r}.trees"

    def __reduce__(self):
        return getattr, (self._machine, "trees")

    def walk(
        self,
        top,
        *,
        sort=False,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
    ):
        """Iterate over (directory, names of directories, other names), as os.walk does top-down.

        Directories are read ahead by several threads, in the order of os.walk (with `sort`, each
        directory's names in order): changing the lists has no effect on what follows.
        """
        from ostler.trees._find import Walked

        return Walked(self._machine, top, threads, on_error, progress, one_filesystem, sort)

    def find(
        self,
        top,
        name=(),
        *,
        exclude=(),
        type=(),
        regex=None,
        size=(None, None),
        newer=None,
        older=None,
        min_depth=1,
        max_depth=None,
        sort=False,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
    ):
        """Iterate over the paths of the entries below `top`, in no order or sorted.

        `name`: a pattern or patterns as fnmatch's, one of which the name matches; `exclude`: of
        names left out with all below; `type`: "file", "directory", "link", "fifo", "socket",
        "block", "character" or several; `regex`: searched for in the path below top; `size`:
        least and most bytes; `newer`, `older`: bounds of the modification time, in seconds of
        the epoch.
        """
        from ostler.trees._find import Found

        expression = None
        if regex is not None:
            import re

            expression = re.compile(regex).search
        found = Found(
            self._machine, top, threads, on_error, progress, one_filesystem, _several(name),
            _several(exclude), _several(type), min_depth, max_depth, size, (newer, older),
            expression,
        )  # fmt: skip
        return iter(sorted(found)) if sort else found

    def size(
        self,
        top,
        *,
        by_directory=False,
        threads=None,
        on_error="raise",
        progress=None,
        one_filesystem=False,
    ):
        """What the tree holds, its root included: entries, bytes and disk use.

        A file with several names counts once. `by_directory` (True, or down to which depth)
        gives each directory's own totals too, a dictionary by path.
        """
        from ostler.trees._size import measure

        counts, _ = measure(
            self._machine, top, threads, on_error, progress, one_filesystem, by_directory, False
        )
        return counts

    def remove(self, top, *, threads=None, on_error="raise", progress=None, one_filesystem=False):
        """Remove the directory `top` and all below it; the counts of what was removed."""
        from ostler.trees._remove import remove_tree

        return remove_tree(self._machine, top, threads, on_error, progress, one_filesystem)


def _several(value):
    return (value,) if isinstance(value, (str, bytes)) else tuple(value)


for _name in _OPERATIONS:  # ostler.trees is the host's
    globals()[_name] = getattr(Trees(host), _name)
del _name
