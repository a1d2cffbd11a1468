"""Judging: why a call can only fail, and whether that is so for the program, too."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.record.addresses import Addresses
from cython.cimports.ostler.record.calls import (
    ATTRIBUTE,
    LINKING,
    MAY_BE_EMPTY,
    MODE,
    MOUNT,
    RENAME,
    TIMES,
)
from cython.cimports.ostler.record.peek import is_read_only, may, peek_string, status_at
from cython.cimports.ostler.record.pieces import FAILED, TRIED

_NO_PATH_TO = cython.declare(cython.ulonglong, 0x40)  # MOVE_MOUNT_T_EMPTY_PATH


@cython.cclass
class Judging(Addresses):
    """Knows what can be said of a call before it is made."""

    def __cinit__(self, out: cython.int, socket: cython.int):
        self.uid = libc.geteuid()

    def _only_here(self, m, number):
        # Whether a lookup failed for what is so with this process, and not with the one that asks.
        if self.outside or self.outside2:
            return True
        if number == libc.EXDEV:
            return True  # a link of the kernel's, which can't be followed from here
        if number == libc.EACCES:
            return m.process.uid != self.uid
        return number == libc.EMFILE or number == libc.ENFILE or number == libc.ENOMEM

    def _fail(self, m, entry, number):
        # What can't be found has failed, unless nobody knows.
        if self._only_here(m, number):
            entry.outcome = TRIED
        else:
            failed(entry, number)
        return 0

    def _may_be_empty(self, rule, asked):
        # Whether a call without a path is about the descriptor; all others fail.
        kind: cython.int = rule.kind
        flags: cython.ulonglong
        if not rule.how & (MAY_BE_EMPTY | LINKING):
            return False
        if self.empty == 2:
            return kind == TIMES
        if kind == MOUNT:
            return asked.data.args[4] & _NO_PATH_TO != 0
        if kind == MODE or kind == TIMES:
            flags = asked.data.args[3]
        elif kind == ATTRIBUTE:
            flags = asked.data.args[2]
        else:
            flags = asked.data.args[4]
        return flags & libc.AT_EMPTY_PATH != 0

    def _hindered(self, m, pending):
        # The errno of what can be seen to hinder a change; 0: nobody knows.
        moves: cython.bint = pending.entry.kind == RENAME and pending.place2 >= 0
        if is_read_only(pending.place) or (moves and is_read_only(pending.place2)):
            return libc.EROFS
        if pending.name == cython.NULL or m.process.uid != self.uid:
            return 0
        if may(pending.place, libc.X_OK) < 0 or (moves and may(pending.place2, libc.X_OK) < 0):
            return libc.EACCES if libc.errno == libc.EACCES else 0
        if moves and _may_be_above(pending):
            return 0  # this comes before the right to write
        if may(pending.place, libc.W_OK) < 0 or (moves and may(pending.place2, libc.W_OK) < 0):
            return libc.EACCES if libc.errno == libc.EACCES else 0
        return 0

    def _doubtful(self, m, rule, asked):
        # Whether the path is another one when it is read again.
        if not m.process.shares or rule.path < 0 or self.empty == 2:
            return False
        if peek_string(m.tid, asked.data.args[rule.path], self.again, libc.PATH_MAX) < 0:
            return False
        return libc.strcmp(self.again, self.first) != 0


def failed(entry, number):
    # Where the errno stands: see pieces.pxd.
    entry.outcome = FAILED
    entry.time |= cython.cast(cython.ulonglong, number & 0xFFFF) << 48
    return 0


def _may_be_above(pending):
    # Whether what is renamed, or replaced, may be a directory on the way to the other name.
    other: libc.stat_t
    if libc.S_ISDIR(pending.before.st_mode):
        return True
    if status_at(pending.place2, pending.name2, cython.address(other)) < 0:
        return False
    return libc.S_ISDIR(other.st_mode)
