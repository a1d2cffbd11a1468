"""A family of processes that sees itself alone, and ends with the one that stands for it."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.become import arrive, end_as
from cython.cimports.ostler.core.helper import (
    STACK,
    give_stacks_back,
    in_helper,
    stacks,
    wait_for_end,
)
from cython.cimports.ostler.core.libc import family as own
from cython.cimports.ostler.core.putting import new_mount, put_mount
from cython.cimports.ostler.core.spawn import close_from, no_rights

_EVERY = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_PARTS = cython.declare(
    cython.int, libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV | libc.MOUNT_ATTR_NOEXEC
)


@cython.profile(False)
@cython.linetrace(False)
def begin_family(family):
    """Have what this process forks from now on live in a namespace; 0, or the errno: none does."""
    i: cython.int
    before: cython.ulonglong = 0
    family.first = family.proc = family.line = -1
    family.number = family.flags = 0
    for i in range(2):
        family.lines[i] = family.words[i] = -1
    libc.syscall(
        libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(_EVERY), cython.address(before), 8
    )
    if _begin(family) == 0:
        _enter(family)
    _settled(family)
    libc.syscall(libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(before), cython.NULL, 8)
    return family.number


@cython.profile(False)
@cython.linetrace(False)
def _settled(family):
    # Only the line to the first process stays; where something went wrong, nothing does.
    i: cython.int
    if family.number and family.first > 0 and not family.flags:
        libc.kill(family.first, libc.SIGKILL)
        libc.waitpid(family.first, cython.NULL, libc.__WALL)
        family.first = -1
    for i in range(2):
        if family.words[i] >= 0:
            libc.close(family.words[i])
    if family.lines[0] >= 0:
        libc.close(family.lines[0])
    if family.proc >= 0:
        libc.close(family.proc)
    family.line = family.lines[1]
    if family.number and family.line >= 0:
        libc.close(family.line)
        family.line = -1
    return family.number


def _failed(family, step):
    family.number = libc.errno
    family.step = step
    return -1


@cython.profile(False)
@cython.linetrace(False)
def _begin(family):
    byte: cython.char[1]
    heard: cython.long
    family.stack = stacks(1)  # it stays as long as the first, which lives in this memory
    if family.stack == cython.NULL:
        return _failed(family, b"mmap")
    family.proc = libc.openat(
        libc.AT_FDCWD, b"/proc", libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC
    )
    if family.proc < 0:
        return _failed(family, b"/proc")
    if libc.pipe2(family.lines, libc.O_CLOEXEC) < 0 or libc.pipe2(family.words, libc.O_CLOEXEC) < 0:
        return _failed(family, b"pipe2")
    family.first = libc.clone(
        _first, family.stack + STACK,
        libc.CLONE_NEWPID | libc.CLONE_VM | (family.flags or libc.SIGCHLD), family,
    )  # fmt: skip
    if family.first < 0:
        return _failed(family, b"a PID namespace")
    libc.close(family.words[1])
    heard = libc.read(family.words[0], byte, 1)
    family.words[1] = -1  # not before, for the first process looks here
    if heard != 1 and family.number == 0:
        libc.errno = libc.ESRCH
        return _failed(family, b"the first process")
    return 0 if family.number == 0 else -1


@cython.profile(False)
@cython.linetrace(False)
def _enter(family):
    path: cython.char[64]
    r: cython.int
    number: cython.int
    libc.sprintf(path, b"%d/ns/pid", family.first)
    fd: cython.int = libc.openat(family.proc, path, libc.O_RDONLY | libc.O_CLOEXEC)
    if fd < 0:
        return _failed(family, b"the PID namespace")
    r = libc.setns(fd, libc.CLONE_NEWPID)
    number = libc.errno
    libc.close(fd)
    if r < 0:
        libc.errno = number
        return _failed(family, b"setns pid")
    return 0


@cython.profile(False)
@cython.linetrace(False)
def stand_for(family, pid):
    """Wait for this child, end all that is left of the family, and end as the child has ended.

    No signal does anything here, but for those that nobody can hold up.
    """
    status: cython.int = 0
    number: cython.int
    libc.syscall(libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(_EVERY), cython.NULL, 8)
    # Nothing that others wait for the end of may stay open here, and nobody may look into it; so
    # there is no second core dump, either.
    for number in range(family.line):
        libc.close(number)
    close_from(family.line + 1)
    libc.prctl(libc.PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.geteuid():
        no_rights()
    while libc.waitpid(pid, cython.address(status), 0) < 0 and libc.errno == libc.EINTR:
        pass
    libc.kill(family.first, libc.SIGKILL)
    # Which is gone when all others are.
    while libc.waitpid(family.first, cython.NULL, libc.__WALL) < 0 and libc.errno == libc.EINTR:
        pass
    return end_as(status)


# ---- the first process, which has all signals blocked and the memory of the one that made it ----


@cython.profile(False)
@cython.linetrace(False)
def _first(argument):
    family: cython.pointer(Family) = cython.cast(cython.pointer(Family), argument)
    if _settle(family) == 0:
        own.stay()
    libc._exit(0)
    return 0


@cython.profile(False)
@cython.linetrace(False)
def _settle(family):
    action: cython.ulong[4]
    line: cython.int
    word: cython.int
    # Orphans that nobody waits for vanish by themselves. By the kernel's own call, and structure,
    # as in core/confine.py.
    libc.memset(action, 0, cython.sizeof(action))
    action[0] = cython.cast(cython.ulong, libc.SIG_IGN)
    libc.syscall(
        libc.SYS_rt_sigaction, libc.SIGCHLD, action, cython.NULL, cython.cast(cython.size_t, 8)
    )
    if libc.prctl(libc.PR_SET_PDEATHSIG, libc.SIGKILL, 0, 0, 0) < 0 or libc.chdir(b"/") < 0:
        return _failed(family, b"the first process")
    libc.setsid()
    libc.prctl(libc.PR_SET_NAME, b"ostler-family", 0, 0, 0)
    if _show_processes(family) < 0:
        return -1
    line = libc.fcntl(family.lines[0], libc.F_DUPFD_CLOEXEC, 3)
    word = libc.fcntl(family.words[1], libc.F_DUPFD_CLOEXEC, 3)
    if line < 0 or word < 0 or libc.dup2(line, 0) < 0 or libc.dup2(word, 1) < 0:
        return _failed(family, b"dup2")
    close_from(2)
    return 0


@cython.profile(False)
@cython.linetrace(False)
def _show_processes(family):
    # In place of the /proc that is shown: it tells of the host's processes, and leads to their
    # files. It is taken away last, for who may mount one is asked whether he sees one already.
    mount: cython.int = -1
    if not family.read_only:
        mount = new_mount(b"proc", cython.NULL, _PARTS)
    if mount < 0:
        # Where it is shown read-only, a new one must be, too.
        mount = new_mount(b"proc", cython.NULL, _PARTS | libc.MOUNT_ATTR_RDONLY)
    if mount < 0:
        return _failed(family, b"a file system for /proc")
    libc.syscall(libc.SYS_umount2, b"/proc", libc.MNT_DETACH)  # or it is covered
    if put_mount(mount, libc.AT_FDCWD, b"/proc") < 0:
        return _failed(family, b"move_mount")
    return 0


# ---- forked into it by who is outside and stays there ----


@cython.cclass
class Insider:
    """A forked copy of this process that is in a family from its first moment on.

    `pid` is 0 in the copy, -1 where there is none.
    """

    def __cinit__(self):
        self.pid = self.family.first = self.family.line = self._first = -1
        self._owner = libc.getpid()

    def __dealloc__(self):
        if libc.getpid() == self._owner:
            self._end()

    @property
    def first(self):
        """A pidfd of the first process in the namespace, with which all others end."""
        return self._first

    def begin(self):
        # Fork, which root can do so: an ordinary user's process may enter namespaces that are its
        # own alone, and not come back. 0, or an errno, and nothing is left.
        back: cython.int
        number: cython.int
        i: cython.int
        stack: cython.p_char = cython.NULL
        self.family.number = 0
        self.family.flags = libc.CLONE_PARENT
        self.family.where = cython.address(self.s)
        self.family.parent = self._owner
        for i in range(2):
            self.family.lines[i] = self.family.words[i] = -1
        back = libc.openat(
            libc.AT_FDCWD, b"/proc/thread-self/ns/pid_for_children", libc.O_RDONLY | libc.O_CLOEXEC
        )
        if back < 0:
            return libc.errno
        with cython.nogil:
            # The way back is tried before it is needed.
            if libc.setns(back, libc.CLONE_NEWPID) < 0:
                _failed(cython.address(self.family), b"setns pid")
            else:
                stack = stacks(1)
                if stack == cython.NULL or in_helper(_begin_there, self._argument(), stack) < 0:
                    _failed(cython.address(self.family), b"a helper")
                if stack != cython.NULL:
                    give_stacks_back(stack, 1)
                if self.family.number == 0:
                    self._first = libc.syscall(libc.SYS_pidfd_open, self.family.first, 0)
                    if self._first < 0:
                        _failed(cython.address(self.family), b"pidfd_open")
        number = self.family.number
        try:
            if number == 0:
                number = self._fork(back)
        finally:
            if self.pid == 0:
                # Nothing stays by which one could get out, or at the first process.
                libc.close(self._first)
                libc.close(self.family.line)
                self.family.first = self.family.line = self._first = -1
            libc.close(back)
        if number:
            self._end()
        return number

    def _argument(self):
        return cython.address(self.family)

    def _fork(self, back):
        # What this thread forks is inside for as long as the call takes; a thread that it begins
        # meanwhile would be refused.
        number: cython.int
        py.PySys_Audit(b"os.fork", cython.NULL)
        py.PyOS_BeforeFork()
        if libc.setns(self._first, libc.CLONE_NEWPID) == 0:
            self.pid = libc.fork()
            number = 0 if self.pid >= 0 else libc.errno
            if self.pid == 0:
                py.PyOS_AfterFork_Child()
                return 0
            libc.setns(back, libc.CLONE_NEWPID)
        else:
            number = libc.errno
        py.PyOS_AfterFork_Parent()
        return number

    def end(self):
        """End all that is in the family, and return the copy's status; None: nobody knows it."""
        if self.pid <= 0:
            return None
        with cython.nogil:
            self._end()
        return None if self.status < 0 else self.status

    def _end(self):
        status: cython.int = 0
        if self.family.first > 0:
            libc.kill(self.family.first, libc.SIGKILL)
        if self.pid > 0:
            # Before the first, which is gone when all others are, and are waited for.
            self.status = -1
            while True:
                if libc.waitpid(self.pid, cython.address(status), libc.__WALL) >= 0:
                    self.status = status
                elif libc.errno == libc.EINTR:
                    continue
                break
            self.pid = -1
        if self.family.first > 0:
            wait_for_end(self.family.first)
            self.family.first = -1
        if self.family.stack != cython.NULL:
            give_stacks_back(self.family.stack, 1)
            self.family.stack = cython.NULL
        if self._first >= 0:
            libc.close(self._first)
            self._first = -1
        if self.family.line >= 0:
            libc.close(self.family.line)
            self.family.line = -1
        return 0


@cython.profile(False)
@cython.linetrace(False)
def _begin_there(argument):
    # In a helper, on the machine: the first process is this one's brother.
    family: cython.pointer(Family) = cython.cast(cython.pointer(Family), argument)
    if arrive(family.where, family.parent):
        family.number = family.where.error
        family.step = b"the machine"
        return 0
    _begin(family)
    _settled(family)
    return 0
