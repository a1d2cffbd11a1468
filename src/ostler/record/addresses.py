"""Addresses: with whom a call has to do that connects, binds or sends."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.libc import recording as asking
from cython.cimports.ostler.record.calls import BIND, SEVERAL
from cython.cimports.ostler.record.crowd import Crowd
from cython.cimports.ostler.record.peek import WORDS, Pending, peek_memory, status_at
from cython.cimports.ostler.record.pieces import Entry

_LOW = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_MESSAGES = cython.declare(cython.ulonglong, 64)  # of one call that are looked at


@cython.cclass
class Addresses(Crowd):
    """Knows what an address of a socket means."""

    def __cinit__(self, out: cython.int, socket: cython.int):
        self.waiting = cython.NULL

    def _wait(self, m):
        m.waits = True
        m.earlier = cython.NULL
        m.later = self.waiting
        if self.waiting != cython.NULL:
            self.waiting.earlier = m
        self.waiting = m
        return 0

    def _wait_no_more(self, m):
        m.waits = False
        if m.earlier == cython.NULL:
            self.waiting = m.later
        else:
            m.earlier.later = m.later
        if m.later != cython.NULL:
            m.later.earlier = m.earlier
        return 0

    def _look_at_messages(self, m, rule, asked, entry, of_32_bits):
        # To where they are sent, where each says that for itself: the first of several at least.
        wide: cython.ulonglong[2]
        narrow: cython.uint[2]
        again: Entry
        before: cython.ulonglong = 0
        at: cython.ulonglong = asked.data.args[rule.path]
        count: cython.ulonglong = 1
        i: cython.ulonglong
        if rule.how & SEVERAL:
            count = min(asked.data.args[rule.value] & _LOW, _MESSAGES)
        for i in range(count):
            if of_32_bits:
                if peek_memory(m.tid, at + 32 * i, narrow, 8) != 8:
                    return 0
                wide[0], wide[1] = narrow[0], narrow[1]
            elif peek_memory(m.tid, at + 64 * i, wide, 16) != 16:
                return 0
            if wide[0] and wide[0] != before:
                again = entry[0]
                self.message = cython.cast(cython.int, i)
                self._look_at_address(m, asked, cython.address(again), wide[0], wide[1] & _LOW)
                before = wide[0]
        return 0

    def _look_at_address(self, m, asked, entry, at, size):
        # An address is a family, and what that makes of the rest.
        room: cython.uchar[128]
        family: cython.int
        length: cython.int
        name: cython.p_char
        libc.memset(room, 0, cython.sizeof(room))
        if size < 2 or size > 110:
            return 0
        if peek_memory(m.tid, at, room, size) != cython.cast(cython.long, size):
            return 0
        family = room[0] | room[1] << 8
        if family == own.AF_UNIX:
            if size == 2:
                return 0
            if room[2] == 0:
                # An abstract name, which lies in no file system.
                room[2] = b"@"[0]
                entry.path = self._text(
                    cython.cast(cython.p_char, cython.address(room[2])),
                    cython.cast(cython.uint, size - 2),
                )
                return self._put(entry, cython.sizeof(Entry))
            length = cython.cast(cython.int, asking.strnlen(
                cython.cast(cython.p_char, cython.address(room[2])), 108
            ))  # fmt: skip
            libc.memcpy(self.words, cython.address(room[2]), length)
            self.words[length] = 0
            if self._join(m, -1, asked, self.words, self.path) < 0:
                return 0
            if entry.kind == BIND:
                libc.memset(cython.address(m.pending), 0, cython.sizeof(Pending))
                m.pending.place2 = -1
                m.pending.place = self._place(m, self.path, cython.address(name))
                if m.pending.place >= 0:
                    m.pending.name = asking.strdup(name)
                    m.pending.was = status_at(
                        m.pending.place, m.pending.name, cython.address(m.pending.before)
                    ) == 0  # fmt: skip
                    entry.path = self._text(self.full, libc.strlen(self.full))
                    m.pending.entry = entry[0]
                    self._wait(m)
                    return 0
            entry.path = self._text(self.path, libc.strlen(self.path))
        elif family == libc.AF_INET:
            length = libc.snprintf(
                self.words, WORDS, b"%d.%d.%d.%d:%d", cython.cast(cython.int, room[4]),
                cython.cast(cython.int, room[5]), cython.cast(cython.int, room[6]),
                cython.cast(cython.int, room[7]), cython.cast(cython.int, room[2] << 8 | room[3]),
            )  # fmt: skip
            entry.path = self._text(self.words, length)
        elif family == own.AF_INET6 and size >= 24:
            self.words[0] = b"["[0]
            if asking.inet_ntop(family, cython.address(room[8]), self.words + 1, 64) == cython.NULL:
                return 0
            length = cython.cast(cython.int, libc.strlen(self.words))
            length += libc.snprintf(
                self.words + length, 16, b"]:%d", cython.cast(cython.int, room[2] << 8 | room[3])
            )
            entry.path = self._text(self.words, length)
        else:
            return 0
        return self._put(entry, cython.sizeof(Entry))
