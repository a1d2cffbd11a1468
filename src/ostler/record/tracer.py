"""The tracer: sees each recorded call at its beginning and at its end, by ptrace(2).

Who traces a program has its end and its stops told first, instead of all that wait for it in the
same process: so it is a process of its own. It shares the memory and the descriptors of the one
that records, in which a thread lends it what a thread has of the C library, and waits meanwhile. It
goes on when that process has ended, and keeps nothing of it open then; when it is killed itself the
kernel kills all whom it traces, for what they open would fail from then on.

A call that the filter picks out stops its thread twice: before it begins, and when it has ended. In
between nothing else can stop that thread.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import plain_failure
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.libc import tracing
from cython.cimports.ostler.core.spawn import close_from
from cython.cimports.ostler.record.calls import Rule
from cython.cimports.ostler.record.crowd import CROWD
from cython.cimports.ostler.record.peek import Member, Process
from cython.cimports.ostler.record.pieces import Ended
from cython.cimports.ostler.record.results import Results, Underway

_FOREVER = cython.declare(cython.long, 0x7FFFFFFFFFFFFFFF)
_SOON = cython.declare(cython.int, 5)  # milliseconds after which all is written, if one reads along
_IDLE = cython.declare(cython.int, 100)  # and else
_OFTEN = cython.declare(cython.uint, 64)
_KEEN = cython.declare(cython.int, 16)  # stops one after the other, from which on many are expected
_TICK = cython.declare(cython.int, 5)  # milliseconds
_TURN = cython.declare(cython.uint, 8)  # stops after which those have their turn who wait longest
_NEAR = cython.declare(cython.ulonglong, 1 << 23)  # on the same stack


@cython.cclass
class Tracer(Results):
    """Writes what recorded programs do to `out`, as a Lookout does, with how each call has ended.

    `socket`: where those who want to be traced tell that, each with a pipe for the answer. serve()
    is to be called in a thread; wait() says whether tracing is possible.
    """

    def __cinit__(self, out: cython.int, socket: cython.int):
        ends: cython.int[2]
        self.heard = self.ready = -1
        self.tracees = cython.cast(
            cython.pointer(cython.pointer(Tracee)),
            libc.calloc(TRACEES, cython.sizeof(cython.pointer(Tracee))),
        )
        if not self.tracees:
            raise MemoryError
        self.ready = libc.eventfd(0, libc.EFD_CLOEXEC)
        if self.ready < 0 or libc.pipe2(ends, libc.O_CLOEXEC | libc.O_NONBLOCK) < 0:
            raise plain_failure(libc.errno)
        # In place of the eventfd, which sends no signals.
        libc.close(self.wake)
        self.heard, self.wake = ends[0], ends[1]
        self.highest = max(self.highest, self.heard, self.wake, self.ready)

    def __dealloc__(self):
        i: cython.int
        t: cython.pointer(Tracee)
        u: cython.pointer(Underway)
        if self.heard >= 0:
            libc.close(self.heard)
        if self.ready >= 0:
            libc.close(self.ready)
        for i in range(TRACEES if self.tracees else 0):
            while self.tracees[i]:
                t = self.tracees[i]
                self.tracees[i] = t.next
                while t.call:
                    u = t.call
                    t.call = u.outer
                    self._drop(u)
                libc.free(t)
        libc.free(self.tracees)

    def wait(self):
        """Wait until it is known whether it can trace: 0, or the errno of why not."""
        value: libc.eventfd_t
        with cython.nogil:
            libc.eventfd_read(self.ready, cython.address(value))
        return self.refused

    def serve(self):
        """Trace until the end; the thread that calls this stands still meanwhile."""
        with cython.nogil:
            self._attend()

    def abandon(self):
        """Nothing: a fork of the process has nothing by which programs are answered."""

    def stand_in(self):
        """Have it go on when this process has ended, whose memory it shares; its pid."""
        # So that nobody frees what it uses.
        py.Py_INCREF(cython.cast(cython.pointer(py.PyObject), self))
        return self.pid

    @property
    def living(self):
        """How many threads there are of the programs that were started, with what they started."""
        return self.count

    # ---- the process, without the GIL from here on ---------------------------------------------

    def _attend(self):
        before: libc.sigset_t
        status: cython.int = 0
        stack: cython.p_char = cython.cast(cython.p_char, libc.mmap(
            cython.NULL, STACK, libc.PROT_READ | libc.PROT_WRITE,
            libc.MAP_PRIVATE | libc.MAP_ANONYMOUS | libc.MAP_STACK, -1, 0,
        ))  # fmt: skip
        if stack == libc.MAP_FAILED:
            self.refused = libc.errno
        else:
            self.parent = libc.getpid()
            tracing.ostler_block(cython.address(before))
            # No signal tells of its end, and nobody who waits for any child finds it.
            self.pid = libc.clone(
                _run, stack + STACK, libc.CLONE_VM | libc.CLONE_FILES,
                cython.cast(cython.p_void, self),
            )  # fmt: skip
            if self.pid < 0:
                self.refused = libc.errno
            else:
                tracing.ostler_block_but_ids()
                while libc.waitpid(self.pid, cython.address(status), libc.__WALL) < 0:
                    if libc.errno != libc.EINTR:
                        break
                if not self.over:
                    # It was killed: what it had not written, or half of it, is lost.
                    self.error = libc.ESRCH
                    self.broken = True
                    self.count = 0
            tracing.ostler_unblock(cython.address(before))
            libc.munmap(stack, STACK)
        self.done = _FOREVER
        libc.eventfd_write(self.ready, 1)
        return 0

    def _work(self):
        # All that this process does. What it runs on of the C library is the thread's that waits.
        stack: cython.p_char
        tracing.ostler_stand_apart(self.parent)
        stack = cython.cast(cython.p_char, libc.mmap(
            cython.NULL, STACK, libc.PROT_READ | libc.PROT_WRITE,
            libc.MAP_PRIVATE | libc.MAP_ANONYMOUS | libc.MAP_STACK, -1, 0,
        ))  # fmt: skip
        if stack == libc.MAP_FAILED:
            self.refused = libc.errno
        else:
            self.refused = tracing.ostler_try(stack, STACK)
            libc.munmap(stack, STACK)
        if self.refused == 0 and (
            tracing.ostler_heed(self.heard) < 0 or tracing.ostler_heed(self.socket) < 0
        ):
            self.refused = libc.errno
        if self.refused == 0:
            libc.eventfd_write(self.ready, 1)
            self._watch()
        self.over = True
        libc._exit(0)
        return 0

    def _watch(self):
        number: cython.int = 0
        rounds: cython.uint = 0
        keen: cython.int = 0
        wait: cython.int
        wanted: cython.long
        left: cython.int
        while True:
            if self.hushes and not self.quiet:
                self._write()
                self._hush()
            # What has stopped is looked at, and what was asked meanwhile.
            wanted = self.asked
            rounds += 1
            if number != libc.SIGCHLD or rounds % _OFTEN == 0:
                self._take_letters()  # of which another signal tells, that comes after this one
            left = self._take_stops(0)
            if wanted > self.done:
                self._write()
                self.done = wanted
            if self.ends and left < 0:
                self._write()
                break
            wait = -1
            if left > 0 or self.asked > self.done or (self.hushes and not self.quiet):
                wait = 0
            elif self.filled:
                wait = _IDLE if self.news < 0 else _SOON
            if keen >= _KEEN and wait:
                self._stay()
                keen = number = 0
                continue
            number = tracing.ostler_await(self.parent, wait)
            keen = keen + 1 if number == libc.SIGCHLD else 0
            if number == tracing.SIGUSR1:
                self._stand_alone()
            elif number == 0 and wait > 0:
                self._write()
        self.done = _FOREVER
        return 0

    def _take_letters(self):
        # From those who want to be traced, and who may go on then.
        pid: cython.int
        pipe: cython.int
        number: cython.int
        some: cython.char[64]
        if self.heard >= 0:
            while libc.read(self.heard, some, 64) == 64:
                pass
        while self.socket >= 0:
            pid = tracing.ostler_receive(self.socket, cython.address(pipe))
            if pid < 0:
                self.socket = -1
            if pid <= 0 and pipe < 0:
                break
            number = libc.ESRCH  # in a place where its number means nothing here
            if pid > 0:
                number = 0
                if tracing.ostler_trace(
                    tracing.OSTLER_SEIZE, pid, 0, tracing.OSTLER_OPTIONS
                ) < 0:  # fmt: skip
                    number = libc.errno
                elif self._tracee(pid) == cython.NULL:
                    number = libc.ENOMEM
            libc.write(pipe, cython.address(number), cython.sizeof(number))
            libc.close(pipe)
        return 0

    def _stay(self):
        # While they stop all the time it is waited for the stops themselves, and not for signals
        # that tell of them, which is less work. Whoever has something else to say is heard
        # at a tick.
        status: cython.int
        tid: cython.int
        event: cython.int
        rounds: cython.uint = 0
        news: cython.bint = True  # since the last tick
        tracing.ostler_have_ticks(_TICK)
        while True:
            tid = tracing.ostler_stop_or_tick(cython.address(status))
            if tid < 0:
                if libc.errno != libc.EINTR or not news or tracing.ostler_is_called():
                    break
                news = False
                continue
            news = True
            rounds += 1
            event = status >> 16
            if rounds % _TURN and libc.WIFSTOPPED(status) and (
                event == tracing.OSTLER_EVENT_SECCOMP
                or (event == 0 and (status >> 8 & 0xFF) == tracing.OSTLER_OF_CALL)
            ):  # fmt: skip
                self._stopped(tid, status)
            else:
                self.stops[0].tid = tid
                self.stops[0].status = status
                self._take_stops(1)
            if rounds % _OFTEN == 0 and tracing.ostler_is_called():
                break
        tracing.ostler_have_ticks(0)
        return 0

    def _take_stops(self, count):
        # Many at once, so that none has to wait while others stop again and again; `count` of them
        # are there. 1: there may be more, 0: there are none now, -1: there is nobody left.
        i: cython.int
        event: cython.int
        tid: cython.int = 1
        left: cython.int = 0
        while count < STOPS:
            tid = libc.waitpid(
                -1, cython.address(self.stops[count].status), libc.WNOHANG | libc.__WALL
            )
            if tid <= 0:
                break
            self.stops[count].tid = tid
            count += 1
        if tid > 0:
            left = 1
        elif tid < 0 and libc.errno == libc.ECHILD:
            left = -1
        for i in range(count):
            event = self.stops[i].status >> 16
            if libc.WIFSTOPPED(self.stops[i].status) and (
                event == tracing.OSTLER_EVENT_FORK or event == tracing.OSTLER_EVENT_VFORK
                or event == tracing.OSTLER_EVENT_CLONE
            ):  # fmt: skip
                self._has_child(self.stops[i].tid, event)  # before the end of that one is told
        for i in range(count):
            self._stopped(self.stops[i].tid, self.stops[i].status)
        return left

    def _stand_alone(self):
        # The other process has ended: nothing of it is kept open, and nothing more is written.
        self.ends = self.hushes = True
        if self.apart or libc.unshare(libc.CLONE_FILES) < 0:
            return 0
        self.apart = True
        self._write()
        self._hush()
        self.socket = self.heard = -1
        close_from(0)
        return 0

    # ---- stops ---------------------------------------------------------------------------------

    def _stopped(self, tid, status):
        t: cython.pointer(Tracee)
        number: cython.int = status >> 8 & 0xFF
        event: cython.int = status >> 16
        if not libc.WIFSTOPPED(status):
            return self._gone(tid, status)
        t = self._tracee(tid)
        if t == cython.NULL:  # there is no room for what is known of it
            tracing.ostler_trace(tracing.OSTLER_CONT, tid, 0, 0)
        elif event == tracing.OSTLER_EVENT_SECCOMP:
            self._call_begins(t)
        elif event == 0 and number == tracing.OSTLER_OF_CALL:
            self._call_stops(t)
        elif event == tracing.OSTLER_EVENT_EXEC:
            self._runs_another(t)
            self._go(t, 0)
        elif event == tracing.OSTLER_EVENT_STOP and (
            number == libc.SIGSTOP or number == tracing.SIGTSTP
            or number == tracing.SIGTTIN or number == tracing.SIGTTOU
        ):  # fmt: skip
            # It stays stopped, as its parent sees it, until somebody has it go on.
            tracing.ostler_trace(tracing.OSTLER_LISTEN, tid, 0, 0)
        elif event:
            if event == tracing.OSTLER_EVENT_CLONE and not self.quiet:
                self._share(tid)
            self._go(t, 0)
        else:
            self._go(t, number)  # a signal, with all that the kernel knows of it
        return 0

    def _go(self, t, number):
        # Until the next call that the filter picks out; while it is to be found out what became of
        # a call that was interrupted, until whichever comes next.
        what: cython.int = tracing.OSTLER_CONT
        if t.call != cython.NULL:
            what = tracing.OSTLER_SYSCALL
        return cython.cast(cython.int, tracing.ostler_trace(what, t.tid, 0, number))

    def _call_begins(self, t):
        told: tracing.ostler_told
        rule: cython.pointer(Rule) = cython.NULL
        m: cython.pointer(Member)
        u: cython.pointer(Underway)
        of_32_bits: cython.bint
        if not self.quiet and tracing.ostler_tell(t.tid, cython.address(told)) == 0:
            if self._begins_again(t, cython.address(told)):
                return self._go(t, 0)
            rule = self.rules.rule(told.arch, cython.cast(cython.int, told.number))
        if rule != cython.NULL and rule.kind:
            self.cwd_size = 0
            m = self._member(t.tid, -1, 0)
            if m != cython.NULL:
                m.process.asks = t.tid
                of_32_bits = told.arch != cython.cast(cython.uint, own.OSTLER_ARCH)
                u = self._begin(m, rule, cython.address(told), t.tid, of_32_bits)
                if u != cython.NULL:
                    u.outer = t.call
                    t.call = u
        return self._go(t, 0)

    def _begins_again(self, t, told):
        # Whether it is a call that was interrupted, and not a new one that looks the same.
        u: cython.pointer(Underway) = t.call
        if u == cython.NULL or not u.interrupted:
            return False
        if u.stack != told.stack or u.at != told.at or u.arch != told.arch:
            return False
        if u.number != cython.cast(cython.int, told.number) or u.handled:
            return False
        u.interrupted = False
        return True

    def _call_stops(self, t):
        told: tracing.ostler_told
        u: cython.pointer(Underway) = t.call
        value: cython.longlong
        if u == cython.NULL or tracing.ostler_tell(t.tid, cython.address(told)) < 0:
            return self._go(t, 0)
        value = cython.cast(cython.longlong, told.number)
        if not u.interrupted:
            if told.op == tracing.OSTLER_ENDS:
                if value == -512 or value == -513 or value == -514 or value == -516:
                    # So the kernel says to itself that it will begin it again, unless a handler of
                    # the signal wants it otherwise.
                    u.interrupted = True
                    u.handled = False
                else:
                    self._call_ends(t, value)
        elif told.op == tracing.OSTLER_BEGINS:
            if told.stack != u.stack or told.at != u.at:
                # Of the handler, unless that has gone elsewhere and never goes back.
                if u.handled and u.stack < told.stack < u.stack + _NEAR:
                    self._call_ends(t, -libc.EINTR)
                else:
                    u.handled = True
            elif u.handled:
                self._call_ends(t, -libc.EINTR)
        elif told.op == tracing.OSTLER_ENDS and told.stack == u.stack:
            # The handler has gone back, to behind the call or to before it.
            if told.at == u.at:
                self._call_ends(t, value)
            else:
                u.handled = False
        return self._go(t, 0)

    def _call_ends(self, t, value):
        u: cython.pointer(Underway) = t.call
        m: cython.pointer(Member) = self._known_member(t.tid)
        t.call = u.outer
        if m != cython.NULL and not self.quiet:
            self._end(m, u, value)
        self._drop(u)
        return 0

    def _runs_another(self, t):
        # It is the first thread now, whichever it was, and the only one.
        former: cython.ulong = 0
        p: cython.pointer(Process) = cython.NULL
        m: cython.pointer(Member)
        other: cython.pointer(Tracee) = t
        u: cython.pointer(Underway)
        tracing.ostler_trace(
            tracing.OSTLER_GETEVENTMSG, t.tid, 0,
            cython.cast(cython.ulong, cython.address(former)),
        )  # fmt: skip
        if former and former != cython.cast(cython.ulong, t.tid):
            self._lose_all(t)  # of the first one
            other = self._tracee(cython.cast(cython.int, former))
            if other == cython.NULL:
                return 0
            t.call = other.call
            other.call = cython.NULL
        m = self._known_member(other.tid)
        u = t.call
        if u != cython.NULL and u.executes and m != cython.NULL and not self.quiet:
            t.call = u.outer
            p = m.process
            self._end_program(m, u, True)
            p.asks = p.pid
            self._drop(u)
        self._lose_all(t)
        if other != t:
            self._forget_tracee(other.tid)
        return 0

    def _share(self, tid):
        # It has another thread from now on.
        m: cython.pointer(Member)
        self.cwd_size = 0
        m = self._member(tid, -1, 0)
        if m != cython.NULL:
            m.process.shares = True
            self._lends(m.process)
        return 0

    def _has_child(self, tid, event):
        # It is told from its beginning on, for it may be killed before it does anything.
        child: cython.ulong = 0
        fd: cython.int
        if self.quiet or tracing.ostler_trace(
            tracing.OSTLER_GETEVENTMSG, tid, 0,
            cython.cast(cython.ulong, cython.address(child)),
        ) < 0 or child == 0:  # fmt: skip
            return 0
        if event == tracing.OSTLER_EVENT_CLONE:
            fd = cython.cast(cython.int, libc.syscall(libc.SYS_pidfd_open, child, 0))
            if fd < 0:
                return 0  # a thread
            libc.close(fd)
        self.cwd_size = 0
        self._member(cython.cast(cython.int, child), -1, 0)
        return 0

    def _may_share(self, parent):
        return self.crossed  # else each of its threads is told from the beginning

    def _lose_all(self, t):
        u: cython.pointer(Underway)
        while t.call != cython.NULL:
            u = t.call
            t.call = u.outer
            if not self.quiet:
                self._lose(u)
            self._drop(u)
        return 0

    # ---- who is traced -------------------------------------------------------------------------

    def _tracee(self, tid):
        t: cython.pointer(Tracee) = self.tracees[tid & (TRACEES - 1)]
        while t:
            if t.tid == tid:
                return t
            t = t.next
        t = cython.cast(cython.pointer(Tracee), libc.calloc(1, cython.sizeof(Tracee)))
        if t == cython.NULL:
            self.error = libc.ENOMEM
            return t
        t.tid = tid
        t.next = self.tracees[tid & (TRACEES - 1)]
        self.tracees[tid & (TRACEES - 1)] = t
        self.count += 1
        return t

    def _forget_tracee(self, tid):
        at: cython.pointer(cython.pointer(Tracee)) = cython.address(
            self.tracees[tid & (TRACEES - 1)]
        )
        t: cython.pointer(Tracee)
        while at[0]:
            t = at[0]
            if t.tid == tid:
                at[0] = t.next
                self._lose_all(t)
                libc.free(t)
                self.count -= 1
                return 0
            at = cython.address(t.next)
        return 0

    def _known_member(self, tid):
        m: cython.pointer(Member) = self.members[tid & (CROWD - 1)]
        while m and m.tid != tid:
            m = m.next
        return m

    def _gone(self, tid, status):
        # A thread, or with the first one, which is told last, its process.
        m: cython.pointer(Member)
        self._forget_tracee(tid)
        if self._process(tid) != cython.NULL:
            self.status = status
            return self._ended(tid)
        m = self._known_member(tid)
        return 0 if m == cython.NULL else self._forget_member(m)

    def _how_ended(self, p, ended):
        ended.known = True
        ended.status = self.status
        return 0


def _run(tracer):
    return cython.cast(Tracer, tracer)._work()
