"""The spawn core: a child by clone3(CLONE_VM | CLONE_VFORK), with no Python between clone and exec.

Its cost doesn't depend on this process's memory, and it is safe with other threads running: the
child shares the memory, this thread stands still until the child has called exec or is gone, and
all signals are blocked meanwhile. `spawn.pxd` tells what a Spawn describes and in which order it
is done. Nothing here may allocate, take a lock or touch an object: half of it runs in the child.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.door import be_recorded
from cython.cimports.ostler.core.identity import begin_changing, end_changing
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.libc.identity import SYS_setgroups

_STACK = cython.declare(cython.size_t, 64 * 1024)
# A child's stack, kept for the next child; whoever finds it taken makes one of its own.
_kept = cython.declare(cython.p_char, cython.NULL)
_kept_taken = cython.declare(cython.char, 0)
_EVERY = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_FEW = cython.declare(
    cython.ulonglong,
    1 << own.CAP_CHOWN | 1 << own.CAP_DAC_OVERRIDE | 1 << own.CAP_DAC_READ_SEARCH
    | 1 << own.CAP_FOWNER | 1 << own.CAP_IPC_LOCK | 1 << own.CAP_IPC_OWNER
    | 1 << own.CAP_KILL | 1 << own.CAP_NET_BIND_SERVICE | 1 << own.CAP_SETGID
    | 1 << own.CAP_SETPCAP | 1 << own.CAP_SETUID | 1 << own.CAP_SYS_CHROOT
    | 1 << own.CAP_SYS_NICE | 1 << own.CAP_SYS_PTRACE,
)  # fmt: skip


@cython.cclass
class Words:
    """A NULL-terminated array of C strings, and the bytes objects that keep them alive."""

    def __dealloc__(self):
        libc.free(cython.cast(cython.p_void, self.array))


def words(kept):
    size: cython.Py_ssize_t = len(kept)
    made = Words()
    made.kept = kept
    made.array = cython.cast(
        cython.pointer(cython.p_const_char),
        libc.malloc((size + 1) * cython.sizeof(cython.p_const_char)),
    )
    if made.array == cython.NULL:
        raise MemoryError
    i: cython.Py_ssize_t
    for i in range(size):
        made.array[i] = py.PyBytes_AS_STRING(kept[i])
    made.array[size] = cython.NULL
    return made


def prepare(s):
    """Empty a Spawn: nothing is changed, and no program is named yet."""
    libc.memset(s, 0, cython.sizeof(Spawn) - cython.sizeof(s.room))
    s.exec_fd = s.root_fd = s.cwd_fd = s.landlock = s.pidfd = s.stays = s.recorder = -1
    s.umask = -1
    s.envp = libc.environ
    return 0


@cython.profile(False)
@cython.linetrace(False)
def keep_copies(s):
    # So the machine may close its own meanwhile. 0, or -1 with errno, and no copies.
    i: cython.int
    before: cython.int = s.held_count
    r: cython.int = 0
    for i in range(s.namespace_count):
        if r == 0:
            r = _copy(s, cython.address(s.namespaces[i]))
    if r == 0:
        r = _copy(s, cython.address(s.root_fd))
    if r == 0:
        r = _copy(s, cython.address(s.cwd_fd))
    if r == 0:
        r = _copy(s, cython.address(s.landlock))
    if r == 0:
        r = _copy(s, cython.address(s.stays))
    if r < 0:
        while s.held_count > before:
            s.held_count -= 1
            libc.close(s.held[s.held_count])
    return r


@cython.profile(False)
@cython.linetrace(False)
def _copy(s, fd):
    if fd[0] < 0:
        return 0
    fd[0] = libc.fcntl(fd[0], libc.F_DUPFD_CLOEXEC, 3)
    if fd[0] < 0:
        return -1
    s.held[s.held_count] = fd[0]
    s.held_count += 1
    return 0


@cython.profile(False)
@cython.linetrace(False)
def launch(s):
    """Start the child. Return 0, or the errno of what failed; no child is left then."""
    first: libc.pid_t
    flags: cython.int = libc.CLONE_VM | libc.CLONE_VFORK
    size: cython.size_t = 2 * _STACK if s.flags & SPAWN_TWICE else _STACK
    i: cython.int
    s.error = s.step = 0
    stack: cython.p_char = _stack(s.flags & SPAWN_TWICE, size)
    if stack == libc.MAP_FAILED:
        s.error = libc.errno
        s.step = STEP_CLONE
    else:
        s.second_stack = stack + size
        if s.flags & SPAWN_PIDFD and not s.flags & SPAWN_TWICE:
            flags |= libc.CLONE_PIDFD
        # The raw call, because libc's leaves out the signals that it uses itself.
        libc.syscall(
            libc.SYS_rt_sigprocmask,
            libc.SIG_SETMASK,
            cython.address(_EVERY),
            cython.address(s.before),
            8,
        )
        s.cleared = True
        if s.flags & SPAWN_AS_USER:
            begin_changing()
        first = libc.clone_cleared(
            _child, stack, _STACK, flags, libc.SIGCHLD, s, cython.address(s.pidfd)
        )
        if first < 0:
            # A kernel before 5.5, a filter that doesn't know the call, or what clone says as well.
            s.cleared = False
            first = libc.clone(
                _child, stack + _STACK, flags | libc.SIGCHLD, s, cython.address(s.pidfd)
            )
        if s.flags & SPAWN_AS_USER:
            end_changing()
        if first < 0:
            fail(s, STEP_CLONE)
        elif s.flags & SPAWN_TWICE:
            reap(first)
            if s.error and s.pid > 0 and not s.flags & SPAWN_KEEP:
                reap(s.pid)
            elif s.error == 0 and s.flags & SPAWN_PIDFD:
                s.pidfd = libc.syscall(libc.SYS_pidfd_open, s.pid, 0)
        else:
            s.pid = first
            if s.error and not s.flags & SPAWN_KEEP:
                reap(first)
        if s.error and s.pidfd >= 0:
            libc.close(s.pidfd)
            s.pidfd = -1
        libc.syscall(
            libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(s.before), cython.NULL, 8
        )
        if stack == _kept:
            libc.atomic_clear(cython.address(_kept_taken), libc.ATOMIC_RELEASE)
        else:
            libc.munmap(stack, size)
    return close_held(s)


@cython.profile(False)
@cython.linetrace(False)
def close_held(s):
    i: cython.int
    for i in range(s.held_count):
        libc.close(s.held[i])
    s.held_count = 0
    return s.error


@cython.profile(False)
@cython.linetrace(False)
def _stack(twice, size):
    # Not the kept one for two children: should the first be killed, the second still runs on its.
    global _kept
    mine: cython.bint = not twice and not libc.atomic_test_and_set(
        cython.address(_kept_taken), libc.ATOMIC_ACQUIRE
    )
    if mine and _kept != cython.NULL:
        return _kept
    stack: cython.p_char = cython.cast(cython.p_char, libc.mmap(
        cython.NULL, size, libc.PROT_READ | libc.PROT_WRITE,
        libc.MAP_PRIVATE | libc.MAP_ANONYMOUS | libc.MAP_STACK, -1, 0,
    ))  # fmt: skip
    if mine:
        if stack == libc.MAP_FAILED:
            libc.atomic_clear(cython.address(_kept_taken), libc.ATOMIC_RELEASE)
        else:
            _kept = stack
    return stack


@cython.profile(False)
@cython.linetrace(False)
def reap(pid):
    status: cython.int
    while libc.waitpid(pid, cython.address(status), 0) < 0 and libc.errno == libc.EINTR:
        pass
    return 0


@cython.profile(False)
@cython.linetrace(False)
def fail(s, step):
    s.error = libc.errno
    s.step = step
    return -1


# ---- from here on, in the child -------------------------------------------------------------


@cython.profile(False)
@cython.linetrace(False)
def _child(argument):
    s: cython.pointer(Spawn) = cython.cast(cython.pointer(Spawn), argument)
    i: cython.int
    _signals(s)
    for i in range(s.namespace_count):
        if libc.setns(s.namespaces[i], 0) < 0:
            fail(s, STEP_NAMESPACE)
            libc._exit(127)
    if s.unshare and libc.unshare(s.unshare) < 0:
        fail(s, STEP_NAMESPACE)
        libc._exit(127)
    if s.flags & SPAWN_TWICE:
        s.pid = libc.clone(
            _second, s.second_stack,
            libc.CLONE_VM | libc.CLONE_VFORK | libc.CLONE_PARENT | libc.SIGCHLD, s,
        )  # fmt: skip
        if s.pid < 0:
            fail(s, STEP_CLONE)
        libc._exit(0)
    return _second(argument)


@cython.profile(False)
@cython.linetrace(False)
def _second(argument):
    s: cython.pointer(Spawn) = cython.cast(cython.pointer(Spawn), argument)
    i: cython.int
    if live(s) == 0 and schedule(s) == 0 and (s.recorder < 0 or _be_recorded(s) == 0):
        if s.flags & SPAWN_ALONE and _alone() < 0:
            fail(s, STEP_ACTION)
            libc._exit(127)
        for i in range(s.action_count):
            if _act(cython.address(s.actions[i])) < 0:
                fail(s, STEP_ACTION)
                libc._exit(127)
        libc.syscall(
            libc.SYS_rt_sigprocmask, libc.SIG_SETMASK,
            cython.address(s.mask) if s.flags & SPAWN_SETMASK else cython.address(s.before),
            cython.NULL, 8,
        )  # fmt: skip
        execute(s)
    libc._exit(127)
    return 127


@cython.profile(False)
@cython.linetrace(False)
def _signals(s):
    # A handler of the parent's must not run here, where it would act on the parent's memory.
    action: libc.sigaction_t
    default: libc.sigaction_t
    number: cython.int
    libc.memset(cython.address(default), 0, cython.sizeof(default))
    default.sa_handler = libc.SIG_DFL
    if s.cleared and s.defaults == 0:
        return 0
    for number in range(1, libc.NSIG):
        if s.defaults >> (number - 1) & 1 == 0:
            if s.cleared:
                continue
            if libc.sigaction(number, cython.NULL, cython.address(action)) < 0:
                continue
            if action.sa_handler == libc.SIG_DFL or action.sa_handler == libc.SIG_IGN:
                continue
        libc.sigaction(number, cython.address(default), cython.NULL)
    return 0


@cython.profile(False)
@cython.linetrace(False)
def live(s):
    limit: libc.rlimit
    i: cython.int
    if s.root_fd >= 0 and (libc.fchdir(s.root_fd) < 0 or libc.chroot(b".") < 0):
        return fail(s, STEP_CWD)
    if s.cwd_fd >= 0 and libc.fchdir(s.cwd_fd) < 0:
        return fail(s, STEP_CWD)
    if s.cwd != cython.NULL and libc.chdir(s.cwd) < 0:
        return fail(s, STEP_CWD)
    if s.umask >= 0:
        libc.umask(s.umask)
    for i in range(s.limit_count):
        limit.rlim_cur = s.limits[i].soft
        limit.rlim_max = s.limits[i].hard
        if libc.setrlimit(s.limits[i].resource, cython.address(limit)) < 0:
            return fail(s, STEP_LIMIT)
    return 0


@cython.profile(False)
@cython.linetrace(False)
def schedule(s):
    param: libc.sched_param
    param.sched_priority = s.priority
    if s.flags & SPAWN_SCHEDULER:
        if libc.sched_setscheduler(0, s.policy, cython.address(param)) < 0:
            return fail(s, STEP_SCHEDULE)
    elif s.flags & SPAWN_SCHEDPARAM and libc.sched_setparam(0, cython.address(param)) < 0:
        return fail(s, STEP_SCHEDULE)
    if s.flags & SPAWN_SETSID and libc.setsid() < 0:
        return fail(s, STEP_SESSION)
    if s.flags & SPAWN_SETPGROUP and libc.setpgid(0, s.pgroup) < 0:
        return fail(s, STEP_GROUP)
    if s.flags & SPAWN_RESETIDS:
        # The raw calls: libc's would tell all threads of the parent.
        if libc.syscall(libc.SYS_setresuid, -1, libc.getuid(), -1) < 0:
            return fail(s, STEP_IDS)
        if libc.syscall(libc.SYS_setresgid, -1, libc.getgid(), -1) < 0:
            return fail(s, STEP_IDS)
    if s.flags & SPAWN_NO_RIGHTS and no_rights() < 0:
        return fail(s, STEP_IDS)
    if s.flags & SPAWN_AS_USER and _as_user(s) < 0:
        return fail(s, STEP_IDS)
    if s.flags & SPAWN_FEW_RIGHTS and _few_rights() < 0:
        return fail(s, STEP_IDS)
    if s.flags & SPAWN_OWN_KEYS:
        # Without a name: nobody else can join it. Where there is no room for one more the filter of
        # calls still keeps the keyrings out of reach, and where there are no keys nothing has to.
        joined: cython.long = libc.syscall(
            own.SYS_keyctl, own.KEYCTL_JOIN_SESSION_KEYRING,
            cython.cast(cython.p_void, cython.NULL), 0, 0, 0,
        )  # fmt: skip
        if joined < 0 and s.filter == cython.NULL and (
            libc.errno != libc.ENOSYS and libc.errno != libc.EPERM
        ):  # fmt: skip
            return fail(s, STEP_FILTER)
    alone: cython.bint = s.flags & SPAWN_NO_NEW_PRIVS or s.landlock >= 0 or s.filter != cython.NULL
    if alone and libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0:
        return fail(s, STEP_LANDLOCK)
    if s.landlock >= 0 and libc.syscall(libc.SYS_landlock_restrict_self, s.landlock, 0) < 0:
        return fail(s, STEP_LANDLOCK)
    if s.filter != cython.NULL and (
        libc.syscall(own.SYS_seccomp, own.SECCOMP_SET_MODE_FILTER, 0, s.filter) < 0
    ):
        return fail(s, STEP_FILTER)
    return 0


@cython.profile(False)
@cython.linetrace(False)
def _as_user(s):
    # The raw calls: libc's would tell all threads of the parent. With the last id of root's go all
    # capabilities.
    uid: cython.int = s.user.uid
    gid: cython.int = s.user.gid
    if libc.syscall(SYS_setgroups, s.user.count, s.user.groups) < 0:
        return -1
    if libc.syscall(libc.SYS_setresgid, gid, gid, gid) < 0:
        return -1
    return libc.syscall(libc.SYS_setresuid, uid, uid, uid)


@cython.profile(False)
@cython.linetrace(False)
def no_rights():
    # The bounding set as far as we may; with no new privileges an exec gives nothing back either.
    head: libc.__user_cap_header_struct
    data: libc.__user_cap_data_struct[2]
    number: cython.int
    for number in range(64):
        libc.prctl(libc.PR_CAPBSET_DROP, number, 0, 0, 0)
    head.version = libc._LINUX_CAPABILITY_VERSION_3
    head.pid = 0
    libc.memset(data, 0, cython.sizeof(data))
    return libc.syscall(libc.SYS_capset, cython.address(head), data)


@cython.profile(False)
@cython.linetrace(False)
def _few_rights():
    # For who has them by being root of a namespace that owns nothing: with the others nothing can
    # be done there, but CAP_SETFCAP makes programs that have rights outside.
    # With no new privileges an exec gives none of them back.
    head: libc.__user_cap_header_struct
    data: libc.__user_cap_data_struct[2]
    i: cython.int
    if libc.prctl(libc.PR_CAPBSET_DROP, own.CAP_SETFCAP, 0, 0, 0) < 0:
        return 0 if libc.errno == libc.EPERM else -1  # that of an ordinary user has none
    head.version = libc._LINUX_CAPABILITY_VERSION_3
    head.pid = 0
    if libc.syscall(own.SYS_capget, cython.address(head), data) < 0:
        return -1
    for i in range(2):
        data[i].effective &= cython.cast(cython.uint, _FEW >> 32 * i)
        data[i].permitted &= cython.cast(cython.uint, _FEW >> 32 * i)
        data[i].inheritable &= cython.cast(cython.uint, _FEW >> 32 * i)
    return libc.syscall(libc.SYS_capset, cython.address(head), data)


@cython.profile(False)
@cython.linetrace(False)
def _be_recorded(s):
    r: cython.int = be_recorded(s.recorder, s.recorder_end, s.tracer, s.recorded)
    if r < 0:
        fail(s, STEP_FILTER)
    if r == -2:
        libc.kill(libc.getpid(), libc.SIGKILL)
    return r


@cython.profile(False)
@cython.linetrace(False)
def _act(a):
    # As posix_spawn does them: a descriptor that was not open may be closed.
    fd: cython.int
    if a.kind == ACT_CLOSE:
        libc.close(a.fd)
        return 0
    if a.kind == ACT_CLOSEFROM:
        return close_from(a.fd)
    if a.kind == ACT_DUP2:
        if a.fd != a.to:
            return libc.dup2(a.fd, a.to)
        fd = libc.fcntl(a.fd, libc.F_GETFD)
        return fd if fd < 0 else libc.fcntl(a.fd, libc.F_SETFD, fd & ~libc.FD_CLOEXEC)
    libc.close(a.fd)
    fd = libc.openat(libc.AT_FDCWD, a.path, a.flags, a.mode)
    if fd < 0 or fd == a.fd:
        return fd
    if libc.dup2(fd, a.fd) < 0:
        return -1
    return libc.close(fd)


@cython.profile(False)
@cython.linetrace(False)
def close_from(first):
    limit: libc.rlimit
    fd: cython.ulong
    if libc.syscall(libc.SYS_close_range, first, cython.cast(cython.uint, -1), 0) == 0:
        return 0
    # A kernel before 5.9, or a filter that doesn't know the call.
    if libc.getrlimit(libc.RLIMIT_NOFILE, cython.address(limit)) < 0:
        return -1
    fd = first
    while fd < limit.rlim_cur:
        libc.close(cython.cast(cython.int, fd))
        fd += 1
    return 0


@cython.profile(False)
@cython.linetrace(False)
def _alone():
    limit: libc.rlimit
    fd: cython.ulong = 3
    if libc.syscall(
        libc.SYS_close_range, 3, cython.cast(cython.uint, -1), libc.CLOSE_RANGE_CLOEXEC
    ) == 0:  # fmt: skip
        return 0
    # A kernel before 5.11, or a filter that doesn't know the call.
    if libc.getrlimit(libc.RLIMIT_NOFILE, cython.address(limit)) < 0:
        return -1
    while fd < limit.rlim_cur:
        libc.fcntl(cython.cast(cython.int, fd), libc.F_SETFD, libc.FD_CLOEXEC)
        fd += 1
    return 0


@cython.profile(False)
@cython.linetrace(False)
def execute(s):
    path: cython.pointer(cython.p_const_char) = s.paths
    serious: cython.int = 0
    if s.exec_fd >= 0:
        libc.syscall(libc.SYS_execveat, s.exec_fd, b"", s.argv, s.envp, libc.AT_EMPTY_PATH)
    elif path == cython.NULL:
        libc.execve(s.path, s.argv, s.envp)
    else:
        libc.errno = libc.ENOENT
        while path[0] != cython.NULL:
            libc.execve(path[0], s.argv, s.envp)
            path += 1
            if libc.errno == libc.ENOENT or libc.errno == libc.ENOTDIR:
                if (
                    s.flags & SPAWN_FIRST
                    and libc.faccessat(libc.AT_FDCWD, (path - 1)[0], libc.F_OK, 0) == 0
                ):
                    libc.errno = libc.ENOENT  # it is there: what it needs to run is missing
                    break
                continue
            if s.flags & SPAWN_FIRST:
                break
            if s.flags & SPAWN_SEARCH and libc.errno != libc.EACCES:
                if (
                    libc.errno == libc.ESTALE
                    or libc.errno == libc.ENODEV
                    or libc.errno == libc.ETIMEDOUT
                ):
                    continue
                break
            if serious == 0:
                serious = libc.errno
        if serious:
            libc.errno = serious
    return fail(s, STEP_EXEC)
