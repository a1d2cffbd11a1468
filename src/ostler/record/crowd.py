"""The crowd: which processes and threads are recorded, and what paths mean to them."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import plain_failure
from cython.cimports.ostler.core.libc import recording as asking
from cython.cimports.ostler.record.peek import (
    ROOM,
    WORDS,
    Member,
    Pending,
    Process,
    Status,
    count_use,
    exit_of_zombie,
    identify,
    name_of,
    of_self,
    peek_string,
)  # fmt: skip
from cython.cimports.ostler.record.pieces import TRIED, Begun, Ended, Executed
from cython.cimports.ostler.record.seen_links import SeenLinks

_PROCESS = cython.declare(cython.ulonglong, 4 << 32)  # so lookout.py knows them
_LINKS = cython.declare(cython.int, 40)


@cython.cclass
class Crowd(SeenLinks):
    """Who is recorded."""

    def __cinit__(self, out: cython.int, socket: cython.int):
        self.members = cython.cast(
            cython.pointer(cython.pointer(Member)),
            libc.calloc(CROWD, cython.sizeof(cython.pointer(Member))),
        )
        self.all = cython.cast(
            cython.pointer(cython.pointer(Process)),
            libc.calloc(CROWD, cython.sizeof(cython.pointer(Process))),
        )
        self.roots = cython.cast(cython.pointer(Root), libc.calloc(ROOTS, cython.sizeof(Root)))
        self.path = cython.cast(cython.p_char, libc.malloc(ROOM))
        self.path2 = cython.cast(cython.p_char, libc.malloc(ROOM))
        self.again = cython.cast(cython.p_char, libc.malloc(ROOM))
        self.full = cython.cast(cython.p_char, libc.malloc(ROOM))
        self.words = cython.cast(cython.p_char, libc.malloc(WORDS))
        self.cwd = cython.cast(cython.p_char, libc.malloc(ROOM))
        self.first = cython.cast(cython.p_char, libc.malloc(ROOM))
        if (
            not self.members or not self.all or not self.roots or not self.path
            or not self.path2 or not self.again or not self.full or not self.words
            or not self.cwd or not self.first
        ):  # fmt: skip
            raise MemoryError
        self.epoll = asking.epoll_create1(asking.EPOLL_CLOEXEC)
        if self.epoll < 0:
            raise plain_failure(libc.errno)
        self.descriptors = libc.openat(
            libc.AT_FDCWD, b"/proc/self/fd", libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC
        )
        if self.descriptors < 0:
            raise plain_failure(libc.errno)

    def __dealloc__(self):
        i: cython.int
        m: cython.pointer(Member)
        p: cython.pointer(Process)
        if self.epoll > 0:
            libc.close(self.epoll)
        if self.descriptors > 0:
            libc.close(self.descriptors)
        if self.members and self.all and self.roots:
            for i in range(CROWD):
                while self.members[i]:
                    m = self.members[i]
                    self.members[i] = m.next
                    self._drop_pending(cython.address(m.pending))
                    libc.free(m)
                while self.all[i]:
                    p = self.all[i]
                    self.all[i] = p.next
                    if p.pidfd >= 0:
                        libc.close(p.pidfd)
                    libc.free(p)
            for i in range(self.root_count):
                libc.close(self.roots[i].fd)
        libc.free(self.members)
        libc.free(self.all)
        libc.free(self.roots)
        libc.free(self.path)
        libc.free(self.path2)
        libc.free(self.again)
        libc.free(self.full)
        libc.free(self.words)
        libc.free(self.cwd)
        libc.free(self.first)

    # ---- paths ---------------------------------------------------------------------------------

    def _given(self, m, dir, path, asked, into):
        # A path as a call has it, made absolute; -1 when it can't be read.
        at: cython.ulonglong
        self.itself = -1
        self.empty = 0
        self._is_outside(into, False)
        if path < 0:
            if dir < 0:
                return -1
            self.itself = cython.cast(cython.int, asked.data.args[dir])
            return self._of_fd(m, cython.cast(cython.int, asked.data.args[dir]), into)
        at = asked.data.args[path]
        if at == 0:
            self.words[0] = 0
            self.empty = 2
        elif peek_string(m.tid, at, self.words, libc.PATH_MAX) < 0:
            return -1
        elif self.words[0] == 0:
            self.empty = 1
        if into == self.path:
            asking.strcpy(self.first, self.words)
        if self.empty and dir >= 0:
            self.itself = cython.cast(cython.int, asked.data.args[dir])
        return self._join(m, dir, asked, self.words, into)

    def _join(self, m, dir, asked, path, into):
        size: cython.size_t = libc.strlen(path)
        length: cython.size_t
        fd: cython.int = libc.AT_FDCWD
        if dir >= 0:
            fd = cython.cast(cython.int, asked.data.args[dir])
        if path[0] == b"/"[0]:
            return of_self(m.process, path, into)
        if fd != libc.AT_FDCWD:
            if self._of_fd(m, fd, into) < 0:
                return -1
        else:
            # Anew with each call: it may have been renamed, by whomever.
            if self._cwd(m.tid, into) <= 0:
                return -1
        if size == 0:
            return 0
        if self._within_root(m.process, into) < 0:
            return -1
        length = libc.strlen(into)
        if length + size + 2 > ROOM:
            return -1
        if length == 0 or into[length - 1] != b"/"[0]:
            into[length] = b"/"[0]
            length += 1
        libc.memcpy(into + length, path, size + 1)
        return 0

    def _within_root(self, p, into):
        # Of a directory as we see it: its name as the process has it, which may have another root.
        # What lies outside of that, and was open before, stays as it is: then it is ours.
        root: cython.pointer(Root)
        length: cython.long
        if self._root(p) < 0:
            return -1
        root = cython.address(self.roots[p.root])
        length = root.length
        if length == 0:
            return 0
        if (
            length > 0
            and libc.strncmp(into, root.name, length) == 0
            and (into[length] == b"/"[0] or into[length] == 0)
        ):  # fmt: skip
            libc.memmove(into, into + length, libc.strlen(into + length) + 1)
        else:
            self._is_outside(into, True)
        return 0

    def _begins_outside(self, path):
        return (path == self.path and self.outside) or (path == self.path2 and self.outside2)

    def _is_outside(self, path, outside):
        if path == self.path:
            self.outside, self.outside2 = outside, False
        elif path == self.path2:
            self.outside2 = outside

    def _of_fd(self, m, fd, into):
        name: cython.char[64]
        size: cython.long
        libc.snprintf(name, 64, b"/proc/%d/fd/%d", m.tid, fd)
        size = libc.readlinkat(libc.AT_FDCWD, name, into, ROOM - 1)
        if size <= 0 or into[0] != b"/"[0] or libc.strncmp(into, b"/memfd:", 7) == 0:
            return -1  # a pipe, a socket, or not open at all
        into[size] = 0
        return 0

    def _open_itself(self, m, fd):
        # What a descriptor of it is of, which may have no name any more, as one that only names it.
        name: cython.char[64]
        libc.snprintf(name, 64, b"/proc/%d/fd/%d", m.tid, fd)
        return libc.openat(libc.AT_FDCWD, name, libc.O_PATH | libc.O_CLOEXEC)

    def _cwd(self, tid, into):
        name: cython.char[64]
        if self.cwd_size <= 0 or self.cwd_of != tid:
            libc.snprintf(name, 64, b"/proc/%d/cwd", tid)
            self.cwd_size = libc.readlinkat(libc.AT_FDCWD, name, self.cwd, ROOM - 1)
            self.cwd_of = tid
            self.cwd[self.cwd_size if self.cwd_size > 0 else 0] = 0
        libc.memcpy(into, self.cwd, (self.cwd_size if self.cwd_size > 0 else 0) + 1)
        return self.cwd_size

    def _root(self, p):
        # The directory that is "/" for it; one descriptor for all who have the same.
        name: cython.char[64]
        place: cython.ulonglong[3]
        length: cython.long
        i: cython.int
        if p.root >= 0 and self.turning == 0:
            return self.roots[p.root].fd
        libc.snprintf(name, 64, b"/proc/%d/root", p.asks)
        if asking.ostler_place_of(libc.AT_FDCWD, name, place) < 0:
            return -1
        for i in range(self.root_count):
            # The same mount: in another namespace each has another number.
            if libc.memcmp(self.roots[i].place, place, cython.sizeof(self.roots[i].place)) == 0:
                p.root = i
                return self.roots[i].fd
        i = self.root_count
        if i == ROOTS:
            i = ROOTS - 1  # so many are not in use at once: the last place is given anew
            libc.close(self.roots[i].fd)
            self._forget_root(i)
        else:
            self.root_count += 1
        self.roots[i].fd = libc.openat(
            libc.AT_FDCWD, name, libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC
        )
        libc.memcpy(self.roots[i].place, place, cython.sizeof(self.roots[i].place))
        if self.roots[i].fd < 0:
            self.root_count = i
            return -1
        length = libc.readlinkat(libc.AT_FDCWD, name, self.roots[i].name, 4096)
        self.roots[i].length = length if 1 < length < 4096 else 0 if length == 1 else -1
        p.root = i
        return self.roots[i].fd

    def _turn(self, m):
        # By pivot_root() all that have the same root get another one; by chroot() those that share
        # it. Until it is known to be over, everybody's is looked up each time.
        if not m.turns:
            m.turns = True
            self.turning += 1
        return 0

    def _turned(self, m):
        i: cython.int
        if m.turns:
            m.turns = False
            self.turning -= 1
            for i in range(self.root_count):
                self._forget_root(i)
        return 0

    def _lends(self, p):
        # A process that runs no program of its own as yet may have the memory of the one that has
        # begun it, as by vfork(): what changes it there changes it here.
        while p != cython.NULL and not p.apart:
            p = self._process(p.parent)
            if p != cython.NULL:
                p.shares = True
        return 0

    def _forget_root(self, root):
        i: cython.int
        p: cython.pointer(Process)
        for i in range(CROWD):
            p = self.all[i]
            while p:
                if p.root == root:
                    p.root = -1
                p = p.next
        return 0

    def _open(self, p, path, flags):
        # What a path means to a process, as a descriptor that only names it; -1 with errno.
        how: libc.open_how
        root: cython.int = self._root(p)
        if root < 0:
            return -1
        how.flags = libc.O_PATH | libc.O_CLOEXEC | flags
        how.mode = 0
        how.resolve = libc.RESOLVE_IN_ROOT
        if self._begins_outside(path):
            root, how.resolve = libc.AT_FDCWD, libc.RESOLVE_NO_MAGICLINKS
        return libc.openat2(root, path, cython.address(how))

    def _open_named(self, p, path, flags, length):
        # The same, and its name in `full`: that is the path, where there is no link on the way.
        how: libc.open_how
        links: cython.p_char = cython.NULL
        fd: cython.int
        root: cython.int = self._root(p)
        if root >= 0 and self.roots[p.root].length == 0 and not self._begins_outside(path):
            links = self._links_of(path, length)
        if links != cython.NULL and not links[0]:
            how.flags = libc.O_PATH | libc.O_CLOEXEC | flags
            how.mode = 0
            how.resolve = libc.RESOLVE_IN_ROOT | libc.RESOLVE_NO_SYMLINKS
            fd = libc.openat2(root, path, cython.address(how))
            if fd >= 0:
                libc.memcpy(self.full, path, length[0])
                self.full[length[0]] = 0
                return fd
            if libc.errno != libc.ELOOP:
                return -1
            links[0] = True
        fd = self._open(p, path, flags)
        if fd >= 0:
            length[0] = name_of(self.descriptors, fd, self.full)
        return fd

    def _place(self, m, path, name):
        # The directory in which a name is or will be; -1 with errno. The whole path is in `full`.
        size: cython.size_t = libc.strlen(path)
        end: cython.size_t
        length: cython.long
        fd: cython.int
        kept: cython.char
        while size > 1 and path[size - 1] == b"/"[0]:
            size -= 1
            path[size] = 0
        end = size
        while end > 0 and path[end - 1] != b"/"[0]:
            end -= 1
        asking.strcpy(self.full, path)
        if end == 0 or path[end] == 0:
            libc.errno = libc.EBUSY  # "/"
            return -1
        kept = path[end]
        path[end] = 0
        fd = self._open_named(m.process, path, libc.O_DIRECTORY, cython.address(length))
        path[end] = kept
        if fd < 0:
            return -1
        if length + (size - end) + 2 > ROOM:
            libc.close(fd)
            libc.errno = libc.ENAMETOOLONG
            return -1
        if length == 0 or self.full[length - 1] != b"/"[0]:
            self.full[length] = b"/"[0]
            length += 1
        libc.memcpy(self.full + length, path + end, size - end + 1)
        name[0] = self.full + length
        return fd

    def _place_to_make(self, m, follow, name):
        # The same for a file that an open would make: where a link leads to nothing, it is there.
        status: libc.stat_t
        place: cython.int = -1
        size: cython.long
        i: cython.int
        for i in range(_LINKS):
            place = self._place(m, self.path, name)
            if place < 0 or not follow:
                return place
            if (
                libc.fstatat(place, name[0], cython.address(status), libc.AT_SYMLINK_NOFOLLOW) < 0
                or (status.st_mode & libc.S_IFMT) != libc.S_IFLNK
            ):  # fmt: skip
                return place
            size = libc.readlinkat(place, name[0], self.words, ROOM // 2 - 1)
            libc.close(place)
            if size <= 0:
                return -1
            self.words[size] = 0
            if self.words[0] == b"/"[0]:
                self._is_outside(self.path, False)
                asking.strcpy(self.path, self.words)
            elif (name[0] - self.full) + size + 1 < ROOM:
                libc.memcpy(self.path, self.full, name[0] - self.full)
                asking.strcpy(self.path + (name[0] - self.full), self.words)
                self._is_outside(self.path, False)
                if self._within_root(m.process, self.path) < 0:
                    return -1
        libc.errno = libc.ELOOP
        return -1

    # ---- processes and threads -----------------------------------------------------------------

    def _settle(self, m, finally_):
        return 0

    def _may_share(self, parent):
        # Whether a new process may have memory that others change.
        return True

    def _drop_pending(self, pending):
        if pending.name != cython.NULL or pending.entry.what:
            if pending.place >= 0:
                libc.close(pending.place)
            if pending.place2 >= 0:
                libc.close(pending.place2)
        libc.free(pending.name)
        libc.free(pending.name2)
        libc.memset(pending, 0, cython.sizeof(Pending))
        pending.place = pending.place2 = -1
        return 0

    def _member(self, tid, listener, id):
        # The thread that asks; NULL when it is gone, or there is no room for what is known of it.
        m: cython.pointer(Member) = self.members[tid & (CROWD - 1)]
        pidfd: cython.int
        while m:
            if m.tid == tid:
                return m
            m = m.next
        status: Status
        pidfd = identify(tid, cython.address(status))
        if status.pid == 0:
            if libc.errno == libc.EMFILE or libc.errno == libc.ENFILE:
                self.error = libc.errno  # what it does will be missing
            if pidfd >= 0:
                libc.close(pidfd)
            return cython.NULL
        if listener >= 0 and (
            libc.ioctl(listener, asking.SECCOMP_IOCTL_NOTIF_ID_VALID, cython.address(id)) < 0
        ):
            if pidfd >= 0:
                libc.close(pidfd)
            return cython.NULL  # it was another one's number
        p: cython.pointer(Process) = self._process(status.pid)
        if p == cython.NULL:
            p = self._new_process(cython.address(status), pidfd)
            if p == cython.NULL:
                return cython.NULL
        elif pidfd >= 0:
            libc.close(pidfd)
        m = cython.cast(cython.pointer(Member), libc.calloc(1, cython.sizeof(Member)))
        if m == cython.NULL:
            self.error = libc.ENOMEM
            return cython.NULL
        m.tid = tid
        m.process = p
        p.threads += 1
        m.next = self.members[tid & (CROWD - 1)]
        self.members[tid & (CROWD - 1)] = m
        return m

    def _process(self, pid):
        p: cython.pointer(Process) = self.all[pid & (CROWD - 1)]
        while p and p.pid != pid:
            p = p.next
        return p

    def _new_process(self, status, pidfd):
        begun: Begun
        event: asking.epoll_event
        parent: cython.pointer(Process) = self._process(status.parent)
        p: cython.pointer(Process) = cython.cast(
            cython.pointer(Process), libc.calloc(1, cython.sizeof(Process))
        )
        if p == cython.NULL:
            self.error = libc.ENOMEM
            if pidfd >= 0:
                libc.close(pidfd)
            return p
        self.processes += 1
        p.number = self.processes
        p.pid = status.pid
        p.own_pid = status.own_pid
        p.parent = status.parent
        p.uid = status.uid
        p.root = -1
        p.shares = self._may_share(parent)
        p.asks = p.pid
        p.pidfd = pidfd
        if pidfd < 0:  # it was not its first thread that has asked
            p.pidfd = cython.cast(cython.int, libc.syscall(libc.SYS_pidfd_open, status.pid, 0))
        if p.pidfd >= 0:
            event.events = asking.EPOLLIN
            event.data.u64 = _PROCESS | status.pid
            asking.epoll_ctl(self.epoll, asking.EPOLL_CTL_ADD, p.pidfd, cython.address(event))
        elif not self.error:
            self.error = libc.errno  # nobody will know how it ends
        p.next = self.all[p.pid & (CROWD - 1)]
        self.all[p.pid & (CROWD - 1)] = p
        libc.memset(cython.address(begun), 0, cython.sizeof(begun))
        begun.what = b"P"[0]
        begun.process = p.number
        begun.parent = parent.number if parent else 0
        begun.pid = p.pid
        begun.uid = p.uid
        if self._cwd(p.pid, self.full) > 0:
            begun.cwd = self._text(self.full, cython.cast(cython.uint, libc.strlen(self.full)))
        begun.time = self._now()
        self._put(cython.address(begun), cython.sizeof(begun))
        return p

    def _forget_member(self, m):
        at: cython.pointer(cython.pointer(Member)) = cython.address(
            self.members[m.tid & (CROWD - 1)]
        )
        while at[0]:
            if at[0] == m:
                at[0] = m.next
                self._turned(m)
                m.process.threads -= 1
                self._drop_pending(cython.address(m.pending))
                libc.free(m)
                return 0
            at = cython.address(at[0].next)
        return 0

    def _close_watched(self, fd):
        # By closing alone it would be reported on and on while a fork of this process has it, too.
        if fd >= 0:
            asking.epoll_ctl(self.epoll, asking.EPOLL_CTL_DEL, fd, cython.NULL)
            libc.close(fd)
        return 0

    def _forget_members(self, p, but):
        # All threads of a process, `but` the one with this number.
        m: cython.pointer(Member)
        following: cython.pointer(Member)
        i: cython.int
        if p.threads == 1:  # as most have
            m = self.members[p.pid & (CROWD - 1)]
            while m and m.process != p:
                m = m.next
            if m:
                if m.tid != but:
                    if m.waits:
                        self._settle(m, True)
                    self._forget_member(m)
                return 0
        for i in range(CROWD if p.threads else 0):
            m = self.members[i]
            while m:
                following = m.next
                if m.process == p and m.tid != but:
                    if m.waits:
                        self._settle(m, True)
                    self._forget_member(m)
                m = following
        return 0

    def _ended(self, pid):
        ended: Ended
        at: cython.pointer(cython.pointer(Process)) = cython.address(self.all[pid & (CROWD - 1)])
        p: cython.pointer(Process)
        while at[0] and at[0].pid != pid:
            at = cython.address(at[0].next)
        p = at[0]
        if p == cython.NULL:
            return 0
        if p.executes:
            # It was killed, or has failed and come to its end without another call.
            p.executes = False
            p.executed.outcome = TRIED
            self._put(cython.address(p.executed), cython.sizeof(Executed))
        self._forget_members(p, -1)
        libc.memset(cython.address(ended), 0, cython.sizeof(ended))
        ended.what = b"Q"[0]
        ended.process = p.number
        self._how_ended(p, cython.address(ended))
        ended.used = p.used
        ended.memory = p.memory
        ended.time = self._now()
        self._put(cython.address(ended), cython.sizeof(ended))
        self._close_watched(p.pidfd)
        at[0] = p.next
        libc.free(p)
        return 0

    def _how_ended(self, p, ended):
        info: asking.ostler_pidfd_info
        libc.memset(cython.address(info), 0, cython.sizeof(info))
        # Nobody has waited for it until now, or somebody has; or does so between the first look and
        # the second, so that the first is repeated.
        for _ in range(2):
            info.mask = asking.OSTLER_PIDFD_INFO_EXIT
            if (
                libc.ioctl(p.pidfd, asking.OSTLER_PIDFD_GET_INFO, cython.address(info)) == 0
                and info.mask & asking.OSTLER_PIDFD_INFO_EXIT
            ):  # fmt: skip
                ended.known = True
                ended.status = info.exit_code
                break
            if exit_of_zombie(p.pid, cython.address(ended.status)) == 0:
                ended.known = True
                break
        if not ended.known and p.ending:
            ended.known = True
            ended.status = p.status
        return 0
