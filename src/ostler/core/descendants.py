"""All that a child has started, and the end of it.

Who belongs to a child is found in /proc. One reading of it serves everyone who asked before it
began, so that a thousand time limits that are over at the same moment cost a few readings.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import plain_failure

from ostler.core.interpreter import register_at_fork

_begun = cython.declare(cython.long, 0)  # how many readings
_waiting = cython.declare(cython.long, 0)  # how many threads want one
_latest = cython.declare(object, None)  # while somebody may want it


def readings():
    """How often /proc was read."""
    return _begun


def _forked():
    # The child is alone: who held the lock is not here.
    global _latest, _waiting
    if _turn.locked():
        _turn.release()
    _latest = None
    _waiting = 0


register_at_fork(after_in_child=_forked)


@cython.cclass
class Reading:
    """The processes that there are."""

    def __dealloc__(self):
        libc.free(self.by_parent)
        libc.free(self.by_group)

    def fill(self):
        block: cython.char[_BLOCK]
        size: cython.long
        at: cython.long
        entry: cython.pointer(libc.dirent)
        proc: cython.int = libc.openat(
            libc.AT_FDCWD, b"/proc", libc.O_RDONLY | libc.O_DIRECTORY | libc.O_CLOEXEC
        )
        if proc < 0:
            self.error = libc.errno
            return -1
        while self.error == 0:
            size = libc.getdents64(proc, block, _BLOCK)
            if size <= 0:
                self.error = libc.errno if size < 0 else 0
                break
            at = 0
            while at < size and self.error == 0:
                entry = cython.cast(cython.pointer(libc.dirent), block + at)
                at += entry.d_reclen
                if b"0" <= entry.d_name[0] <= b"9":
                    self._note(proc, entry.d_name)
        libc.close(proc)
        if self.error:
            return -1
        size = self.count * cython.sizeof(Known)
        self.by_group = cython.cast(cython.pointer(Known), libc.malloc(size + 1))
        if self.by_group == cython.NULL:
            self.error = libc.ENOMEM
            return -1
        libc.memcpy(self.by_group, self.by_parent, size)
        libc.qsort(self.by_parent, self.count, cython.sizeof(Known), _parents_in_order)
        libc.qsort(self.by_group, self.count, cython.sizeof(Known), _groups_in_order)
        return 0

    def _note(self, proc, name):
        more: cython.pointer(Known)
        known: Known
        if _learn(proc, name, cython.address(known)) < 0:
            # Without a descriptor to look with nobody knows who is missing.
            if libc.errno == libc.EMFILE or libc.errno == libc.ENFILE:
                self.error = libc.errno
            return 0
        if self.count == self.room:
            self.room = self.room * 2 + 512
            more = cython.cast(
                cython.pointer(Known),
                libc.realloc(self.by_parent, self.room * cython.sizeof(Known)),
            )
            if more == cython.NULL:
                self.error = libc.ENOMEM
                return 0
            self.by_parent = more
        self.by_parent[self.count] = known
        self.count += 1
        return 0

    def children_of(self, pid):
        return _pids(self.by_parent, self.count, pid, False)

    def group_of(self, group):
        return _pids(self.by_group, self.count, group, True)


def _key(known, by_group):
    return known.group if by_group else known.parent


@cython.cfunc
def _pids(
    known: cython.pointer(Known), count: cython.Py_ssize_t, key: cython.int, by_group: cython.bint
) -> list:
    # Of those with this parent, or group, where they stand in that order.
    found: list = []
    low: cython.Py_ssize_t = 0
    high: cython.Py_ssize_t = count
    middle: cython.Py_ssize_t
    while low < high:
        middle = (low + high) // 2
        if _key(known + middle, by_group) < key:
            low = middle + 1
        else:
            high = middle
    while low < count and _key(known + low, by_group) == key:
        found.append(known[low].pid)
        low += 1
    return found


def _parents_in_order(a, b):
    return (
        cython.cast(cython.pointer(Known), a).parent - cython.cast(cython.pointer(Known), b).parent
    )


def _groups_in_order(a, b):
    return cython.cast(cython.pointer(Known), a).group - cython.cast(cython.pointer(Known), b).group


def _learn(proc, name, known):
    # What there is to know of a process; -1 when it has ended, or can't be looked at.
    room: cython.char[512]
    path: cython.char[32]
    size: cython.long
    after: cython.p_char
    if libc.strlen(name) > 16:
        libc.errno = libc.ENOENT
        return -1
    libc.sprintf(path, b"%s/stat", name)
    fd: cython.int = libc.openat(proc, path, libc.O_RDONLY | libc.O_CLOEXEC)
    if fd < 0:
        return -1
    size = libc.read(fd, room, 511)
    libc.close(fd)
    libc.errno = libc.ESRCH
    if size <= 0:
        return -1
    room[size] = 0
    after = libc.strrchr(room, b")")  # the name before it may hold anything
    if after == cython.NULL:
        return -1
    if libc.sscanf(
        after, b") %c %d %d",
        cython.address(known.state), cython.address(known.parent), cython.address(known.group),
    ) != 3:  # fmt: skip
        return -1
    known.pid = libc.atoi(name)
    return -1 if known.state == b"Z" or known.state == b"X" else 0


@cython.cfunc
def _reading() -> Reading:
    # The processes, by a reading that began after this call did.
    global _latest
    number: cython.long = libc.atomic_add(cython.address(_begun), 0, libc.ATOMIC_ACQUIRE) + 1
    made: Reading = Reading()
    found: Reading
    libc.atomic_add(cython.address(_waiting), 1, libc.ATOMIC_RELEASE)
    # No Python runs while the lock is held: it could come here again.
    with _turn:
        found = _latest
        if found is None or found.number < number:
            made.number = libc.atomic_add(cython.address(_begun), 1, libc.ATOMIC_RELEASE)
            with cython.nogil:
                made.fill()
            _latest = found = made
        if libc.atomic_add(cython.address(_waiting), -1, libc.ATOMIC_RELEASE) == 0:
            _latest = None
    return found


@cython.cfunc
def _reading_with(spare: cython.p_int) -> Reading:
    found: Reading = _reading()
    if found.error == libc.EMFILE or found.error == libc.ENFILE:
        # It takes two descriptors.
        _close(spare[0])
        _close(spare[1])
        found = _reading()
        _reserve(spare)
    if found.error:
        raise plain_failure(found.error)
    return found


@cython.cfunc
@cython.exceptval(check=False)
def _reserve(spare: cython.p_int) -> cython.int:
    spare[0] = libc.openat(libc.AT_FDCWD, b"/proc", libc.O_PATH | libc.O_CLOEXEC)
    spare[1] = libc.openat(libc.AT_FDCWD, b"/proc", libc.O_PATH | libc.O_CLOEXEC)
    return 0


def kill_family(root, group):
    # Kill the process `root`, its descendants and, when it is not 0, the process group, which
    # must be root's own. `root` must be a child of ours that was not waited for: so its number,
    # and that of the group, can't come to mean another one.
    #
    # All are stopped first, as long as new ones turn up, so that none can start another one
    # meanwhile. Who is not in the group is held: {pid: (pidfd, parent)}.
    held: dict = {}
    spare: cython.int[2]
    _reserve(spare)
    try:
        libc.kill(-group if group else root, libc.SIGSTOP)
        try:
            while _stop_new(root, group, held, spare):
                pass
        finally:
            # Children before their parents: who is not held is known by its parent.
            for pid in reversed(held):
                _end(pid, held[pid], spare)
            if group:
                libc.kill(-group, libc.SIGKILL)
            libc.kill(root, libc.SIGKILL)
    finally:
        _close(spare[0])
        _close(spare[1])
    return 0


def end_family(pid: cython.int):
    """Kill a child of ours that was not waited for, and all its descendants."""
    kill_family(pid, 0)


@cython.cfunc
@cython.exceptval(-1)
def _stop_new(root: cython.int, group: cython.int, held: dict, spare: cython.p_int) -> cython.int:
    # Whether there was one outside the group. In the group a new one can only be a process that
    # was let into it, or woken: the whole group is stopped with each reading.
    pid: cython.int
    fd: cython.int
    new: cython.bint = False
    reading: Reading = _reading_with(spare)
    order: list = [root]
    within: set = set()
    if group:
        order += reading.group_of(group)
        within.update(order)
    for parent in order:
        for child in reading.children_of(parent):
            if child in within:
                continue
            within.add(child)
            if child in held:
                order.append(child)
                continue
            pid = child
            fd = -1
            if not _is_child(pid, parent, root, group, held, cython.address(fd), spare):
                continue
            order.append(child)
            libc.syscall(libc.SYS_pidfd_send_signal, fd, libc.SIGSTOP, cython.NULL, 0)
            if spare[0] < 0:
                # No descriptor to spare: stopped it keeps its number, and is held again in the end.
                libc.close(fd)
                fd = -1
                spare[0] = libc.openat(libc.AT_FDCWD, b"/proc", libc.O_PATH | libc.O_CLOEXEC)
            held[child] = (fd, parent)
            new = True
    if new and group:
        libc.kill(-group, libc.SIGSTOP)
    return new


@cython.cfunc
@cython.exceptval(check=False)
def _hold(pid: cython.int, spare: cython.p_int) -> cython.int:
    # A descriptor of a process, with a spare one given up where there is no other.
    fd: cython.int = libc.syscall(libc.SYS_pidfd_open, pid, 0)
    if fd < 0 and spare[0] >= 0 and (libc.errno == libc.EMFILE or libc.errno == libc.ENFILE):
        libc.close(spare[0])
        spare[0] = -1
        fd = libc.syscall(libc.SYS_pidfd_open, pid, 0)
    return fd


@cython.cfunc
@cython.exceptval(check=False)
def _known(pid: cython.int, known: cython.pointer(Known), spare: cython.p_int) -> cython.int:
    name: cython.char[32]
    r: cython.int
    libc.sprintf(name, b"/proc/%d", pid)
    r = _learn(libc.AT_FDCWD, name, known)
    if r < 0 and spare[1] >= 0 and (libc.errno == libc.EMFILE or libc.errno == libc.ENFILE):
        libc.close(spare[1])
        r = _learn(libc.AT_FDCWD, name, known)
        spare[1] = libc.openat(libc.AT_FDCWD, b"/proc", libc.O_PATH | libc.O_CLOEXEC)
    return r


@cython.cfunc
@cython.exceptval(-1)
def _is_child(
    pid: cython.int, parent: cython.int, root: cython.int, group: cython.int, held: dict,
    fd: cython.p_int, spare: cython.p_int,
) -> cython.int:  # fmt: skip
    # Whether it is a child of this member of the family, now that the descriptor, which is given
    # then, can't mean another process.
    known: Known
    fd[0] = _hold(pid, spare)
    if fd[0] < 0:
        return 0
    if _known(pid, cython.address(known), spare) == 0 and known.parent == parent:
        if parent == root or _is_held(parent, held, spare):
            return 1
        if group and _known(parent, cython.address(known), spare) == 0 and known.group == group:
            return 1
    libc.close(fd[0])
    fd[0] = -1
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _is_held(pid: cython.int, held: dict, spare: cython.p_int) -> cython.int:
    # Whether the number still means the process that was stopped.
    known: Known
    how = held.get(pid)
    if how is None:
        return 0
    fd: cython.int = how[0]
    if fd < 0:
        return _known(pid, cython.address(known), spare) == 0 and known.parent == how[1]
    return libc.syscall(libc.SYS_pidfd_send_signal, fd, 0, cython.NULL, 0) == 0


@cython.cfunc
@cython.exceptval(-1)
def _end(pid: cython.int, how: tuple, spare: cython.p_int) -> cython.int:
    known: Known
    fd: cython.int = how[0]
    if fd < 0:
        fd = _hold(pid, spare)
        if fd < 0:
            return 0
        if _known(pid, cython.address(known), spare) < 0 or known.parent != how[1]:
            libc.close(fd)
            return 0
    libc.syscall(libc.SYS_pidfd_send_signal, fd, libc.SIGKILL, cython.NULL, 0)
    libc.close(fd)
    if spare[0] < 0:
        spare[0] = libc.openat(libc.AT_FDCWD, b"/proc", libc.O_PATH | libc.O_CLOEXEC)
    return 0


@cython.cfunc
@cython.exceptval(check=False)
def _close(fd: cython.int) -> cython.int:
    return libc.close(fd) if fd >= 0 else 0


def adopt_orphans(on: cython.bint):
    """Whether what our children leave behind becomes our child from now on; prctl(2).

    Returns whether it did until now.
    """
    before: cython.int = 0
    if (
        libc.prctl(libc.PR_GET_CHILD_SUBREAPER, cython.address(before), 0, 0, 0) < 0
        or libc.prctl(libc.PR_SET_CHILD_SUBREAPER, cython.cast(cython.ulong, on), 0, 0, 0) < 0
    ):
        raise plain_failure(libc.errno)
    return before != 0
