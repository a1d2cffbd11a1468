"""What has come of calls: what the looker finds before one is kept until the kernel tells its end.

The outcome and the errno are the call's own then. Of what was opened the path is that of the new
descriptor; of all else it is the one that was found before, and where the text of it, or the
directory that it begins at, is another one afterwards, it stands in doubt.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc import recording as asking
from cython.cimports.ostler.core.libc import tracing
from cython.cimports.ostler.record.calls import (
    BIND,
    CONNECT,
    CREAT,
    CREATE,
    EXECUTE,
    EXIT,
    EXIT_THREAD,
    OPEN,
    OPEN_HOW,
    READ,
    REMOVE,
    RENAME,
    RMDIR,
    ROOT,
    SEND,
    SEVERAL,
    SOCKETCALL,
    TEXT,
    WRITE,
    Rule,
)  # fmt: skip
from cython.cimports.ostler.record.lookout import Lookout
from cython.cimports.ostler.record.peek import (
    Member,
    Pending,
    name_of,
    owner_of,
    peek_memory,
    peek_string,
    status_at,
)  # fmt: skip
from cython.cimports.ostler.record.pieces import DONE, FAILED, TRIED, Entry, Executed

_LOW = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_TIME = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFF)
_BASIS = cython.declare(cython.ulonglong, 0xCBF29CE484222325)  # of the hash FNV-1a
_PRIME = cython.declare(cython.ulonglong, 0x100000001B3)
_CACHED = cython.declare(cython.ulonglong, 0x20)  # RESOLVE_CACHED, which finds the same
_DELETED = cython.declare(cython.p_char, b" (deleted)")
_MOST = cython.declare(cython.int, 64)  # entries of one call


@cython.cclass
class Results(Lookout):
    """Knows what has come of what recorded programs do."""

    def __cinit__(self, out: cython.int, socket: cython.int):
        self.holding = cython.NULL
        self.texting = 0

    # What the looker tells is kept while a call is under way.

    def _text(self, text, size):
        number: cython.uint
        self.texting += 1
        number = Lookout._text(self, text, size)
        self.texting -= 1
        return number

    def _put(self, piece, size):
        what: cython.uchar = cython.cast(cython.pointer(cython.uchar), piece)[0]
        if self.holding != cython.NULL and not self.texting:
            if what == b"E"[0]:
                return self._hold(self.holding, cython.cast(cython.pointer(Entry), piece))
            if what == b"X"[0]:
                self.holding.executes = True
                libc.memcpy(cython.address(self.holding.executed), piece, cython.sizeof(Executed))
                return 0
        return Lookout._put(self, piece, size)

    def _hold(self, u, entry):
        if u.count == 0:
            u.entry = entry[0]
        elif u.more == cython.NULL:
            u.more = cython.cast(
                cython.pointer(Entry), libc.calloc(_MOST + 1, cython.sizeof(Entry))
            )
            u.which = cython.cast(cython.p_int, libc.calloc(_MOST + 1, cython.sizeof(cython.int)))
            if u.more == cython.NULL or u.which == cython.NULL:
                self.error = libc.ENOMEM
                return 0
            u.more[0] = u.entry
        if u.more != cython.NULL and u.which != cython.NULL and u.count <= _MOST:
            u.more[u.count] = entry[0]
            u.which[u.count] = self.message
        elif u.count:
            return 0
        u.count += 1
        return 0

    # The beginning of a call.

    def _held_by(self, tid, status):
        return 0  # of what is opened the kernel tells the descriptor

    def _begin(self, m, rule, told, tid, of_32_bits):
        # NULL: nothing of it is to be told.
        u: cython.pointer(Underway) = cython.cast(
            cython.pointer(Underway), libc.calloc(1, cython.sizeof(Underway))
        )
        if u == cython.NULL:
            self.error = libc.ENOMEM
            return u
        u.number = cython.cast(cython.int, told.number)
        u.arch = told.arch
        u.at = told.at
        u.stack = told.stack
        u.asked.pid = tid
        u.asked.data.nr = u.number
        u.asked.data.arch = told.arch
        u.asked.data.instruction_pointer = told.at
        libc.memcpy(u.asked.data.args, told.args, cython.sizeof(u.asked.data.args))
        if rule.kind == SOCKETCALL:
            rule = self._of_socketcall(tid, cython.address(u.asked))
            if rule == cython.NULL:
                libc.free(u)
                return cython.NULL
        u.rule = rule
        u.kind = rule.kind
        self.cwd_size = 0
        self.message = 0
        if u.kind == EXIT or u.kind == EXIT_THREAD:
            self._look(m, rule, cython.address(u.asked), of_32_bits)
            libc.free(u)
            return cython.NULL
        self.holding = u
        if not self._begin_open(m, u):
            self._look(m, rule, cython.address(u.asked), of_32_bits)
        self.holding = cython.NULL
        if u.kind == EXECUTE and m.process.executes:
            m.process.executes = False  # so that each thread has its own
            u.executed = m.process.executed
            u.executes = True
        if m.waits:
            self._take_pending(m, u)
        if u.count == 0 and not u.executes and u.kind != ROOT:
            self._drop(u)
            return cython.NULL
        u.shared = m.process.shares
        if not u.shared:
            self._drop_pending(cython.address(u.pending))
        if u.count and u.shared and not u.text and rule.path >= 0 and not _has_address(u.kind):
            u.text = _hash(self.first)
            self._look_where_it_begins(u, rule.dir, self.first, cython.address(u.base))
            if rule.path2 >= 0 and not rule.how & TEXT:
                u.text2 = self._read_again(tid, rule.path2, u)
                self._look_where_it_begins(u, rule.dir2, self.again, cython.address(u.base2))
        return u

    def _take_pending(self, m, u):
        # What came of it need not be found out by it afterwards, but where.
        self._wait_no_more(m)
        self._hold(u, cython.address(m.pending.entry))
        u.swaps = m.pending.swaps
        u.pending = m.pending
        libc.memset(cython.address(m.pending), 0, cython.sizeof(Pending))
        m.pending.place = m.pending.place2 = -1
        return 0

    def _begin_open(self, m, u):
        # Whether nothing more has to be looked at before an open: what it opens will have a name.
        entry: Entry
        rule: cython.pointer(Rule) = u.rule
        how: cython.ulonglong[3]
        flags: cython.ulonglong
        if u.kind == CREAT:
            flags = libc.O_CREAT | libc.O_WRONLY | libc.O_TRUNC
        elif u.kind == OPEN:
            flags = u.asked.data.args[rule.value] & _LOW
        elif u.kind == OPEN_HOW:
            if peek_memory(m.tid, u.asked.data.args[rule.value], how, 24) != 24:
                return True
            flags = how[0] & _LOW
            u.opens = flags & libc.O_TMPFILE != libc.O_TMPFILE
            if how[2] & ~_CACHED:
                return False
        else:
            return False
        u.opens = flags & libc.O_TMPFILE != libc.O_TMPFILE
        if flags & libc.O_PATH:
            return True
        if not u.opens or (flags & libc.O_CREAT and not flags & libc.O_EXCL):
            return False  # whether it was there before is to be told, too
        if self._given(m, rule.dir, rule.path, cython.address(u.asked), self.path) < 0:
            return True
        if self.empty:
            return True
        libc.memset(cython.address(entry), 0, cython.sizeof(entry))
        entry.what = b"E"[0]
        entry.process = m.process.number
        entry.time = self._now()
        entry.kind = READ
        if flags & libc.O_CREAT:
            entry.kind = CREATE
        elif (flags & (libc.O_ACCMODE | libc.O_TRUNC)) != libc.O_RDONLY:
            entry.kind = WRITE
        entry.path2 = cython.cast(cython.uint, flags)
        u.path = asking.strdup(self.path)
        u.outside = self.outside
        if m.process.shares:
            u.text = _hash(self.first)
            self._look_where_it_begins(u, rule.dir, self.first, cython.address(u.base))
        self._hold(u, cython.address(entry))
        return True

    def _look_where_it_begins(self, u, dir, text, base):
        # The directory that a path is relative to, of which the name may change.
        name: cython.char[64]
        status: libc.stat_t
        fd: cython.int = libc.AT_FDCWD
        if text[0] == b"/"[0]:
            return 0
        if dir >= 0:
            fd = cython.cast(cython.int, u.asked.data.args[dir])
        if fd == libc.AT_FDCWD:
            libc.snprintf(name, 64, b"/proc/%d/cwd", u.asked.pid)
        else:
            libc.snprintf(name, 64, b"/proc/%d/fd/%d", u.asked.pid, fd)
        if libc.fstatat(libc.AT_FDCWD, name, cython.address(status), 0) == 0:
            base.device = status.st_dev
            base.inode = status.st_ino
        return 0

    def _read_again(self, tid, path, u):
        self.again[0] = 0
        if u.asked.data.args[path] == 0:
            return _hash(self.again)
        if peek_string(tid, u.asked.data.args[path], self.again, libc.PATH_MAX) < 0:
            return 1
        return _hash(self.again)

    def _begins_elsewhere(self, u, dir, before):
        # Of a path that was just read again.
        base: Base
        base.device = base.inode = 0
        self._look_where_it_begins(u, dir, self.again, cython.address(base))
        return base.inode != before.inode or base.device != before.device

    # The end of a call.

    def _end(self, m, u, value):
        entry: cython.pointer(Entry)
        i: cython.int
        number: cython.int = 0
        if value < 0:
            number = cython.cast(cython.int, -value)
        if u.kind == ROOT:
            self._turned(m)
        if u.executes:
            u.executed.number = cython.cast(cython.uchar, number)
            return self._end_program(m, u, False)
        self.cwd_size = 0
        entry = _first(u)
        if u.opens and value >= 0:
            self._name_opened(m, u, cython.cast(cython.int, value))
        elif u.opens:
            self._name_missed(m, u, number)
        if u.text and not (u.opens and value >= 0):
            # The kernel reads and finds it somewhere between: twice the same is what it had.
            if self._read_again(m.tid, u.rule.path, u) != u.text:
                entry.doubt = True
            elif self._begins_elsewhere(u, u.rule.dir, cython.address(u.base)):
                entry.doubt = True
            if u.text2 and self._read_again(m.tid, u.rule.path2, u) != u.text2:
                entry.doubt = True
            elif u.text2 and self._begins_elsewhere(u, u.rule.dir2, cython.address(u.base2)):
                entry.doubt = True
        if number == 0 and u.pending.name != cython.NULL and not u.opens and self._is_elsewhere(u):
            entry.doubt = True
        for i in range(u.count):
            entry[i].time &= _TIME
            entry[i].outcome = DONE
            if number:
                entry[i].outcome = FAILED
                entry[i].time |= cython.cast(cython.ulonglong, number & 0xFFFF) << 48
                if u.kind == CONNECT and number == tracing.EINPROGRESS:
                    entry[i].outcome = TRIED
            if u.rule.how & SEVERAL:
                # It ends with the first one that fails, and tells that only if nothing was sent.
                if number and i:
                    break
                if number == 0 and (u.which[i] if u.which != cython.NULL else 0) >= value:
                    break
            self._put(cython.address(entry[i]), cython.sizeof(Entry))
        if u.swaps and number == 0:
            entry[0].path, entry[0].path2 = entry[0].path2, entry[0].path
            self._put(cython.address(entry[0]), cython.sizeof(Entry))
        return 0

    def _is_elsewhere(self, u):
        # Whether a name is not there that was made, or is that was removed.
        pending: cython.pointer(Pending) = cython.address(u.pending)
        status: libc.stat_t
        if u.kind == RENAME:
            return status_at(pending.place2, pending.name2, cython.address(status)) < 0
        there: cython.bint = status_at(
            pending.place, pending.name, cython.address(status)
        ) == 0  # fmt: skip
        if u.kind == REMOVE or u.kind == RMDIR:
            return there
        return not there

    def _end_program(self, m, u, runs):
        u.executed.outcome = DONE if runs else FAILED
        if runs:
            u.executed.number = 0
            m.process.uid = owner_of(m.process)
            u.executed.uid = m.process.uid
            m.process.apart = True
            m.process.shares = False
            self._forget_members(m.process, m.process.pid)
        return self._put(cython.address(u.executed), cython.sizeof(Executed))

    def _name_opened(self, m, u, fd):
        # By the new descriptor, which no other thread can have closed unless it guesses it.
        name: cython.char[64]
        status: libc.stat_t
        size: cython.size_t
        end: cython.size_t = libc.strlen(_DELETED)
        entry: cython.pointer(Entry) = _first(u)
        entry.doubt = False
        if self._of_fd(m, fd, self.full) < 0:
            return 0  # it has none, as a pipe
        size = libc.strlen(self.full)
        if size > end and libc.strcmp(self.full + size - end, _DELETED) == 0:
            libc.snprintf(name, 64, b"/proc/%d/fd/%d", m.tid, fd)
            if (
                libc.fstatat(libc.AT_FDCWD, name, cython.address(status), 0) == 0
                and status.st_nlink == 0
            ):
                size -= end  # meanwhile
        entry.path = self._text(self.full, cython.cast(cython.uint, size))
        return 0

    def _name_missed(self, m, u, number):
        # What could not be opened has a name, too, if it is there.
        fd: cython.int
        size: cython.long
        entry: cython.pointer(Entry) = _first(u)
        flags: cython.ulonglong = 0
        if u.path == cython.NULL:
            return 0
        if number != libc.ENOENT and number != libc.ENOTDIR:
            if number == libc.ELOOP or number == libc.EEXIST:
                flags = libc.O_NOFOLLOW
            asking.strcpy(self.path, u.path)
            self._is_outside(self.path, u.outside)
            fd = self._open(m.process, self.path, flags)
            if fd >= 0:
                size = name_of(self.descriptors, fd, self.full)
                libc.close(fd)
                if size > 0:
                    entry.path = self._text(self.full, cython.cast(cython.uint, size))
                    return 0
        entry.path = self._text(u.path, cython.cast(cython.uint, libc.strlen(u.path)))
        return 0

    def _lose(self, u):
        # Its thread was killed in the midst of it: what has become of it nobody is told.
        i: cython.int
        entry: cython.pointer(Entry) = _first(u)
        if u.executes:
            u.executed.outcome = TRIED
            u.executed.number = 0
            self._put(cython.address(u.executed), cython.sizeof(Executed))
        if u.opens and u.path != cython.NULL and entry.path == 0:
            entry.path = self._text(u.path, cython.cast(cython.uint, libc.strlen(u.path)))
        for i in range(u.count):
            entry[i].time &= _TIME
            entry[i].outcome = TRIED
            self._put(cython.address(entry[i]), cython.sizeof(Entry))
        return 0

    def _drop(self, u):
        self._drop_pending(cython.address(u.pending))
        libc.free(u.path)
        libc.free(u.more)
        libc.free(u.which)
        libc.free(u)
        return 0


def _first(u):
    return u.more if u.more != cython.NULL else cython.address(u.entry)


def _has_address(kind):
    # Whether it is no path that it has.
    return kind == CONNECT or kind == BIND or kind == SEND


def _hash(text):
    # Never 0, which says that there is none.
    found: cython.ulonglong = _BASIS
    i: cython.size_t = 0
    while text[i]:
        found = (found ^ cython.cast(cython.uchar, text[i])) * _PRIME
        i += 1
    return found | 2
