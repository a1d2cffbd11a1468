"""Seen links: whether there were links on the way to a directory, so that less is asked for a name.

Only how a path is looked up follows from that, never what it leads to. The kernel finds each path
anew: where it finds it without following any link the path is the name, and else the kernel says
the name, too. A name that was remembered could be an untrue one, however surely the same file is
behind it: a file may have several, and any directory may be moved behind a link, by anybody.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.record.pieces import Pieces

_BASIS = cython.declare(cython.uint, 0x811C9DC5)  # of the hash FNV-1a of 32 bits
_PRIME = cython.declare(cython.uint, 0x01000193)


@cython.cclass
class SeenLinks(Pieces):
    """Knows on the way to which directories there were links."""

    def __cinit__(self, out: cython.int, socket: cython.int):
        self.links = cython.cast(cython.p_char, libc.calloc(LINKS, 1))
        if not self.links:
            raise MemoryError

    def __dealloc__(self):
        libc.free(self.links)

    # Without the GIL.

    def _links_of(self, path, size):
        # Where it stands whether links were seen in the directory of a path, or on the way to it;
        # NULL where a path is none that could be a name: with "..", say. `size`: the path's,
        # without a "/" at the end.
        hash: cython.uint = _BASIS
        above: cython.uint = _BASIS
        at: cython.p_const_char = path
        while at[0]:
            if at[0] == b"/"[0]:
                above = hash
                if at[1] == b"/"[0]:
                    return cython.NULL
                if at[1] == b"."[0] and (
                    at[2] == 0 or at[2] == b"/"[0]
                    or (at[2] == b"."[0] and (at[3] == 0 or at[3] == b"/"[0]))
                ):  # fmt: skip
                    return cython.NULL
            hash = (hash ^ cython.cast(cython.uchar, at[0])) * _PRIME
            at += 1
        size[0] = at - path
        if size[0] > 1 and path[size[0] - 1] == b"/"[0]:
            size[0] -= 1
        return self.links + above % LINKS
