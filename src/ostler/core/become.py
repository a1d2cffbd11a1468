"""Becoming another program, on a machine: exec*() for processes that have to enter namespaces.

And moving to a machine without another program.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc.entering import entering_program
from cython.cimports.ostler.core.spawn import (
    SPAWN_AS_USER,
    SPAWN_SETMASK,
    SPAWN_TWICE,
    STEP_CLONE,
    STEP_EXEC,
    STEP_IDS,
    STEP_NAMESPACE,
    Spawn,
    close_from,
    close_held,
    execute,
    fail,
    launch,
    live,
    no_rights,
    schedule,
)

_STACK = cython.declare(cython.size_t, 64 * 1024)
_EVERY = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_SAID = cython.declare(cython.p_const_char, b"ostler: the program can't be run on its machine\n")
_stands_for = cython.declare(cython.int, 0)  # a child's pid
_came = cython.declare(cython.ulonglong, 0)  # signals before it was there, bit n - 1 for signal n


@cython.profile(False)
@cython.linetrace(False)
def become(s):
    """Run the program in place of this one. Return only when that failed: the errno."""
    mounts: cython.int = -1
    root: cython.int = -1
    here: cython.int = -1
    mask: cython.int = -1
    if s.error:
        return close_held(s)
    if s.flags & SPAWN_TWICE:
        return _stand_in(s)
    if s.namespace_count and _try_out(s) < 0:
        return close_held(s)
    if s.namespace_count:
        mounts = libc.openat(libc.AT_FDCWD, b"/proc/self/ns/mnt", libc.O_RDONLY | libc.O_CLOEXEC)
        root = libc.openat(libc.AT_FDCWD, b"/", libc.O_PATH | libc.O_CLOEXEC)
        here = libc.openat(libc.AT_FDCWD, b".", libc.O_PATH | libc.O_CLOEXEC)
    if s.umask >= 0:
        mask = libc.umask(s.umask)
    if _enter(s) == 0:
        if live(s) == 0 and schedule(s) == 0:
            execute(s)
    elif s.error == libc.EINVAL:
        # Several threads: they share the directory, and may have no namespace of their own.
        _by_a_program(s)
    if mask >= 0:
        libc.umask(mask)
    if s.namespace_count:
        # Back to where we were, which is permitted to who may mount.
        if libc.setns(mounts, libc.CLONE_NEWNS) == 0 and libc.fchdir(root) == 0:
            libc.chroot(b".")
            libc.fchdir(here)
        libc.close(mounts)
        libc.close(root)
        libc.close(here)
    return close_held(s)


@cython.profile(False)
@cython.linetrace(False)
def _enter(s):
    i: cython.int
    for i in range(s.namespace_count):
        if libc.setns(s.namespaces[i], 0) < 0:
            return fail(s, STEP_NAMESPACE)
    if s.unshare and libc.unshare(s.unshare) < 0:
        return fail(s, STEP_NAMESPACE)
    return 0


# ---- without a program ----


@cython.profile(False)
@cython.linetrace(False)
def arrive(s, parent):
    """Enter the namespaces, in a process that has one thread; 0, or the errno.

    It ends with its parent from then on.
    """
    if s.error:
        return s.error
    if s.flags & SPAWN_TWICE:
        # Only a child could be in the PID namespace.
        libc.errno = libc.EOPNOTSUPP
        fail(s, STEP_NAMESPACE)
    elif _enter(s) == 0:
        _end_with(s, parent)
    return s.error


@cython.profile(False)
@cython.linetrace(False)
def move(s, parent):
    """Live as the child that launch() starts would, but in this process, which has arrived.

    0, or the errno, with which half of it may be done. The process ends with its parent; 0: that
    is seen to by others.
    """
    # What exec takes from who is not root.
    if s.error == 0 and live(s) == 0 and schedule(s) == 0:
        if libc.geteuid() and no_rights() < 0:
            fail(s, STEP_IDS)
        elif parent:
            _end_with(s, parent)  # again: with a change of ids the kernel forgets it
    return close_held(s)


@cython.profile(False)
@cython.linetrace(False)
def _end_with(s, parent):
    if libc.prctl(libc.PR_SET_PDEATHSIG, libc.SIGKILL, 0, 0, 0) < 0:
        return fail(s, STEP_IDS)
    if libc.getppid() != parent:
        libc.kill(libc.getpid(), libc.SIGKILL)
    return 0


# ---- trying it out ----


@cython.profile(False)
@cython.linetrace(False)
def _try_out(s):
    # 0, or -1 with the error: of a child that does it all, and is ended by the kernel's own stop
    # of a traced process, before the first instruction of the program. 0, too, where processes
    # can't be traced: then it is not known.
    status: cython.int = 0
    before: cython.ulonglong = 0
    pid: cython.int
    ended: cython.int
    stack: cython.p_char = cython.cast(cython.p_char, libc.mmap(
        cython.NULL, _STACK, libc.PROT_READ | libc.PROT_WRITE,
        libc.MAP_PRIVATE | libc.MAP_ANONYMOUS | libc.MAP_STACK, -1, 0,
    ))  # fmt: skip
    if stack == libc.MAP_FAILED:
        return fail(s, STEP_CLONE)
    libc.syscall(
        libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(_EVERY), cython.address(before), 8
    )
    pid = libc.clone(_trial, stack + _STACK, libc.CLONE_VM | libc.CLONE_VFORK, s)
    if pid < 0:
        fail(s, STEP_CLONE)
    else:
        while True:
            ended = libc.waitpid(pid, cython.address(status), libc.__WALL)
            if ended == pid and libc.WIFSTOPPED(status):
                libc.kill(pid, libc.SIGKILL)
            elif ended == pid or libc.errno != libc.EINTR:
                break
    libc.syscall(libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(before), cython.NULL, 8)
    libc.munmap(stack, _STACK)
    return -1 if s.error else 0


@cython.profile(False)
@cython.linetrace(False)
def _trial(argument):
    s: cython.pointer(Spawn) = cython.cast(cython.pointer(Spawn), argument)
    all_but_trap: cython.ulonglong = _EVERY & ~(
        cython.cast(cython.ulonglong, 1) << (libc.SIGTRAP - 1)
    )
    if libc.ptrace(libc.PTRACE_TRACEME, 0, 0, 0) < 0:
        libc._exit(0)
    # The trap that ends it must get through.
    if libc.syscall(
        libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(all_but_trap), cython.NULL, 8
    ) < 0:  # fmt: skip
        libc._exit(0)
    if _enter(s) == 0 and live(s) == 0 and schedule(s) == 0:
        execute(s)
    libc._exit(127)
    return 127


# ---- by a program between ----


@cython.profile(False)
@cython.linetrace(False)
def _by_a_program(s):
    order: cython.char[160]
    given: cython.int[9]
    count: cython.int = 0
    size: cython.int = 0
    number: cython.int = 0
    i: cython.int
    flags: cython.int
    nothing: cython.p_const_char = b""
    argv: cython.pointer(cython.p_const_char)
    program: cython.int
    if s.flags & SPAWN_AS_USER:
        # It could not become that user in between, and must be root to enter.
        libc.errno = libc.EPERM
        return fail(s, STEP_IDS)
    program = entering_program()
    if program < 0:
        return fail(s, STEP_NAMESPACE)
    while s.argv[count] != cython.NULL:
        count += 1
    argv = cython.cast(
        cython.pointer(cython.p_const_char),
        libc.calloc(count + 5, cython.sizeof(cython.p_const_char)),
    )
    if argv == cython.NULL:
        fail(s, STEP_NAMESPACE)
        libc.close(program)
        return -1
    # Copies that stay open; should it fail, they are closed again.
    for i in range(s.namespace_count):
        given[i] = libc.fcntl(s.namespaces[i], libc.F_DUPFD, 3)
        if given[i] < 0:
            number = libc.errno
        size += libc.sprintf(order + size, b"%d ", given[i])
    order[size] = b";"
    order[size + 1] = 0
    given[s.namespace_count] = -1
    if s.exec_fd >= 0:
        flags = libc.fcntl(s.exec_fd, libc.F_GETFD)
        if flags & libc.FD_CLOEXEC:
            given[s.namespace_count] = libc.fcntl(s.exec_fd, libc.F_DUPFD, 3)
            libc.sprintf(order + size, b";%d", given[s.namespace_count])
        else:
            libc.sprintf(order + size, b";%d+", s.exec_fd)
    argv[0] = _SAID
    argv[1] = order
    argv[2] = argv[3] = nothing
    if s.cwd != cython.NULL:
        argv[2] = s.cwd
    if s.exec_fd < 0:
        argv[3] = s.path
    for i in range(count):
        argv[4 + i] = s.argv[i]
    if number == 0:
        libc.syscall(
            libc.SYS_execveat, program, nothing, argv, s.envp, libc.AT_EMPTY_PATH,
        )  # fmt: skip
        number = libc.errno
    for i in range(s.namespace_count + 1):
        if given[i] >= 0:
            libc.close(given[i])
    libc.free(argv)
    libc.close(program)
    libc.errno = number
    return fail(s, STEP_EXEC)


# ---- standing for a child ----


@cython.profile(False)
@cython.linetrace(False)
def _stand_in(s):
    global _stands_for, _came
    old: libc.sigaction_t[_SIGNALS]
    status: cython.int
    number: cython.int
    before: cython.ulonglong = 0
    nothing: cython.ulonglong = 0
    # By which the namespaces know that we live; launch() closes what it was given.
    stays: cython.int = -1
    if s.stays >= 0:
        stays = libc.fcntl(s.stays, libc.F_DUPFD_CLOEXEC, 3)
        if stays < 0:
            s.error = libc.errno
            return s.error
    libc.syscall(
        libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(_EVERY), cython.address(before), 8
    )
    s.flags |= SPAWN_SETMASK
    s.mask = before
    # By handlers, for they run in whichever thread a signal comes to. What is ignored stays so
    # until the child has inherited that.
    _stands_for = _came = 0
    for number in range(1, libc.NSIG):
        libc.sigaction(number, cython.NULL, cython.address(old[number]))
        if old[number].sa_handler != libc.SIG_IGN:
            _catch(number)
    if launch(s):
        for number in range(1, libc.NSIG):
            libc.sigaction(number, cython.address(old[number]), cython.NULL)
        libc.syscall(
            libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(before), cython.NULL, 8
        )
        if stays >= 0:
            libc.close(stays)
        return s.error
    if libc.geteuid():
        no_rights()  # what it has kept of root's, to come this far
    _stands_for = s.pid
    for number in range(1, libc.NSIG):
        _catch(number)
        if _came >> (number - 1) & 1:
            libc.kill(s.pid, number)
    # Nothing that others wait for the end of may stay open here.
    for number in range(stays if stays >= 0 else 0):
        libc.close(number)
    close_from(stays + 1 if stays >= 0 else 0)
    libc.syscall(libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(nothing), cython.NULL, 8)
    while True:
        number = libc.waitpid(s.pid, cython.address(status), libc.WUNTRACED)
        if number == s.pid:
            if not libc.WIFSTOPPED(status):
                end_as(status)
            libc.kill(libc.getpid(), libc.SIGSTOP)
    return 0


@cython.profile(False)
@cython.linetrace(False)
def _catch(number):
    action: libc.sigaction_t
    if (
        number == libc.SIGSEGV
        or number == libc.SIGBUS
        or number == libc.SIGFPE
        or number == libc.SIGILL
    ):
        return 0  # an error of our own
    libc.memset(cython.address(action), 0, cython.sizeof(action))
    libc.sigfillset(cython.address(action.sa_mask))
    action.sa_flags = libc.SA_SIGINFO | libc.SA_RESTART
    action.sa_sigaction = _hand_on
    return libc.sigaction(number, cython.address(action), cython.NULL)


@cython.profile(False)
@cython.linetrace(False)
def _hand_on(number, info, context):
    # What a terminal sends reaches the child by itself.
    global _came
    before: cython.int = libc.errno
    if number != libc.SIGCHLD and (number == libc.SIGCONT or info.si_code <= 0):
        if _stands_for:
            libc.kill(_stands_for, number)
        else:
            _came |= cython.cast(cython.ulonglong, 1) << (number - 1)
    libc.errno = before


@cython.profile(False)
@cython.linetrace(False)
def end_as(status):
    default: libc.sigaction_t
    nothing: cython.ulonglong = 0
    number: cython.int
    if libc.WIFSIGNALED(status):
        number = libc.WTERMSIG(status)
        libc.memset(cython.address(default), 0, cython.sizeof(default))
        default.sa_handler = libc.SIG_DFL
        libc.sigaction(number, cython.address(default), cython.NULL)
        libc.kill(libc.getpid(), number)
        libc.syscall(
            libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(nothing), cython.NULL, 8
        )
        libc._exit(128 + number)
    libc._exit(libc.WEXITSTATUS(status))
    return 0
