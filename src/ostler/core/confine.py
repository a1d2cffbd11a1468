"""What confines the children of a machine: namespaces with a first process, and Landlock.

The namespaces (PID, IPC, network, mount) are made with the first child and belong to the machine.
Their first process does nothing but hold them: when the machine is closed, or this process gone,
it ends, and the kernel ends everything that is left in them. It keeps nothing of this process's
memory (_libc/holding.pxd), and is no child that wait() sees.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import plain_failure
from cython.cimports.ostler.core.filter import calls_of_confined
from cython.cimports.ostler.core.helper import (
    STACK,
    give_stacks_back,
    in_helper,
    stacks,
    wait_for_end,
    write_text,
)
from cython.cimports.ostler.core.libc.holding import hold
from cython.cimports.ostler.core.masks import mask, terminals
from cython.cimports.ostler.core.rulesets import (
    KERNELS,
    allow_below,
    allow_kernels,
    landlock_version,
    open_kernels,
    ruleset,
)
from cython.cimports.ostler.core.spawn import (
    SPAWN_ALONE,
    SPAWN_FEW_RIGHTS,
    SPAWN_NO_NEW_PRIVS,
    SPAWN_OWN_KEYS,
    SPAWN_TWICE,
    no_rights,
)

from ostler.core.crossing import the_host

_EVERY = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)


@cython.cclass
class Confinement:
    """What the children of one machine are confined by, made when the first one is started."""

    def __cinit__(self, network, *more):
        self.network = network
        self.line = self.watch = self.first = self.pid_ns = self.ipc_ns = self.net_ns = -1
        self.own_ns = self.full_ns = self.ruleset = self.reads = -1

    def __dealloc__(self):
        self.let_go()

    def add(self, s, root, user_ns, mount_ns):
        if self.first >= 0 and _have_ended(self.watch, self.line):
            # With the process that made them, of which this one is a forked copy.
            self.let_go()
        if self.first < 0:
            self.begin(root, user_ns, mount_ns)
        s.namespace_count = 0
        if user_ns >= 0:
            _add(s, user_ns)
        _add(s, self.own_ns)
        _add(s, self.pid_ns)
        _add(s, self.ipc_ns)
        if self.net_ns >= 0:
            _add(s, self.net_ns)
        # The last: whoever is in it may do nothing to the others.
        _add(s, self.full_ns)
        s.landlock = self.reads if self.read_only else self.ruleset
        s.flags |= SPAWN_TWICE
        if libc.geteuid() == 0 or libc.getuid() == 0:
            s.flags |= SPAWN_FEW_RIGHTS
        s.stays = self.line
        self.shut_in(s)
        return 0

    def shut_in(self, s):
        # What belongs to confinement whether there are namespaces or not.
        s.flags |= SPAWN_ALONE | SPAWN_NO_NEW_PRIVS | SPAWN_OWN_KEYS
        if self.calls is None:
            scoped: cython.bint = self.ruleset >= 0 and landlock_version() >= 6
            self.calls = calls_of_confined(self.alone, scoped)
        if self.calls.program.len:
            s.filter = cython.address(self.calls.program)
        return 0

    def begin(self, root, user_ns, mount_ns):
        den: Den
        i: cython.int
        libc.memset(cython.address(den), 0, cython.sizeof(den))
        den.user_ns = user_ns
        den.mount_ns = mount_ns
        den.network = self.network
        if user_ns < 0:
            uids = _everyone("uid_map")
            gids = _everyone("gid_map")
        else:
            uids = b"%d %d 1\n" % (libc.geteuid(), libc.geteuid())
            gids = b"%d %d 1\n" % (libc.getegid(), libc.getegid())
        den.terminals = terminals()
        den.uids = uids
        den.gids = gids
        _prepare(cython.address(den))
        if den.number == 0:
            with cython.nogil:
                _in_helper(cython.address(den))
        for i in range(2):
            _close(den.word[i])
            _close(den.hold[i])
            _close(den.go[i])
        _close(den.line[0])
        _close(den.proc)
        self.line = den.line[1]
        self.watch = den.maker
        self.first = den.first
        self.maker = libc.getpid()
        self.pid_ns = den.pid_ns
        self.ipc_ns = den.ipc_ns
        self.net_ns = den.net_ns
        self.own_ns = den.own_ns
        self.full_ns = den.full_ns
        if den.number:
            self.let_go()
            _close_kernels(cython.address(den))
            kind = type(plain_failure(den.number))
            step = cython.cast(bytes, den.step).decode()
            raise kind(den.number, f"no namespaces for the machine's children: {step}")
        self.ruleset = ruleset(root, False, False, False)
        self.reads = ruleset(root, False, False, True)
        if self.reads >= 0:
            allow_kernels(self.reads, den.kernels)
        _close_kernels(cython.address(den))
        if self.ruleset >= 0 and self.directory is not None:
            allow_below(self.ruleset, root, self.directory)
        return 0

    def let_go(self):
        _close(self.line)
        _close(self.watch)
        if self.first > 0 and self.maker == libc.getpid():
            libc.kill(self.first, libc.SIGKILL)
            _end(self.first)
        _close(self.pid_ns)
        _close(self.ipc_ns)
        _close(self.net_ns)
        _close(self.own_ns)
        _close(self.full_ns)
        _close(self.ruleset)
        _close(self.reads)
        self.line = self.watch = self.first = self.pid_ns = self.ipc_ns = self.net_ns = -1
        self.own_ns = self.full_ns = self.ruleset = self.reads = -1
        return 0


@cython.cfunc
def _everyone(name: str) -> bytes:
    # A map in which each id that there is here means itself: root may be one of a user namespace.
    ranges = [line.split() for line in _told_of_us(name).split(b"\n") if line]
    return b"".join([b"%s %s %s\n" % (first, first, count) for first, _, count in ranges])


def _told_of_us(name):
    """What the kernel tells of this process, in a file of /proc/self."""
    host = the_host()
    # By the host's own calls: open() acts on the machine that may be installed where this is run.
    fd = host.open(f"/proc/self/{name}", host.O_RDONLY | host.O_CLOEXEC)
    try:
        told = b""
        while more := host.read(fd, 65536):
            told += more
        return told
    finally:
        host.close(fd)


def _end(pid):
    # Reap a first process: when our children in it were waited for, which may be later, next time.
    # Where there is none to be waited for it is only slow.
    i: cython.int = 0
    unwaited: cython.int = 0
    status: cython.int
    info: libc.siginfo_t
    how: cython.int = libc.__WALL | libc.WNOHANG
    how_ours: cython.int = libc.WEXITED | libc.WNOHANG | libc.WNOWAIT
    if not libc.atomic_test_and_set(cython.address(_left_taken), libc.ATOMIC_ACQUIRE):
        for i in range(_LEFT):
            if _left[i] > 0 and libc.waitpid(_left[i], cython.address(status), how) != 0:
                _left[i] = 0
        libc.atomic_clear(cython.address(_left_taken), libc.ATOMIC_RELEASE)
    for i in range(1000):
        if libc.waitpid(pid, cython.address(status), how) != 0:
            return 0
        info.si_pid = 0
        libc.waitid(libc.P_ALL, 0, cython.address(info), how_ours)
        unwaited += info.si_pid != 0
        if unwaited == 25:
            break
        libc.poll(cython.NULL, 0, 1)
    i = 0  # not for ever: a process may have been forked while it was taken
    while libc.atomic_test_and_set(cython.address(_left_taken), libc.ATOMIC_ACQUIRE) and i < 1000:
        i += 1 + libc.poll(cython.NULL, 0, 1)
    for i in range(_LEFT):
        if _left[i] == 0:
            _left[i] = pid
            break
    libc.atomic_clear(cython.address(_left_taken), libc.ATOMIC_RELEASE)
    return 0


def _have_ended(maker, line):
    # Whether the namespaces are gone, or are going: their maker is, or nobody is at the other end
    # of the line.
    ends: libc.pollfd[2]
    ends[0].fd = maker
    ends[0].events = libc.POLLIN
    ends[1].fd = line
    ends[1].events = 0
    return libc.poll(ends, 2, 0) > 0


def _add(s, fd):
    s.namespaces[s.namespace_count] = fd
    s.namespace_count += 1
    return 0


def _close(fd):
    return libc.close(fd) if fd >= 0 else 0


def _close_kernels(den):
    i: cython.int
    for i in range(KERNELS):
        _close(den.kernels[i])
    return 0


def _failed(den, step):
    if den.number == 0:
        den.number = libc.errno
        den.step = step
    return -1


@cython.cfunc
@cython.exceptval(check=False)
def _prepare(den: cython.pointer(Den)) -> cython.int:
    i: cython.int
    den.first = den.pid_ns = den.ipc_ns = den.net_ns = den.own_ns = den.full_ns = den.maker = -1
    for i in range(2):
        den.line[i] = den.word[i] = den.hold[i] = den.go[i] = -1
    for i in range(KERNELS):
        den.kernels[i] = -1
    den.proc = libc.openat(libc.AT_FDCWD, b"/proc", libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
    if den.proc < 0:
        return _failed(den, b"/proc")
    if (
        libc.pipe2(den.line, libc.O_CLOEXEC) < 0
        or libc.pipe2(den.word, libc.O_CLOEXEC) < 0
        or libc.pipe2(den.hold, libc.O_CLOEXEC) < 0
        or libc.pipe2(den.go, libc.O_CLOEXEC) < 0
    ):
        return _failed(den, b"pipe2")
    den.maker = libc.syscall(libc.SYS_pidfd_open, libc.getpid(), 0)
    if den.maker < 0:
        return _failed(den, b"pidfd_open")
    return 0


def _in_helper(den):
    stack: cython.p_char = stacks(3)
    if stack == cython.NULL:
        return _failed(den, b"mmap")
    den.second = stack + 2 * STACK
    den.third = stack + 3 * STACK
    if in_helper(_helper, den, stack) < 0:
        _failed(den, b"clone")
    give_stacks_back(stack, 3)
    return 0


def _helper(argument):
    den: cython.pointer(Den) = cython.cast(cython.pointer(Den), argument)
    kinds: cython.int = libc.CLONE_NEWPID | libc.CLONE_NEWNS | libc.CLONE_NEWIPC
    if not den.network:
        kinds |= libc.CLONE_NEWNET
    if den.user_ns >= 0 and libc.setns(den.user_ns, libc.CLONE_NEWUSER) < 0:
        _failed(den, b"setns user")
        return 0
    if libc.setns(den.mount_ns, libc.CLONE_NEWNS) < 0:
        _failed(den, b"setns mnt")
        return 0
    den.first = libc.clone(_first, den.second, kinds | libc.CLONE_PARENT, den)
    if den.first < 0:
        _failed(den, b"clone")
        return 0
    libc.close(den.word[1])
    den.word[1] = -1
    if _heard(den) < 0:
        return 0
    den.pid_ns = _namespace(den, den.first, b"pid")
    den.ipc_ns = _namespace(den, den.first, b"ipc")
    den.own_ns = _namespace(den, den.first, b"mnt")
    if not den.network:
        den.net_ns = _namespace(den, den.first, b"net")
    _full_namespace(den)
    open_kernels(den.proc, den.first, den.terminals, den.kernels)
    # It shuts itself off now, before any child can see it.
    libc.write(den.go[1], b"x", 1)
    _heard(den)
    return 0


def _heard(den):
    # What the first process has to say: the errno of what it could not do, or 0. Its memory is a
    # copy of ours, and what is constant has the same place in both.
    said: Said
    if libc.read(den.word[0], cython.address(said), cython.sizeof(said)) != cython.sizeof(said):
        libc.errno = libc.ESRCH
        return _failed(den, b"the first process")
    if said.number:
        libc.errno = said.number
        return _failed(den, said.step)
    return 0


def _namespace(den, pid, kind):
    path: cython.char[64]
    libc.sprintf(path, b"%d/ns/%s", pid, kind)
    fd: cython.int = libc.openat(den.proc, path, libc.O_RDONLY | libc.O_CLOEXEC)
    if fd < 0:
        _failed(den, b"namespace")
    return fd


def _full_namespace(den):
    # All ids mean themselves in it: root's rights over files stay, those over the host don't.
    pid: cython.int = libc.clone(
        _keeper, den.third, libc.CLONE_NEWUSER | libc.CLONE_VM | libc.CLONE_FILES, den
    )
    if pid < 0:
        return _failed(den, b"clone user")
    if _write(den, pid, b"uid_map", den.uids) < 0 or _write(den, pid, b"gid_map", den.gids) < 0:
        _failed(den, b"uid_map")
    else:
        den.full_ns = _namespace(den, pid, b"user")
    libc.write(den.hold[1], b"x", 1)
    wait_for_end(pid)
    return 0


def _keeper(argument):
    den: cython.pointer(Den) = cython.cast(cython.pointer(Den), argument)
    byte: cython.char[1]
    libc.read(den.hold[0], byte, 1)
    return 0


def _write(den, pid, name, text):
    path: cython.char[64]
    libc.sprintf(path, b"%d/%s", pid, name)
    return write_text(den.proc, path, text)


# ---- the first process of the namespaces, at first with a copy of this process's memory --------


def _first(argument):
    den: cython.pointer(Den) = cython.cast(cython.pointer(Den), argument)
    top: cython.p_char = den.second
    said: Said
    byte: cython.char[1]
    said.number = 0
    said.step = b""
    _default_signals()
    libc.close(den.go[1])
    libc.setsid()
    if not den.network:
        _loopback_up()
    if mask(den.proc, den.terminals, cython.address(said.step)) < 0:
        said.number = libc.errno
    libc.write(den.word[1], cython.address(said), cython.sizeof(said))
    if said.number == 0 and libc.read(den.go[0], byte, 1) == 1 and _shut_off(den) == 0:
        hold(top - STACK, top)
        _wait()
    libc._exit(0)
    return 0


def _default_signals():
    # Not by sigaction(3): newer C libraries take a lock for SIGABRT, which another thread may have
    # held when this process was made, and in it nobody gives it back. The kernel's own structure
    # begins with the handler; all else of it is 0.
    action: cython.ulong[4]
    number: cython.int
    for number in range(1, libc.NSIG):
        libc.memset(action, 0, cython.sizeof(action))
        # Children that nobody waits for vanish by themselves.
        if number == libc.SIGCHLD:
            action[0] = cython.cast(cython.ulong, libc.SIG_IGN)
        libc.syscall(
            libc.SYS_rt_sigaction, number, action, cython.NULL, cython.cast(cython.size_t, 8)
        )
    return 0


def _shut_off(den):
    # No right over anything, nothing that children could look into, and of descriptors the two
    # that it waits for: the line to the machine, and the process that made it, for a forked copy of
    # that process may hold the line as well.
    said: Said
    line: cython.int = libc.fcntl(den.line[0], libc.F_DUPFD_CLOEXEC, 3)
    maker: cython.int = libc.fcntl(den.maker, libc.F_DUPFD_CLOEXEC, 3)
    word: cython.int = libc.fcntl(den.word[1], libc.F_DUPFD_CLOEXEC, 3)
    if (
        line < 0
        or maker < 0
        or word < 0
        or _forget_arguments(den) < 0
        or libc.dup2(line, 0) < 0
        or libc.dup2(maker, 1) < 0
        or libc.dup2(word, 2) < 0
        or libc.syscall(libc.SYS_close_range, 3, cython.cast(cython.uint, -1), 0) < 0
        or libc.prctl(libc.PR_SET_DUMPABLE, 0, 0, 0, 0) < 0
        or libc.prctl(libc.PR_SET_NAME, b"ostler-confined", 0, 0, 0) < 0
        or libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
        or no_rights() < 0
    ):
        return -1
    said.number = 0
    said.step = b""
    libc.write(2, cython.address(said), cython.sizeof(said))
    libc.close(2)
    return 0


def _forget_arguments(den):
    # Where the memory can't be given back as a whole, the arguments and the environment go, so
    # that /proc/1 does not show them: fields 48 to 51 of proc_pid_stat(5) say where they are.
    text: cython.char[2048]
    at: cython.p_char
    field: cython.int = 2
    low: cython.ulong = 0
    high: cython.ulong = 0
    page: cython.ulong = libc.sysconf(libc._SC_PAGESIZE)
    fd: cython.int = libc.openat(den.proc, b"self/stat", libc.O_RDONLY | libc.O_CLOEXEC)
    size: cython.long = libc.read(fd, text, 2047) if fd >= 0 else -1
    if size <= 0:
        return -1
    text[size] = 0
    at = cython.cast(cython.p_char, libc.memrchr(text, b")"[0], size))
    while at != cython.NULL and field < 51:
        at = libc.strchr(at + 1, b" "[0])
        field += 1
        if field == 48 and at != cython.NULL:
            low = libc.strtoul(at, cython.NULL, 10)
        elif field == 51 and at != cython.NULL:
            high = libc.strtoul(at, cython.NULL, 10)
    if low == 0 or high <= low:
        return -1
    low = low & ~(page - 1)
    high = (high + page - 1) & ~(page - 1)
    return libc.munmap(cython.cast(cython.p_void, low), high - low)


def _wait():
    # What hold() does, on an architecture that it isn't written for.
    ends: libc.pollfd[2]
    r: cython.int = -1
    while r < 0:
        ends[0].fd = 0
        ends[1].fd = 1
        ends[0].events = ends[1].events = libc.POLLIN
        r = libc.poll(ends, 2, -1)
        if r < 0 and libc.errno != libc.EINTR:
            break
    return 0


def _loopback_up():
    # A new network has nothing but a loopback, and that is down. Where this is refused it stays so.
    request: libc.ifreq
    fd: cython.int = libc.socket(libc.AF_INET, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0)
    if fd < 0:
        return -1
    libc.memset(cython.address(request), 0, cython.sizeof(request))
    libc.memcpy(request.ifr_name, b"lo", 3)
    if libc.ioctl(fd, libc.SIOCGIFFLAGS, cython.address(request)) == 0:
        request.ifr_flags |= libc.IFF_UP
        libc.ioctl(fd, libc.SIOCSIFFLAGS, cython.address(request))
    libc.close(fd)
    return 0
