"""Pieces: how what is seen of programs is written down; pieces.pxd tells what stands there."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import plain_failure

_SECOND = cython.declare(cython.ulonglong, 1_000_000_000)
_TIME = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFF)
_BASIS = cython.declare(cython.ulonglong, 0xCBF29CE484222325)  # of the hash FNV-1a
_PRIME = cython.declare(cython.ulonglong, 0x100000001B3)


@cython.cclass
class Pieces:
    """A stream of pieces to `out`, a descriptor, which stays the caller's."""

    def __cinit__(self, out: cython.int, socket: cython.int):
        self.out = libc.fcntl(out, libc.F_DUPFD_CLOEXEC, 3)
        if self.out < 0:
            raise plain_failure(libc.errno)
        self.buffer = cython.cast(cython.p_char, libc.malloc(BUFFER))
        self.known = cython.cast(
            cython.pointer(Known), libc.calloc(2 * TEXTS, cython.sizeof(Known))
        )
        self.letters = cython.cast(cython.p_char, libc.malloc(LETTERS))
        if not self.buffer or not self.known or not self.letters:
            raise MemoryError
        self.began = clock()
        self.news = -1

    def __dealloc__(self):
        if self.out > 0:
            libc.close(self.out)
        libc.free(self.buffer)
        libc.free(self.known)
        libc.free(self.letters)

    # All of this without the GIL.

    def _text(self, text, size):
        # The number of a text, which is written down unless it was just before.
        hash: cython.ulonglong = _BASIS
        i: cython.uint
        place: cython.uint
        piece: Text
        zeros: cython.ulonglong = 0
        for i in range(size):
            hash = (hash ^ cython.cast(cython.uchar, text[i])) * _PRIME
        place = cython.cast(cython.uint, hash % (2 * TEXTS))
        while self.known[place].number:
            if (
                self.known[place].hash == hash and self.known[place].size == size
                and libc.memcmp(self.letters + self.known[place].at, text, size) == 0
            ):  # fmt: skip
                return self.known[place].number
            place = (place + 1) % (2 * TEXTS)
        if self.known_count == TEXTS or self.letter_count + size > LETTERS:
            libc.memset(self.known, 0, 2 * TEXTS * cython.sizeof(Known))
            self.known_count = self.letter_count = 0
            place = cython.cast(cython.uint, hash % (2 * TEXTS))
        self.texts += 1
        self.known[place].hash = hash
        self.known[place].number = self.texts
        self.known[place].size = size
        self.known[place].at = self.letter_count
        libc.memcpy(self.letters + self.letter_count, text, size)
        self.letter_count += size
        self.known_count += 1
        libc.memset(cython.address(piece), 0, cython.sizeof(piece))
        piece.what = b"T"[0]
        piece.size = size
        self._put(cython.address(piece), cython.sizeof(piece))
        self._put(text, size)
        if size % 8:
            self._put(cython.address(zeros), 8 - size % 8)
        return self.texts

    def _put(self, piece, size):
        if self.quiet:
            return 0
        if self.filled + size > BUFFER:
            self._write()
        libc.memcpy(self.buffer + self.filled, piece, size)
        self.filled += size
        return 0

    def _write(self):
        # What was not to be written once is never tried again: what came after it would be misread.
        done: cython.long
        at: cython.uint = 0
        while at < self.filled and not self.broken:
            done = libc.write(self.out, self.buffer + at, self.filled - at)
            if done < 0:
                if libc.errno != libc.EINTR:
                    self.error = libc.errno
                    self.broken = True
            else:
                at += cython.cast(cython.uint, done)
        if self.filled and self.news >= 0:
            libc.eventfd_write(self.news, 1)
        self.filled = 0
        return 0

    def _now(self):
        return (clock() - self.began) & _TIME


def clock():
    found: libc.timespec
    libc.clock_gettime(libc.CLOCK_MONOTONIC, cython.address(found))
    return found.tv_sec * _SECOND + found.tv_nsec
