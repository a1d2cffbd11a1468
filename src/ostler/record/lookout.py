"""The lookout over programs that are recorded: a thread of its own, which never has the GIL.

The kernel asks it before each call that the filter picks out, and the program stands still until
it has an answer, which always is: go on. So whatever takes long, or may fail, must not keep the
program; what can't be found out is left out, and what can't be written down is told at the end.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import plain_failure
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.libc import recording as asking
from cython.cimports.ostler.core.libc import tracing
from cython.cimports.ostler.core.spawn import close_from
from cython.cimports.ostler.record.calls import (
    CLONE,
    CLONE_HOW,
    EXECUTE,
    OPEN,
    SOCKETCALL,
    CallRules,
    Rule,
)
from cython.cimports.ostler.record.crowd import CROWD
from cython.cimports.ostler.record.looker import Looker
from cython.cimports.ostler.record.peek import Member, Process, peek_memory
from cython.cimports.ostler.record.pieces import clock

_EPOLL = cython.declare(cython.int, 0)  # places of what is polled; listeners come after
_WAKE = cython.declare(cython.int, 1)
_SOCKET = cython.declare(cython.int, 2)
_LISTENER = cython.declare(cython.ulonglong, 3 << 32)
_PROCESS = cython.declare(cython.ulonglong, 4 << 32)
_LOW = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_FOREVER = cython.declare(cython.long, 0x7FFFFFFFFFFFFFFF)
_MANY = cython.declare(cython.int, 1000)  # times that it is looked for more
_BUSY = cython.declare(cython.int, 2)  # milliseconds for which nobody asks anything
_SOON = cython.declare(cython.int, 5)  # the same, where somebody reads along
_LOOKS = cython.declare(cython.ulonglong, 1_000_000)  # nanoseconds
_IDLE = cython.declare(cython.int, 100)  # milliseconds after which what was seen is in the file


@cython.cclass
class Lookout(Looker):
    """Writes what recorded programs do to `out`, a descriptor, which stays the caller's.

    `socket`: where their listeners come in (see core/spawn.pxd). serve() is to be called in a
    thread; it returns when end() was called and no recorded program is left.
    """

    def __cinit__(self, out: cython.int, socket: cython.int):
        self.rules = CallRules()
        self.socket = socket
        self.wake = libc.eventfd(0, libc.EFD_CLOEXEC | libc.EFD_NONBLOCK)
        self.highest = max(self.epoll, self.wake)
        if self.wake < 0:
            raise plain_failure(libc.errno)
        self._poll(self.epoll)
        self._poll(self.wake)
        self._poll(socket)

    def __dealloc__(self):
        if self.wake > 0:
            libc.close(self.wake)

    def serve(self):
        """Answer until the end, or until it is to be left."""
        before: libc.sigset_t
        self.leaves = False
        with cython.nogil:
            tracing.ostler_block(cython.address(before))  # which would interrupt what it looks at
            tracing.ostler_block_but_ids()
            self._serve()
            tracing.ostler_unblock(cython.address(before))

    def flush(self):
        """Have all that was seen be written down; how often that was asked for."""
        self.asked += 1
        libc.eventfd_write(self.wake, 1)
        return self.asked

    def flushed(self):
        """How often all that was seen has been written down since it was asked for."""
        return self.done

    def tell(self, news):
        """Write to an eventfd whenever something has been written down, which is then at once."""
        self.news = news

    def end(self, quiet):
        """No more programs will come. `quiet`: nothing is written down any more, either."""
        self.ends = True
        self.hushes = self.hushes or quiet
        libc.eventfd_write(self.wake, 1)

    def forget(self, size):
        """Give back the room of the first bytes of the file, which nobody will read again."""
        asking.fallocate(
            self.out, asking.FALLOC_FL_PUNCH_HOLE | asking.FALLOC_FL_KEEP_SIZE, 0, size
        )  # fmt: skip

    def hear_of_threads(self):
        """The filter asks for each beginning of what shares memory: nobody else is looked for."""
        self.hears = True

    def answer_only(self):
        """Look at nothing from the beginning, so that what answering alone costs is measured."""
        self.quiet = True

    def leave(self):
        """Answer no more, whoever is left: another process does."""
        self.leaves = True
        libc.eventfd_write(self.wake, 1)

    def abandon(self):
        """Close what programs are answered by: this is a fork of the process that does it.

        Else whoever is asked when that has been killed would wait for an answer for ever.
        """
        i: cython.int
        for i in range(_SOCKET + 1, self.polls):
            libc.close(self.polled[i].fd)
        self.polls = _SOCKET + 1

    def stand_in(self):
        """Have a copy of this process go on answering, with nothing else of it open; its pid.

        At the end of the interpreter os.fork() is refused, since the copy could run no Python; this
        one never does.
        """
        pid: libc.pid_t = libc.fork()
        if pid < 0:
            raise plain_failure(libc.errno)
        if pid == 0:
            with cython.nogil:
                self._answer_alone()
        return pid

    @property
    def living(self):
        """How many programs that were started are not at their end, with what they started."""
        return self.listeners

    # ---- the loop, without the GIL from here on ------------------------------------------------

    def _poll(self, fd):
        self.polled[self.polls].fd = fd
        self.polled[self.polls].events = libc.POLLIN
        self.polled[self.polls].revents = 0
        self.polls += 1
        return 0

    def _serve(self):
        i: cython.int
        count: cython.int
        wanted: cython.long = 0
        before: cython.long
        now: cython.ulonglong
        looked: cython.ulonglong = 0  # at all that it waits for
        more: cython.bint = False  # that has to be looked at before it is all written down
        asked: cython.bint = False  # just now
        if self.hushes:
            self._hush()
        while True:
            wait: cython.int = -1
            if wanted > self.done or (self.ends and self.listeners == 0):
                wait = 0  # what is ready first
            elif self.filled or self.waiting:
                wait = _IDLE if self.news < 0 else _SOON
            # Who is asked all the time looks at all else now and then: that saves to be woken for
            # each end of a process, and the kernel to go through what nearly never comes.
            count = 0
            if asked and wait:
                now = clock()
                if now - looked > _LOOKS:
                    looked = now
                    count = libc.poll(self.polled, self.polls, 0)
                if count == 0:
                    for i in range(_SOCKET + 1):
                        self.polled[i].revents = 0
                    count = libc.poll(self.polled + _SOCKET + 1, self.polls - _SOCKET - 1, _BUSY)
            if count == 0:
                count = libc.poll(self.polled, self.polls, wait)
            if count < 0 and libc.errno != libc.EINTR:
                self.error = libc.errno
                break
            before = wanted
            if count > 0:
                more = self._take_what_came(cython.address(wanted), cython.address(asked))
            # Programs that never rest must not keep who waits: what each of them asked was heard.
            if before > self.done:
                self.rounds += 1
            if count == 0 or (before > self.done and (not more or self.rounds > _MANY)):
                asked = False
                if self.waiting != cython.NULL:
                    self._settle_early(cython.NULL)
                self._write()
                self.rounds = 0
                if self.hushes:
                    self._hush()
                if before > self.done:
                    self.done = before
            if self.leaves:
                break
            if self.ends and self.listeners == 0 and count == 0:
                self._settle_all()
                self._write()
                break
        self.done = _FOREVER
        return 0

    def _take_what_came(self, wanted, asked):
        # Ends first, then what programs ask; whether there may be more to come of what has been.
        i: cython.int
        fd: cython.int
        value: libc.eventfd_t
        more: cython.bint = False
        asked[0] = False
        if self.polled[_EPOLL].revents:
            more = self._look_around()
        if self.polled[_WAKE].revents:
            libc.eventfd_read(self.wake, cython.address(value))
            wanted[0] = self.asked
        for i in range(self.polls - 1, _SOCKET, -1):
            fd = self.polled[i].fd
            if not self.polled[i].revents:
                continue
            if self.polled[i].revents & libc.POLLIN:
                self._answer(fd)
                asked[0] = True
            else:
                self.polls -= 1
                self.polled[i] = self.polled[self.polls]
                self.listeners -= 1
                libc.close(fd)
        if self.polled[_SOCKET].revents:
            more = True
            if self._take_listener() < 0:
                self.polled[_SOCKET].fd = -1  # which is never ready
        return more

    def _look_around(self):
        # Ends of processes, and the programs for which there was no other place.
        events: asking.epoll_event[64]
        i: cython.int
        fd: cython.int
        count: cython.int = asking.epoll_wait(self.epoll, events, 64, 0)
        more: cython.bint = count == 64
        for i in range(count):
            fd = cython.cast(cython.int, events[i].data.u64 & _LOW)
            if events[i].data.u64 >> 32 << 32 == _PROCESS:
                self._ended(fd)
                more = True
            elif events[i].events & asking.EPOLLIN:
                self._answer(fd)
            elif events[i].events & (asking.EPOLLHUP | asking.EPOLLERR):
                self._close_watched(fd)
                self.listeners -= 1
        return more

    def _answer_alone(self):
        name: cython.char[64]
        text: cython.char[16]
        fd: cython.int
        libc.setsid()
        close_from(self.highest + 1)
        for fd in range(self.highest + 1):
            libc.snprintf(name, 64, b"/proc/self/fd/%d", fd)
            if (
                libc.readlinkat(libc.AT_FDCWD, name, text, 16) < 11
                or libc.memcmp(text, b"anon_inode:", 11) != 0
            ):
                libc.close(fd)
        self.leaves = False
        self._serve()
        libc._exit(0)
        return 0

    def _hush(self):
        # Between two pieces; and nothing of whoever reads them is held any more.
        self.quiet = True
        if self.out > 0:
            libc.close(self.out)
        self.out = -1
        return 0

    def _take_listener(self):
        # The listener of a program that is about to begin; -1 when nobody is left to send one.
        message: asking.msghdr
        part: libc.iovec
        room: cython.char[64]
        letter: cython.char
        header: cython.pointer(asking.cmsghdr)
        listener: cython.int
        event: asking.epoll_event
        size: cython.long
        libc.memset(cython.address(message), 0, cython.sizeof(message))
        part.iov_base = cython.address(letter)
        part.iov_len = 1
        message.msg_iov = cython.address(part)
        message.msg_iovlen = 1
        message.msg_control = room
        message.msg_controllen = cython.sizeof(room)
        size = asking.recvmsg(self.socket, cython.address(message), asking.MSG_CMSG_CLOEXEC)
        if size < 0:
            return 0 if libc.errno == libc.EINTR else -1
        if size == 0:
            return -1
        header = asking.CMSG_FIRSTHDR(cython.address(message))
        if header == cython.NULL or header.cmsg_type != asking.SCM_RIGHTS:
            return 0  # there was no room for a descriptor: the program will not start
        libc.memcpy(cython.address(listener), asking.CMSG_DATA(header), cython.sizeof(cython.int))
        # So that the kernel lets the one go on where the other has been.
        libc.ioctl(
            listener, asking.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            asking.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP,
        )  # fmt: skip
        # By poll(), and not by epoll, the kernel goes on here where the one who asks has been: most
        # of what it costs is to go from one processor to another.
        if self.polls < POLLED:
            self._poll(listener)
            self.listeners += 1
            self.highest = max(self.highest, listener)
            return 0
        event.events = asking.EPOLLIN
        event.data.u64 = _LISTENER | listener
        if asking.epoll_ctl(self.epoll, asking.EPOLL_CTL_ADD, listener, cython.address(event)) < 0:
            libc.close(listener)
            return 0
        self.listeners += 1
        if listener > self.highest:
            self.highest = listener
        return 0

    def _answer(self, listener):
        asked: asking.seccomp_notif
        rule: cython.pointer(Rule)
        member: cython.pointer(Member) = cython.NULL
        libc.memset(cython.address(asked), 0, cython.sizeof(asked))
        if libc.ioctl(listener, asking.SECCOMP_IOCTL_NOTIF_RECV, cython.address(asked)) < 0:
            return 0  # it was killed meanwhile
        rule = self.rules.rule(asked.data.arch, asked.data.nr)
        if not self.quiet and rule != cython.NULL and rule.kind:
            self.cwd_size = 0
            member = self._member(asked.pid, listener, asked.id)
            if member != cython.NULL:
                if member.waits:
                    self._settle(member, True)
                if self.waiting != cython.NULL and self._may_change(
                    rule.kind, asked.data.args[rule.value] if rule.value >= 0 else 0
                ):
                    self._settle_early(member)
                member.process.asks = member.tid
                self._turned(member)
                if member.process.executes:
                    self._settle_program(member.process, member.tid)
                if rule.kind == SOCKETCALL:
                    rule = self._of_socketcall(member.tid, cython.address(asked))
                    if rule == cython.NULL:
                        return self._go_on(listener, asked.id)
                self._look(
                    member, rule, cython.address(asked),
                    asked.data.arch != cython.cast(cython.uint, own.OSTLER_ARCH),
                )  # fmt: skip
            elif rule.kind == CLONE or rule.kind == CLONE_HOW:
                self.crossed = True
        return self._go_on(listener, asked.id)

    def _may_change(self, kind, value):
        # Whether what others have done may not be seen any more after a call. `value`: see Rule.
        if kind == OPEN:
            return value & (libc.O_ACCMODE | libc.O_CREAT | libc.O_TRUNC) != 0
        return kind != EXECUTE and kind != CLONE and kind != CLONE_HOW

    def _of_socketcall(self, tid, asked):
        # The call that it stands for, with the arguments of that.
        words: cython.uint[6]
        i: cython.int
        rule: cython.pointer(Rule) = self.rules.of_socketcall(
            cython.cast(cython.uint, asked.data.args[0])
        )
        libc.memset(words, 0, cython.sizeof(words))
        if rule == cython.NULL or peek_memory(tid, asked.data.args[1], words, 12) != 12:
            return cython.NULL
        peek_memory(tid, asked.data.args[1], words, 24)
        for i in range(6):
            asked.data.args[i] = words[i]
        return rule

    def _go_on(self, listener, id):
        answer: asking.seccomp_notif_resp
        libc.memset(cython.address(answer), 0, cython.sizeof(answer))
        answer.id = id
        answer.flags = asking.SECCOMP_USER_NOTIF_FLAG_CONTINUE
        libc.ioctl(listener, asking.SECCOMP_IOCTL_NOTIF_SEND, cython.address(answer))
        return 0

    def _settle_all(self):
        i: cython.int
        m: cython.pointer(Member)
        p: cython.pointer(Process)
        for i in range(CROWD):
            m = self.members[i]
            while m:
                if m.waits:
                    self._settle(m, True)
                m = m.next
            p = self.all[i]
            while p:
                if p.executes:
                    self._settle_program(p, p.pid)
                p = p.next
        return 0
