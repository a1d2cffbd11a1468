"""A family of processes that sees itself alone, and ends with the one that stands for it."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.become import arrive
from cython.cimports.ostler.core.helper import STACK, give_stacks_back, stacks, wait_for_end
from cython.cimports.ostler.core.libc import family as own
from cython.cimports.ostler.core.putting import new_mount, put_mount
from cython.cimports.ostler.core.spawn import close_from

_EVERY = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_STACKS = cython.declare(cython.int, 16)  # what libraries do at a fork is done on it
_PARTS = cython.declare(
    cython.int, libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV | libc.MOUNT_ATTR_NOEXEC
)


@cython.profile(False)
@cython.linetrace(False)
def _begin_family(family):
    # Have what this process forks from now on live in a namespace; 0, or the errno: none does.
    i: cython.int
    family.first = family.proc = family.line = -1
    family.number = 0
    for i in range(2):
        family.lines[i] = family.words[i] = -1
    if _begin(family) == 0:
        _enter(family)
    # Only the line to the first process stays; where something went wrong, nothing does.
    if family.number and family.first > 0:
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
    family.stack = stacks(1)
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
        libc.CLONE_NEWPID | libc.CLONE_VM | libc.SIGCHLD, family,
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
    return _keep_two(family, family.lines[0], family.words[1])


@cython.profile(False)
@cython.linetrace(False)
def _keep_two(family, first, second):
    # As 0 and 1: nothing else stays open here whose end others may wait for.
    first = libc.fcntl(first, libc.F_DUPFD_CLOEXEC, 3)
    second = libc.fcntl(second, libc.F_DUPFD_CLOEXEC, 3)
    if first < 0 or second < 0 or libc.dup2(first, 0) < 0 or libc.dup2(second, 1) < 0:
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


# ---- a copy of this process that is in it ----


@cython.cclass
class Insider:
    """A forked copy of this process, on a machine and in a family from its first moment on.

    `pid` is 0 in the copy, -1 where there is none.
    """

    def __cinit__(self):
        self.pid = self._first = self._stands = self._line = -1
        self._owner = libc.getpid()

    def __dealloc__(self):
        if libc.getpid() == self._owner:
            self._end()

    @property
    def first(self):
        """A pidfd of the first process in the namespace, with which all others end."""
        return self._first

    def begin(self):
        # Fork; 0, or an errno, with the step that failed, and nothing is left.
        i: cython.int
        came: cython.int
        number: cython.int
        ends: cython.int[2]
        before: cython.ulonglong = 0
        inside: cython.pointer(Inside) = self._inside()
        py.PySys_Audit(b"os.fork", cython.NULL)
        inside.family.number = 0
        inside.family.first = -1
        inside.family.stack = cython.NULL
        inside.parent = self._owner
        inside.pid = inside.status = -1
        if libc.socketpair(libc.AF_LOCAL, libc.SOCK_STREAM | libc.SOCK_CLOEXEC, 0, ends) < 0:
            return _failed_to(inside, b"socketpair")
        inside.line = ends[1]
        self._stack = stacks(_STACKS)
        if self._stack == cython.NULL:
            number = _failed_to(inside, b"mmap")
            libc.close(ends[0])
            libc.close(ends[1])
            return number
        py.PyOS_BeforeFork()
        libc.syscall(
            libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(_EVERY),
            cython.address(before), 8,
        )  # fmt: skip
        came = own.part(
            _stand, self._stack + _STACKS * STACK, inside, cython.address(inside.place),
            cython.address(self._stands), ends[0], ends[1],
        )  # fmt: skip
        if came > 0:
            own.have_state()
            # Nothing stays by which one could get out, or at those outside.
            libc.close(ends[0])
            libc.close(ends[1])
            libc.close(inside.family.line)
        elif came < 0:
            _failed_to(inside, b"clone")
            libc.close(ends[1])
        libc.syscall(
            libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(before), cython.NULL, 8
        )
        if came > 0:
            self.pid = 0
            py.PyOS_AfterFork_Child()
            return 0
        self._line = ends[0]
        if came == 0 and inside.family.number == 0:
            if inside.pid > 0:
                self.pid = inside.pid
                self._first = libc.syscall(libc.SYS_pidfd_open, inside.family.first, 0)
                if self._first < 0:
                    _failed_to(inside, b"pidfd_open")
            else:
                libc.errno = libc.ESRCH
                _failed_to(inside, b"the process that stands for it")
        py.PyOS_AfterFork_Parent()
        number = inside.family.number
        if number:
            self._end()
        return number

    def _inside(self):
        return cython.address(self.inside)

    def end(self):
        """End all that is in the family, and return the copy's status; None: nobody knows it."""
        if self.pid <= 0:
            return None
        with cython.nogil:
            self._end()
        return None if self.inside.status < 0 else self.inside.status

    def _end(self):
        if self._first >= 0:
            libc.syscall(libc.SYS_pidfd_send_signal, self._first, libc.SIGKILL, cython.NULL, 0)
        self.pid = -1
        if self._line >= 0:
            libc.close(self._line)
            self._line = -1
        if self._stands > 0:
            wait_for_end(self._stands)
            self._stands = -1
        if self._first >= 0:
            libc.close(self._first)
            self._first = -1
        if self._stack != cython.NULL:
            give_stacks_back(self._stack, _STACKS)
            self._stack = cython.NULL
        if self.inside.family.stack != cython.NULL:
            give_stacks_back(self.inside.family.stack, 1)
            self.inside.family.stack = cython.NULL
        return 0


def _failed_to(inside, step):
    _failed(cython.address(inside.family), step)
    return inside.family.number


# In a process that has the memory of the one that asks for it: by it an ordinary user's process,
# too, is copied right into namespaces that it can't enter and leave again. All signals are blocked.
@cython.profile(False)
@cython.linetrace(False)
def _stand(argument):
    inside: cython.pointer(Inside) = cython.cast(cython.pointer(Inside), argument)
    family: cython.pointer(Family) = cython.address(inside.family)
    default: libc.sigaction_t
    if arrive(cython.address(inside.s), inside.parent):
        family.number = inside.s.error
        family.step = b"the machine"
    elif _begin_family(family) == 0:
        inside.pid = libc.fork()
        if inside.pid == 0:
            own.jump(cython.address(inside.place))
        if inside.pid < 0:
            _failed(family, b"fork")
            libc.kill(family.first, libc.SIGKILL)
            libc.waitpid(family.first, cython.NULL, libc.__WALL)
    if family.number == 0:
        # Where the end of children is ignored nobody could wait for it.
        libc.memset(cython.address(default), 0, cython.sizeof(default))
        default.sa_handler = libc.SIG_DFL
        libc.sigaction(libc.SIGCHLD, cython.address(default), cython.NULL)
        if _keep_two(family, family.line, inside.line) == 0:
            own.stand(inside.pid, family.first, cython.address(inside.status))
        libc.kill(inside.pid, libc.SIGKILL)
        libc.waitpid(inside.pid, cython.NULL, 0)
        libc.kill(family.first, libc.SIGKILL)
        libc.waitpid(family.first, cython.NULL, libc.__WALL)
        inside.pid = -1
    libc._exit(0)
    return 0
