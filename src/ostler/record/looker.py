"""The looker: what a call is about, and what has become of it.

Before a call it is looked what is there, and when its thread asks again, or what it was to do is
seen, what is there then. Where that tells nothing, the call was tried, and no more is said.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.libc import recording as asking
from cython.cimports.ostler.record.calls import (
    AT_NO_FOLLOW,
    ATTRIBUTE,
    BIND,
    CLONE,
    CLONE_HOW,
    CONNECT,
    CREAT,
    CREATE,
    EXCHANGE,
    EXECUTE,
    EXIT,
    EXIT_THREAD,
    LINK,
    MESSAGE,
    MKDIR,
    MKNOD,
    MODE,
    MOUNT,
    NO_FOLLOW,
    OPEN,
    OPEN_HOW,
    OWNER,
    READ,
    REMOVE,
    RENAME,
    RMDIR,
    ROOT,
    SEND,
    SYMLINK,
    TEXT,
    TIMES,
    WRITE,
    Rule,
)  # fmt: skip
from cython.cimports.ostler.record.judging import Judging, failed
from cython.cimports.ostler.record.peek import (
    ROOM,
    WORDS,
    Member,
    Pending,
    Process,
    begin_proof,
    count_use,
    has_ended,
    held_by,
    is_read_only,
    is_touched,
    may,
    may_only_grow,
    name_of,
    owner_of,
    peek_arguments,
    peek_memory,
    peek_string,
    proved,
    status_at,
)  # fmt: skip
from cython.cimports.ostler.record.pieces import DONE, FAILED, TRIED, Entry, Executed

_LOW = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_CACHED = cython.declare(cython.ulonglong, 0x20)  # RESOLVE_CACHED, which finds the same


@cython.cclass
class Looker(Judging):
    """Knows what recorded programs do."""

    def _look(self, member, rule, asked, of_32_bits):
        entry: Entry
        p: cython.pointer(Process) = member.process
        kind: cython.int = rule.kind
        if kind == MOUNT and self.waiting != cython.NULL:
            self._settle_early(cython.NULL)  # what is open keeps it from being unmounted
        if kind == ROOT:
            self._turn(member)
            return 0
        if kind == EXIT_THREAD or kind == EXIT:
            if kind == EXIT or member.tid == p.pid:
                p.status = cython.cast(cython.int, asked.data.args[0] & 0xFF) << 8
                p.ending = True
                count_use(p)
            if kind == EXIT_THREAD and member.tid != p.pid:
                self._forget_member(member)  # which was settled when it asked
            return 0
        if kind == EXECUTE:
            return self._look_at_program(member, rule, asked, of_32_bits)
        if kind == CLONE or kind == CLONE_HOW:
            return self._look_at_thread(member, rule, asked)
        libc.memset(cython.address(entry), 0, cython.sizeof(entry))
        entry.what = b"E"[0]
        entry.kind = rule.kind
        entry.process = p.number
        entry.time = self._now()
        if kind == CONNECT or kind == BIND or kind == SEND:
            if rule.how & MESSAGE:
                return self._look_at_messages(
                    member, rule, asked, cython.address(entry), of_32_bits
                )
            return self._look_at_address(
                member, asked, cython.address(entry), asked.data.args[rule.path],
                asked.data.args[rule.value] & _LOW,
            )  # fmt: skip
        if self._given(member, rule.dir, rule.path, asked, self.path) < 0:
            return 0
        if self.empty and not self._may_be_empty(rule, asked):
            return 0
        if kind == OPEN or kind == OPEN_HOW or kind == CREAT:
            return self._look_at_open(member, rule, asked, cython.address(entry))
        return self._look_at_change(member, rule, asked, cython.address(entry))

    def _may_share(self, parent):
        return not self.hears or self.crossed or parent == cython.NULL or parent.shares

    def _look_at_thread(self, m, rule, asked):
        # By vfork() it stands still until the other one has memory of its own.
        flags: cython.ulonglong = asked.data.args[0]
        if rule.kind == CLONE_HOW and (
            peek_memory(m.tid, flags, cython.address(flags), cython.sizeof(flags)) != 8
        ):
            flags = libc.CLONE_VM
        if flags & libc.CLONE_VM and not flags & libc.CLONE_VFORK:
            m.process.shares = True
            self._lends(m.process)
            if not flags & libc.CLONE_THREAD:
                self.crossed = True
        return 0

    def _look_at_open(self, m, rule, asked, entry):
        flags: cython.ulonglong
        last: cython.ulonglong
        name: cython.p_char
        place: cython.int
        fd: cython.int
        size: cython.long
        how: cython.ulonglong[3]
        if rule.kind == CREAT:
            flags = libc.O_CREAT | libc.O_WRONLY | libc.O_TRUNC
        else:
            flags = asked.data.args[rule.value]
            if rule.kind == OPEN_HOW:
                if peek_memory(m.tid, flags, how, 24) != 24:
                    return 0
                flags = how[0]
                if how[2] & ~_CACHED:
                    return self._look_within(m, asked, entry, flags & _LOW, how[2] & ~_CACHED)
        flags &= _LOW
        if flags & libc.O_PATH:
            return 0
        entry.kind = READ
        if (flags & (libc.O_ACCMODE | libc.O_TRUNC)) != libc.O_RDONLY:
            entry.kind = WRITE
        last = flags & libc.O_NOFOLLOW
        if flags & libc.O_CREAT and flags & libc.O_EXCL:
            last = libc.O_NOFOLLOW
            entry.kind = CREATE
        entry.path2 = cython.cast(cython.uint, flags)
        if (
            flags & libc.O_CREAT and flags & libc.O_TMPFILE != libc.O_TMPFILE
            and self._look_where_it_is_made(m, rule, asked, entry, flags)
        ):  # fmt: skip
            return 0
        fd = self._open_named(m.process, self.path, last, cython.address(size))
        if fd < 0:
            if libc.errno == libc.ENOENT and flags & libc.O_CREAT:
                # It will be made, unless something hinders that.
                place = self._place_to_make(m, not flags & libc.O_EXCL, cython.address(name))
                if place >= 0:
                    return self._will_be_made(m, entry, place, name)
                entry.kind = CREATE
            self._fail(m, entry, libc.errno)
            entry.path = self._text(self.path, libc.strlen(self.path))
            return self._put(entry, cython.sizeof(Entry))
        entry.path = self._text(self.full, size)
        entry.doubt = self._doubtful(m, rule, asked)
        return self._look_at_what_is_there(m, entry, fd, flags)

    def _look_at_what_is_there(self, m, entry, fd, flags):
        # Of what is to be opened. A plain file that may be read is taken to be read. Of all else
        # it is looked afterwards: the kernel has more reasons to refuse it than can be seen.
        status: libc.stat_t
        what: cython.uint = 0
        changes: cython.bint = (flags & (libc.O_ACCMODE | libc.O_TRUNC)) != libc.O_RDONLY
        makes: cython.bint = flags & libc.O_TMPFILE == libc.O_TMPFILE
        if libc.fstat(fd, cython.address(status)) == 0:
            what = status.st_mode & libc.S_IFMT
        if flags & libc.O_CREAT and flags & libc.O_EXCL:
            failed(entry, libc.EEXIST)
        elif what == libc.S_IFLNK:
            failed(entry, libc.ELOOP)
        elif flags & libc.O_DIRECTORY and what != libc.S_IFDIR:
            failed(entry, libc.ENOTDIR)
        elif what == libc.S_IFDIR and not makes and (
            changes or (flags & libc.O_CREAT and not flags & libc.O_DIRECTORY)
        ):  # fmt: skip
            failed(entry, libc.EISDIR)
        elif m.process.uid != self.uid:
            entry.outcome = TRIED
        elif may(fd, libc.W_OK if changes else libc.R_OK) < 0:
            failed(entry, libc.errno)
        elif what == libc.S_IFSOCK:
            failed(entry, libc.ENXIO)
        elif changes and may_only_grow(fd, flags):
            failed(entry, libc.EPERM)
        elif not changes and not flags & (libc.O_NOATIME | libc.O_DIRECT) and (
            what == libc.S_IFREG or what == libc.S_IFDIR
        ):  # fmt: skip
            entry.outcome = DONE
        else:
            return self._will_be_open(m, entry, fd)
        libc.close(fd)
        return self._put(entry, cython.sizeof(Entry))

    def _will_be_open(self, m, entry, fd):
        # If nothing hinders that, by a descriptor that is there then, or by what becomes of it.
        libc.memset(cython.address(m.pending), 0, cython.sizeof(Pending))
        m.pending.place = fd
        m.pending.place2 = -1
        m.pending.was = status_at(fd, cython.NULL, cython.address(m.pending.before)) == 0
        m.pending.held = self._held_by(m.tid, cython.address(m.pending.before))
        m.pending.entry = entry[0]
        self._wait(m)
        return 0

    def _held_by(self, tid, status):
        return held_by(tid, status)

    def _will_be_made(self, m, entry, place, name):
        # Unless something hinders that.
        entry.kind = CREATE
        entry.path = self._text(self.full, libc.strlen(self.full))
        m.pending.entry = entry[0]
        m.pending.place = place
        m.pending.place2 = -1
        m.pending.name = asking.strdup(name)
        m.pending.name2 = cython.NULL
        m.pending.was = False
        self._wait(m)
        return 0

    def _look_where_it_is_made(self, m, rule, asked, entry, flags):
        # In the directory alone: what is not there, and plain files; whether that was enough.
        status: libc.stat_t
        name: cython.p_char
        size: cython.size_t = libc.strlen(self.path)
        place: cython.int
        fd: cython.int
        if size < 2 or self.path[size - 1] == b"/"[0] or self.path[size - 1] == b"."[0]:
            return False  # no name, perhaps
        place = self._place(m, self.path, cython.address(name))
        if place < 0:
            return False
        if status_at(place, name, cython.address(status)) < 0:
            if libc.errno == libc.ENOENT:
                self._will_be_made(m, entry, place, name)
                return True
        elif (status.st_mode & libc.S_IFMT) == libc.S_IFREG:
            fd = libc.openat(place, name, libc.O_PATH | libc.O_NOFOLLOW | libc.O_CLOEXEC)
            libc.close(place)
            if fd < 0:
                return False
            entry.path = self._text(self.full, libc.strlen(self.full))
            entry.doubt = self._doubtful(m, rule, asked)
            self._look_at_what_is_there(m, entry, fd, flags)
            return True
        libc.close(place)
        return False

    def _look_within(self, m, asked, entry, flags, resolve):
        # What openat2() finds that was told how to look: as the kernel does it from the same place.
        how: libc.open_how
        name: cython.char[64]
        fd: cython.int
        place: cython.int = cython.cast(cython.int, asked.data.args[0])
        if flags & libc.O_PATH:
            return 0
        if place == libc.AT_FDCWD:
            libc.snprintf(name, 64, b"/proc/%d/cwd", m.tid)
            place = libc.openat(libc.AT_FDCWD, name, libc.O_PATH | libc.O_CLOEXEC)
        else:
            place = self._open_itself(m, place)
        if place < 0:
            return 0
        how.flags = libc.O_PATH | libc.O_CLOEXEC | (flags & libc.O_NOFOLLOW)
        how.mode = 0
        how.resolve = resolve
        fd = libc.openat2(place, self.first, cython.address(how))
        entry.kind = READ
        if (flags & (libc.O_ACCMODE | libc.O_TRUNC)) != libc.O_RDONLY:
            entry.kind = WRITE
        entry.path2 = cython.cast(cython.uint, flags)
        entry.outcome = TRIED
        if fd >= 0:
            entry.path = self._text(self.full, name_of(self.descriptors, fd, self.full))
            if flags & libc.O_CREAT and flags & libc.O_EXCL:
                entry.kind = CREATE
            libc.close(place)
            return self._look_at_what_is_there(m, entry, fd, flags)
        else:
            if libc.errno == libc.ENOENT and flags & libc.O_CREAT:
                entry.kind = CREATE  # and whether it was made nobody looks
            else:
                self._fail(m, entry, libc.errno)
            entry.path = self._text(self.path, libc.strlen(self.path))
        libc.close(place)
        return self._put(entry, cython.sizeof(Entry))

    def _look_at_change(self, m, rule, asked, entry):
        pending: cython.pointer(Pending) = cython.address(m.pending)
        name: cython.p_char = cython.NULL
        flags: cython.ulonglong = 0
        kind: cython.int = rule.kind
        number: cython.int
        other: libc.stat_t
        follow: cython.bint = not rule.how & NO_FOLLOW
        length: cython.long
        itself: cython.int = self.itself
        fd: cython.int
        if rule.value >= 0:
            entry.path2 = cython.cast(cython.uint, asked.data.args[rule.value])
        if rule.how & AT_NO_FOLLOW:
            flags = asked.data.args[3 if rule.path == 1 and rule.kind != OWNER else 4]
            if rule.kind == ATTRIBUTE:
                flags = asked.data.args[2]
            follow = not flags & libc.AT_SYMLINK_NOFOLLOW
        if rule.kind == REMOVE and rule.value >= 0 and entry.path2 & libc.AT_REMOVEDIR:
            entry.kind = RMDIR
        libc.memset(pending, 0, cython.sizeof(Pending))
        pending.place2 = -1
        if rule.path2 >= 0:
            # The second one first, as the kernel looks for what is to be linked.
            if rule.how & TEXT:
                if peek_string(
                    m.tid, asked.data.args[rule.path2], self.path2, libc.PATH_MAX
                ) < 0:  # fmt: skip
                    self.path2[0] = 0
                entry.path2 = self._text(self.path2, libc.strlen(self.path2))
            elif self._given(m, rule.dir2, rule.path2, asked, self.path2) < 0 or (
                self.empty and not (kind == LINK and self._may_be_empty(rule, asked))
            ):  # fmt: skip
                return 0
            else:
                if self.empty:
                    pending.place2 = self._open_itself(m, self.itself)
                    asking.strcpy(self.full, self.path2)
                else:
                    pending.place2 = self._place(m, self.path2, cython.address(name))
                if pending.place2 < 0:
                    pending.number = libc.errno
                entry.path2 = self._text(self.full, libc.strlen(self.full))
                if name != cython.NULL:
                    pending.name2 = asking.strdup(name)
                    name = cython.NULL
                if kind == LINK and pending.number == 0 and (
                    status_at(pending.place2, pending.name2, cython.address(pending.before)) < 0
                ):  # fmt: skip
                    pending.number = libc.errno
        if itself >= 0:
            pending.place = self._open_itself(m, itself)
            asking.strcpy(self.full, self.path)
        elif follow:
            pending.place = self._open_named(m.process, self.path, 0, cython.address(length))
        else:
            pending.place = self._place(m, self.path, cython.address(name))
            if pending.place >= 0 and _is_about_itself(kind):
                # So that it is the same one afterwards, whatever has its name.
                fd = libc.openat(
                    pending.place, name, libc.O_PATH | libc.O_NOFOLLOW | libc.O_CLOEXEC
                )
                if fd >= 0:
                    libc.close(pending.place)
                    pending.place = fd
                    name = cython.NULL
        if pending.place < 0 or (kind == LINK and pending.number):
            number = libc.errno
            if kind == LINK and pending.number:
                number = pending.number
            self._fail(m, entry, number)
            entry.path = self._text(self.path, libc.strlen(self.path))
            pending.entry.what = 1  # so that what is open is closed
            self._drop_pending(pending)
            return self._put(entry, cython.sizeof(Entry))
        entry.path = self._text(self.full, libc.strlen(self.full))
        if name != cython.NULL:
            pending.name = asking.strdup(name)
        pending.was = status_at(pending.place, pending.name, cython.address(pending.before)) == 0
        missing: cython.int = 0 if pending.was else libc.errno
        if kind == RENAME and not pending.was and pending.number == 0:
            # Both directories are searched before the first name is looked for.
            if status_at(pending.place2, pending.name2, cython.address(other)) < 0:
                pending.number = libc.EACCES if libc.errno == libc.EACCES else 0
        if kind == RENAME and pending.was and pending.place2 >= 0:
            pending.same = (
                status_at(pending.place2, pending.name2, cython.address(other)) == 0
                and other.st_ino == pending.before.st_ino
                and other.st_dev == pending.before.st_dev
            )
            pending.swaps = (
                rule.how & EXCHANGE and asked.data.args[rule.value] & libc.RENAME_EXCHANGE != 0
            )
        entry.doubt = self._doubtful(m, rule, asked)
        pending.entry = entry[0]
        if kind == MOUNT or self._is_settled(m, pending, entry, missing):
            # Nothing is kept open: it would keep a file system from being unmounted.
            self._put(entry, cython.sizeof(Entry))
            return self._drop_pending(pending)
        self._wait(m)
        return 0

    def _is_settled(self, m, pending, entry, missing):
        # Whether it can only fail: what is to be made is there already, or what is meant is not.
        # `missing`: the errno of looking for that.
        kind: cython.int = entry.kind
        if kind == MKDIR or kind == MKNOD or kind == SYMLINK or kind == LINK:
            if pending.was:
                failed(entry, libc.EEXIST)
        elif not pending.was:
            if missing == libc.EACCES:
                self._fail(m, entry, missing)
            else:
                failed(entry, pending.number or missing)
        return entry.outcome == FAILED

    def _settle_early(self, but):
        # What others have done since may soon not be seen any more.
        kind: cython.int
        m: cython.pointer(Member) = self.waiting
        following: cython.pointer(Member)
        while m:
            following = m.later
            if m != but:
                self._settle(m, False)
                kind = m.pending.entry.kind
                if m.waits and (
                    has_ended(m.process)
                    or (but == cython.NULL and (kind == READ or kind == WRITE))
                ):  # fmt: skip
                    self._settle(m, True)
            m = following
        return 0

    def _settle(self, m, finally_):
        # What has become of a call; `finally_`: its thread asks again, or is at its end.
        pending: cython.pointer(Pending) = cython.address(m.pending)
        entry: cython.pointer(Entry) = cython.address(pending.entry)
        now: libc.stat_t
        other: libc.stat_t
        there: cython.bint = status_at(pending.place, pending.name, cython.address(now)) == 0
        kind: cython.int = entry.kind
        same: cython.bint = (
            there and pending.was and now.st_ino == pending.before.st_ino
            and now.st_dev == pending.before.st_dev
        )  # fmt: skip
        number: cython.int = 0
        untouched: cython.bint = False
        entry.outcome = FAILED
        if kind == CREATE or kind == MKDIR or kind == MKNOD or kind == SYMLINK or kind == LINK:
            if there:
                entry.outcome = DONE
        elif kind == BIND:
            entry.outcome = DONE if there and not pending.was else FAILED
            number = asking.EADDRINUSE if pending.was else 0
        elif kind == REMOVE or kind == RMDIR:
            if not same:
                entry.outcome = DONE
        elif kind == RENAME:
            number = pending.number
            if not number and pending.same:
                entry.outcome = TRIED  # two names of one file: nothing is done then
            elif not number and pending.place2 >= 0 and (
                status_at(pending.place2, pending.name2, cython.address(other)) == 0
                and other.st_ino == pending.before.st_ino
                and other.st_dev == pending.before.st_dev
                and not same
            ):  # fmt: skip
                entry.outcome = DONE
        elif there and kind != READ and is_touched(
            cython.address(pending.before), cython.address(now)
        ):  # fmt: skip
            entry.outcome = DONE
        elif kind == READ or kind == WRITE:
            entry.outcome = TRIED
            if there and finally_ and self._held_by(m.tid, cython.address(now)) & ~pending.held:
                entry.outcome = DONE
        else:
            # Where the clock of the file system is a coarse one, it can't be told.
            entry.outcome, untouched = TRIED, True
        if entry.outcome != DONE and not finally_:
            return 0
        self._wait_no_more(m)
        if (entry.outcome == FAILED and number == 0) or untouched:
            number = self._hindered(m, pending)
        if number and (entry.outcome == FAILED or number == libc.EROFS):
            failed(entry, number)
        self._put(entry, cython.sizeof(Entry))
        if pending.swaps and entry.outcome == DONE:
            path: cython.uint = entry.path
            entry.path = entry.path2
            entry.path2 = path
            self._put(entry, cython.sizeof(Entry))
        self._drop_pending(pending)
        return 0

    def _look_at_program(self, m, rule, asked, of_32_bits):
        p: cython.pointer(Process) = m.process
        e: cython.pointer(Executed) = cython.address(p.executed)
        fd: cython.int
        size: cython.long
        number: cython.int = 0
        if self._given(m, rule.dir, rule.path, asked, self.path) < 0:
            return 0
        if self.empty and not self._may_be_empty(rule, asked):
            return 0
        itself: cython.int = self.itself
        if p.executes:  # another thread has tried to: of two at once nobody knows
            e.outcome = TRIED
            self._put(e, cython.sizeof(Executed))
            p.executes = False
        libc.memset(e, 0, cython.sizeof(Executed))
        e.what = b"X"[0]
        e.process = p.number
        e.time = self._now()
        e.uid = p.uid
        if self._cwd(m.tid, self.full) > 0:
            e.cwd = self._text(self.full, libc.strlen(self.full))
        size = peek_arguments(
            m.tid, asked.data.args[rule.value], self.words, of_32_bits, cython.address(e.cut)
        )
        e.arguments = self._text(self.words, cython.cast(cython.uint, size))
        if itself < 0:
            fd = self._open_named(p, self.path, 0, cython.address(size))
        else:
            fd = self._open_itself(m, itself)
        if fd < 0:
            number = libc.errno
            e.program = self._text(self.path, libc.strlen(self.path))
        else:
            if itself >= 0:
                size = name_of(self.descriptors, fd, self.full)
            e.program = self._text(self.full, cython.cast(cython.uint, size))
            if p.uid == self.uid and may(fd, libc.X_OK) < 0:
                number = libc.errno
            libc.close(fd)
        if number and not self._only_here(m, number):
            e.outcome = FAILED
            e.number = cython.cast(cython.uchar, number)
            return self._put(e, cython.sizeof(Executed))
        begin_proof(m.tid, asked.data.instruction_pointer, cython.address(p.proof))
        p.executes = True
        p.executor = m.tid
        return 0

    def _settle_program(self, p, asks):
        # Whether it runs the program that it wanted to: each begins upon a stack of its own.
        runs: cython.int = proved(asks, cython.address(p.proof))
        if asks != p.executor and runs != 1:
            return 0  # another thread, while that one is about to
        p.executes = False
        p.executed.outcome = TRIED
        if runs >= 0:
            p.executed.outcome = DONE if runs else FAILED
        if p.executed.outcome != FAILED:
            p.uid = owner_of(p)
            p.executed.uid = p.uid
            if asks == p.pid:
                self._forget_members(p, p.pid)  # all other threads are at their end
            if p.executed.outcome == DONE:
                p.apart = True
                if self.hears:
                    p.shares = False
        return self._put(cython.address(p.executed), cython.sizeof(Executed))


def _is_about_itself(kind):
    # And not about its name, which it has or will have.
    return kind == MODE or kind == OWNER or kind == TIMES or kind == ATTRIBUTE
