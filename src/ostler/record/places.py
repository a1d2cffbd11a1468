"""Places: what a path led to a moment ago, so that the next call asks the kernel for less.

Nothing is taken for granted: each time the kernel says which file the path leads to now, and only
where that is the same one its name is not asked for again. That name could only be another one
where a directory above was renamed and a link put in its place: what is recorded makes us forget
all when it renames a directory or mounts anything, and nothing is remembered for long.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc import recording as asking
from cython.cimports.ostler.record.peek import Pending
from cython.cimports.ostler.record.pieces import Pieces, clock

_LIFE = cython.declare(cython.ulonglong, 50_000_000)  # nanoseconds
_BASIS = cython.declare(cython.uint, 0x811C9DC5)  # of the hash FNV-1a of 32 bits
_PRIME = cython.declare(cython.uint, 0x01000193)


@cython.cclass
class RememberedPlaces(Pieces):
    """Remembers directories and files."""

    def __cinit__(self, out: cython.int, socket: cython.int):
        i: cython.int
        self.places = cython.cast(cython.pointer(Place), libc.calloc(PLACES, cython.sizeof(Place)))
        self.files = cython.cast(cython.pointer(Found), libc.calloc(FILES, cython.sizeof(Found)))
        self.links = cython.cast(cython.p_char, libc.calloc(LINKS, 1))
        if not self.places or not self.files or not self.links:
            raise MemoryError
        for i in range(PLACES):
            self.places[i].fd = -1

    def __dealloc__(self):
        i: cython.int
        if self.places:
            for i in range(PLACES):
                if self.places[i].fd >= 0:
                    libc.close(self.places[i].fd)
        libc.free(self.places)
        libc.free(self.files)
        libc.free(self.links)

    # All of this without the GIL.

    def _links_of(self, path, size):
        # Where it stands whether links were seen in the directory of a path, or on the way to it;
        # NULL where a path is none that could be a name: with "..", say. `size`: the path's,
        # without a "/" at the end.
        hash: cython.uint = _BASIS
        above: cython.uint = _BASIS
        at: cython.p_char = path
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

    def _known_place(self, root, root_fd, path, size):
        # The directory, which is to be released; -1: it is not known. `path` ends in "/".
        where: cython.ulonglong[5]
        one: cython.pointer(Place)
        i: cython.int
        for i in range(PLACES):
            one = self.places + i
            if one.fd < 0 or one.root != root or one.size != size:
                continue
            if libc.memcmp(one.name, path, size) != 0:
                continue
            if (
                asking.ostler_place_of(root_fd, path + 1, where) == 0
                and libc.memcmp(where, one.where, 24) == 0
            ):
                one.users += 1
                return one.fd
            self._forget_place(one)
            return -1
        return -1

    def _keep_place(self, root, fd, path, size):
        # A directory that was opened by its own name, which leads there without any link.
        one: cython.pointer(Place)
        i: cython.int
        if size < 2 or size >= NAME or path[1] == b"/"[0]:
            return 0
        for i in range(PLACES):
            self.last = (self.last + 1) % PLACES
            one = self.places + self.last
            if one.users == 0:
                break
        else:
            return 0
        self._forget_place(one)
        if asking.ostler_place_of(fd, b"", one.where) < 0:
            return 0
        one.fd, one.root, one.size, one.users = fd, root, size, 1
        libc.memcpy(one.name, path, size)
        return 0

    def _release(self, fd):
        # Close what a call was about, where nobody else wants it.
        one: cython.pointer(Place)
        i: cython.int
        if fd < 0:
            return 0
        for i in range(PLACES):
            one = self.places + i
            if one.fd == fd:
                one.users -= 1
                if one.root < 0:
                    self._forget_place(one)
                return 0
        return libc.close(fd)

    def _drop_pending(self, pending):
        if pending.name != cython.NULL or pending.entry.what:
            self._release(pending.place)
            self._release(pending.place2)
        libc.free(pending.name)
        libc.free(pending.name2)
        libc.memset(pending, 0, cython.sizeof(Pending))
        pending.place = pending.place2 = -1
        return 0

    def _forget_place(self, one):
        one.root = -1
        if one.users == 0 and one.fd >= 0:
            libc.close(one.fd)
            one.fd = -1
        return 0

    def _forget_places(self):
        i: cython.int
        self.epoch += 1
        for i in range(PLACES):
            self._forget_place(self.places + i)
        return 0

    def _known_file(self, root, root_fd, path):
        # The text of a file that could be read: its name; 0: it is not known.
        where: cython.ulonglong[5]
        one: cython.pointer(Found)
        hash: cython.uint = _BASIS
        size: cython.uint = 0
        self.wanted = cython.NULL
        while path[size]:
            hash = (hash ^ cython.cast(cython.uchar, path[size])) * _PRIME
            size += 1
        if size < 2 or size >= NAME or path[1] == b"/"[0]:
            return 0
        one = self.files + hash % FILES
        if one.size != size or one.root != root or libc.memcmp(one.path, path, size) != 0:
            # The first time; whoever is asked for but once is not worth to be remembered.
            one.size, one.root, one.text = size, root, 0
            libc.memcpy(one.path, path, size)
            return 0
        self.wanted = one
        if (
            one.text and one.epoch == self.epoch and clock() - one.since < _LIFE
            and asking.ostler_place_of(root_fd, path + 1, where) == 0
            and libc.memcmp(where, one.where, cython.sizeof(where)) == 0
        ):  # fmt: skip
            return one.text
        one.text = 0
        return 0

    def _keep_file(self, fd, text):
        # What _known_file() was asked for, and is there, and may be read.
        if self.wanted != cython.NULL and asking.ostler_place_of(fd, b"", self.wanted.where) == 0:
            self.wanted.text = text
            self.wanted.epoch = self.epoch
            self.wanted.since = clock()
        return 0
