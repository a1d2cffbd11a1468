"""Whole trees at once: walk, find, size, remove, in parallel and without the GIL.

`ostler.trees` is the host's, or that of the machine which is installed where it is used;
`machine.trees` that of any machine. Every operation takes
`threads` (how many workers; the result is the same whatever it is), `on_error` ("raise",
"collect", or a function that is given each OSError), `progress` (a function given the counts so
far, some fifty times a second) and `one_filesystem` (stay on the root's file system). Links are
never followed below the root. What stops an operation carries what was done as its `done`.
"""

__import__("ostler._compiled")  # who begins here waits until ostler is imported

from ostler.core.asking import found
from ostler.core.crossing import the_host
from ostler.trees._results import Counts, Difference, Digest
from ostler.trees.operations import Trees

_OPERATIONS = (
    "chmod",
    "chown",
    "compare",
    "copy",
    "count",
    "digest",
    "find",
    "remove",
    "size",
    "sizes",
    "walk",
)
__all__ = ["Counts", "Difference", "Digest", "Trees", *_OPERATIONS]


class _Here(Trees):
    # ostler.trees itself: as os, of the machine that is installed where it is asked.
    def __init__(self):
        pass

    @property
    def _machine(self):
        return found() or the_host()


for _name in _OPERATIONS:
    globals()[_name] = getattr(_Here(), _name)
del _name
