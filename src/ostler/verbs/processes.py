"""Processes: this one, its children and others: fork, wait, signals, scheduling."""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, again, plain_failure
from cython.cimports.ostler.core.numbers import to_fildes, to_int, to_parsed_int, to_unsigned
from cython.cimports.ostler.core.records import new_sched_param, new_times, new_waitid

from ostler.core import records
from ostler.core.interpreter import register_at_fork
from ostler.core.interpreter import sched_param as _os_sched_param

CONSTANTS = {
    "CLD_CONTINUED": libc.CLD_CONTINUED,
    "CLD_DUMPED": libc.CLD_DUMPED,
    "CLD_EXITED": libc.CLD_EXITED,
    "CLD_KILLED": libc.CLD_KILLED,
    "CLD_STOPPED": libc.CLD_STOPPED,
    "CLD_TRAPPED": libc.CLD_TRAPPED,
    "CLONE_FILES": libc.CLONE_FILES,
    "CLONE_FS": libc.CLONE_FS,
    "CLONE_NEWCGROUP": libc.CLONE_NEWCGROUP,
    "CLONE_NEWIPC": libc.CLONE_NEWIPC,
    "CLONE_NEWNET": libc.CLONE_NEWNET,
    "CLONE_NEWNS": libc.CLONE_NEWNS,
    "CLONE_NEWPID": libc.CLONE_NEWPID,
    "CLONE_NEWTIME": libc.CLONE_NEWTIME,
    "CLONE_NEWUSER": libc.CLONE_NEWUSER,
    "CLONE_NEWUTS": libc.CLONE_NEWUTS,
    "CLONE_SIGHAND": libc.CLONE_SIGHAND,
    "CLONE_SYSVSEM": libc.CLONE_SYSVSEM,
    "CLONE_THREAD": libc.CLONE_THREAD,
    "CLONE_VM": libc.CLONE_VM,
    "PIDFD_NONBLOCK": libc.O_NONBLOCK,
    "PRIO_PGRP": libc.PRIO_PGRP,
    "PRIO_PROCESS": libc.PRIO_PROCESS,
    "PRIO_USER": libc.PRIO_USER,
    "P_ALL": libc.P_ALL,
    "P_PGID": libc.P_PGID,
    "P_PID": libc.P_PID,
    "P_PIDFD": libc.P_PIDFD,
    "SCHED_BATCH": libc.SCHED_BATCH,
    "SCHED_DEADLINE": libc.SCHED_DEADLINE,
    "SCHED_FIFO": libc.SCHED_FIFO,
    "SCHED_IDLE": libc.SCHED_IDLE,
    "SCHED_NORMAL": libc.SCHED_NORMAL,
    "SCHED_OTHER": libc.SCHED_OTHER,
    "SCHED_RESET_ON_FORK": libc.SCHED_RESET_ON_FORK,
    "SCHED_RR": libc.SCHED_RR,
    "WCONTINUED": libc.WCONTINUED,
    "WEXITED": libc.WEXITED,
    "WNOHANG": libc.WNOHANG,
    "WNOWAIT": libc.WNOWAIT,
    "WSTOPPED": libc.WSTOPPED,
    "WUNTRACED": libc.WUNTRACED,
}
# Its lists of callables are the interpreter's own, and so is the function.
TYPES = {"register_at_fork": register_at_fork}

SPACE = cython.declare(cython.char, 32)
ZERO = cython.declare(cython.char, 48)

_sched_param = records.TYPES["sched_param"]


@cython.cclass
class Processes(Core):
    """The calls of os that are about processes."""

    # ---- who ----

    def getpid(self, /):
        """This process's id; getpid(2)."""
        return libc.getpid()

    def getppid(self, /):
        """The parent's id; 1 or a subreaper's when it has gone; getppid(2)."""
        return libc.getppid()

    def getpgrp(self, /):
        """This process's group; getpgrp(2)."""
        return libc.getpgrp()

    def getpgid(self, pid):
        """The process group of a process, 0 for this one; getpgid(2)."""
        group: libc.pid_t = libc.getpgid(to_parsed_int(pid))
        if group < 0:
            raise plain_failure(libc.errno)
        return group

    def getsid(self, pid, /):
        """The session of a process, 0 for this one; getsid(2)."""
        session: libc.pid_t = libc.getsid(to_parsed_int(pid))
        if session < 0:
            raise plain_failure(libc.errno)
        return session

    def setsid(self, /):
        """Make this process the leader of a new session and process group; setsid(2)."""
        if libc.setsid() < 0:
            raise plain_failure(libc.errno)

    def setpgid(self, pid, pgrp, /):
        """Move a process into a process group; 0 means this process, and its id; setpgid(2)."""
        process: cython.int = to_parsed_int(pid)
        group: cython.int = to_parsed_int(pgrp)
        if libc.setpgid(process, group) < 0:
            raise plain_failure(libc.errno)

    def setpgrp(self, /):
        """Make this process the leader of its own process group; setpgid(2)."""
        if libc.setpgid(0, 0) < 0:
            raise plain_failure(libc.errno)

    def setns(self, fd, nstype=0):
        """Move this thread into a namespace given by descriptor; setns(2)."""
        r: cython.int
        namespace: cython.int = to_fildes(fd)
        kind: cython.int = to_int(nstype)
        with cython.nogil:
            r = libc.setns(namespace, kind)
            if r < 0:
                r = libc.errno
        if r:
            raise plain_failure(r)

    def unshare(self, flags):
        """Give this process its own copy of what CLONE_ flags name; unshare(2)."""
        r: cython.int
        what: cython.int = to_int(flags)
        with cython.nogil:
            r = libc.unshare(what)
            if r < 0:
                r = libc.errno
        if r:
            raise plain_failure(r)

    # ---- fork and exit ----

    def fork(self, /):
        """Copy this process; return 0 in the child, the child's id in the parent; fork(2)."""
        pid: libc.pid_t
        number: cython.int
        _refuse_at_shutdown()
        py.PySys_Audit(b"os.fork", cython.NULL)
        py.PyOS_BeforeFork()
        pid = libc.fork()
        number = libc.errno
        if pid == 0:
            py.PyOS_AfterFork_Child()
        else:
            py.PyOS_AfterFork_Parent()
            _warn_of_threads("fork")
        if pid < 0:
            raise plain_failure(number)
        return pid

    def forkpty(self, /):
        """Fork a child whose terminal is a new one; return (pid, descriptor of its master).

        In the child the id is 0 and the descriptor means nothing; pty(7).
        """
        pid: libc.pid_t = -1
        number: cython.int
        slave: cython.int = -1
        name: cython.char[64]
        _refuse_at_shutdown()
        py.PySys_Audit(b"os.forkpty", cython.NULL)
        py.PyOS_BeforeFork()
        # Up to 3.14 the master can be inherited by programs, as it is from forkpty(3).
        master: cython.int = libc.posix_openpt(
            libc.O_RDWR | libc.O_NOCTTY | (libc.O_CLOEXEC if py.PY_VERSION_HEX >= 0x030F0000 else 0)
        )
        if (
            master >= 0
            and libc.grantpt(master) == 0
            and libc.unlockpt(master) == 0
            and libc.ptsname_r(master, name, 64) == 0
        ):
            slave = libc.openat(libc.AT_FDCWD, name, libc.O_RDWR | libc.O_NOCTTY)
            if slave >= 0:
                pid = libc.fork()
        number = libc.errno
        if pid == 0:
            libc.close(master)
            libc.setsid()
            libc.ioctl(slave, libc.TIOCSCTTY, 0)
            libc.dup2(slave, 0)
            libc.dup2(slave, 1)
            libc.dup2(slave, 2)
            if slave > 2:
                libc.close(slave)
            py.PyOS_AfterFork_Child()
            return 0, master
        if slave >= 0:
            libc.close(slave)
        if pid < 0 and master >= 0:
            libc.close(master)
        py.PyOS_AfterFork_Parent()
        _warn_of_threads("forkpty")
        if pid < 0:
            raise plain_failure(number)
        return pid, master

    def _exit(self, status):
        """End this process at once, with no clean-up; _exit(2)."""
        libc._exit(to_int(status))

    def abort(self, /):
        """End this process by SIGABRT; abort(3)."""
        libc.abort()

    # ---- wait ----

    def wait(self, /):
        """Wait for any child to end; return (pid, status); wait(2)."""
        return _wait(-1, 0)

    def waitpid(self, pid, options, /):
        """Wait for a child, or any (-1) or a group's (0, -group); return (pid, status); waitpid(2).

        With WNOHANG the result is (0, 0) when none has ended.
        """
        process: cython.int = to_parsed_int(pid)
        how: cython.int = to_parsed_int(options)
        return _wait(process, how)

    def wait3(self, options):
        """As waitpid() for any child; return (pid, status, resource usage); wait4(2)."""
        return _wait_usage(-1, to_int(options))

    def wait4(self, pid, options):
        """As waitpid(); return (pid, status, resource usage); wait4(2)."""
        process: cython.int = to_parsed_int(pid)
        how: cython.int = to_parsed_int(options)
        return _wait_usage(process, how)

    def waitid(self, idtype, id, options, /):
        """Wait for a change of a child that P_ALL, P_PID, P_PGID or P_PIDFD and id name.

        Return a waitid_result, or None when there is none and WNOHANG was given; waitid(2).
        """
        r: cython.int
        kind: cython.int = to_parsed_int(idtype)
        which: cython.int = to_parsed_int(id)
        how: cython.int = to_parsed_int(options)
        info: libc.siginfo_t
        while True:
            libc.memset(cython.address(info), 0, cython.sizeof(info))
            with cython.nogil:
                r = libc.waitid(kind, which, cython.address(info), how)
                if r < 0:
                    r = libc.errno
            if r == 0:
                break
            again(r)
        if info.si_pid == 0:
            return None
        return new_waitid(info.si_pid, info.si_uid, info.si_signo, info.si_status, info.si_code)

    def waitstatus_to_exitcode(self, status):
        """The exit status in a wait status; minus the signal's number when one ended it."""
        s: cython.int = to_int(status)
        code: cython.int
        if libc.WIFEXITED(s):
            code = libc.WEXITSTATUS(s)
            if code < 0:
                raise ValueError(f"invalid WEXITSTATUS: {code}")
            return code
        if libc.WIFSIGNALED(s):
            code = libc.WTERMSIG(s)
            if code <= 0:
                raise ValueError(f"invalid WTERMSIG: {code}")
            return -code
        if libc.WIFSTOPPED(s):
            raise ValueError(f"process stopped by delivery of signal {libc.WSTOPSIG(s)}")
        raise ValueError(f"invalid wait status: {s}")

    def WCOREDUMP(self, status, /):
        """Whether this wait status tells of a core dump; wait(2)."""
        return libc.WCOREDUMP(to_int(status)) != 0

    def WIFCONTINUED(self, status):
        """Whether this wait status tells of a child that was continued; wait(2)."""
        return libc.WIFCONTINUED(to_int(status)) != 0

    def WIFEXITED(self, status):
        """Whether this wait status tells of a child that exited; wait(2)."""
        return libc.WIFEXITED(to_int(status)) != 0

    def WIFSIGNALED(self, status):
        """Whether this wait status tells of a child that a signal ended; wait(2)."""
        return libc.WIFSIGNALED(to_int(status)) != 0

    def WIFSTOPPED(self, status):
        """Whether this wait status tells of a child that was stopped; wait(2)."""
        return libc.WIFSTOPPED(to_int(status)) != 0

    def WEXITSTATUS(self, status):
        """The exit status in a wait status, if WIFEXITED(); wait(2)."""
        return libc.WEXITSTATUS(to_int(status))

    def WSTOPSIG(self, status):
        """The signal in a wait status, if WIFSTOPPED(); wait(2)."""
        return libc.WSTOPSIG(to_int(status))

    def WTERMSIG(self, status):
        """The signal in a wait status, if WIFSIGNALED(); wait(2)."""
        return libc.WTERMSIG(to_int(status))

    # ---- signals ----

    def kill(self, pid, signal, /):
        """Send a signal to a process, a group (-group, 0) or all (-1); kill(2)."""
        process: cython.int = to_parsed_int(pid)
        number: cython.Py_ssize_t = py.PyLong_AsSsize_t(py.PyNumber_Index(signal))
        py.PySys_Audit(b"os.kill", b"in", process, number)
        if libc.kill(process, cython.cast(cython.int, number)) < 0:
            raise plain_failure(libc.errno)
        # One sent to this process has its handler called before this returns.
        py.PyErr_CheckSignals()

    def killpg(self, pgid, signal, /):
        """Send a signal to a process group; killpg(3)."""
        group: cython.int = to_parsed_int(pgid)
        number: cython.int = to_parsed_int(signal)
        py.PySys_Audit(b"os.killpg", b"ii", group, number)
        if libc.killpg(group, number) < 0:
            raise plain_failure(libc.errno)
        py.PyErr_CheckSignals()

    def pidfd_open(self, pid, flags=0):
        """A descriptor that means this process and never another; pidfd_open(2)."""
        process: cython.int = to_parsed_int(pid)
        how: cython.uint = to_unsigned(flags)
        fd: cython.int = libc.syscall(libc.SYS_pidfd_open, process, how)
        if fd < 0:
            raise plain_failure(libc.errno)
        return fd

    # ---- scheduling ----

    def nice(self, increment, /):
        """Add to this process's niceness; return the new one; nice(2)."""
        step: cython.int = to_int(increment)
        libc.errno = 0
        value: cython.int = libc.nice(step)
        if value == -1 and libc.errno:
            raise plain_failure(libc.errno)
        return value

    def getpriority(self, which, who):
        """The niceness of what which (PRIO_PROCESS ...) and who name; getpriority(2)."""
        kind: cython.int = to_int(which)
        number: cython.int = to_int(who)
        libc.errno = 0
        value: cython.int = libc.getpriority(kind, number)
        if libc.errno:
            raise plain_failure(libc.errno)
        return value

    def setpriority(self, which, who, priority):
        """Set the niceness of what which and who name; setpriority(2)."""
        kind: cython.int = to_int(which)
        number: cython.int = to_int(who)
        value: cython.int = to_int(priority)
        if libc.setpriority(kind, number, value) < 0:
            raise plain_failure(libc.errno)

    def sched_get_priority_max(self, policy):
        """The highest priority of a scheduling policy; sched_get_priority_max(2)."""
        value: cython.int = libc.sched_get_priority_max(to_int(policy))
        if value < 0:
            raise plain_failure(libc.errno)
        return value

    def sched_get_priority_min(self, policy):
        """The lowest priority of a scheduling policy; sched_get_priority_min(2)."""
        value: cython.int = libc.sched_get_priority_min(to_int(policy))
        if value < 0:
            raise plain_failure(libc.errno)
        return value

    def sched_getscheduler(self, pid, /):
        """The scheduling policy of a process, 0 for this one; sched_getscheduler(2)."""
        policy: cython.int = libc.sched_getscheduler(to_parsed_int(pid))
        if policy < 0:
            raise plain_failure(libc.errno)
        return policy

    def sched_setscheduler(self, pid, policy, param, /):
        """Set the policy and the sched_param of a process; sched_setscheduler(2)."""
        process: cython.int = to_parsed_int(pid)
        kind: cython.int = to_parsed_int(policy)
        raw: libc.sched_param
        raw.sched_priority = to_priority(param)
        if libc.sched_setscheduler(process, kind, cython.address(raw)) < 0:
            raise plain_failure(libc.errno)

    def sched_getparam(self, pid, /):
        """The sched_param of a process, 0 for this one; sched_getparam(2)."""
        raw: libc.sched_param
        if libc.sched_getparam(to_parsed_int(pid), cython.address(raw)) < 0:
            raise plain_failure(libc.errno)
        return new_sched_param(raw.sched_priority)

    def sched_setparam(self, pid, param, /):
        """Set the sched_param of a process; sched_setparam(2)."""
        process: cython.int = to_parsed_int(pid)
        raw: libc.sched_param
        raw.sched_priority = to_priority(param)
        if libc.sched_setparam(process, cython.address(raw)) < 0:
            raise plain_failure(libc.errno)

    def sched_rr_get_interval(self, pid, /):
        """The round-robin quantum of a process in seconds; sched_rr_get_interval(2)."""
        interval: libc.timespec
        if libc.sched_rr_get_interval(to_parsed_int(pid), cython.address(interval)) < 0:
            raise plain_failure(libc.errno)
        return interval.tv_sec + 1e-9 * interval.tv_nsec

    def sched_yield(self, /):
        """Let another thread have the processor; sched_yield(2)."""
        r: cython.int
        with cython.nogil:
            r = libc.sched_yield()
            if r < 0:
                r = libc.errno
        if r:
            raise plain_failure(r)

    def sched_getaffinity(self, pid, /):
        """The set of processors that a process may run on; sched_getaffinity(2)."""
        process: cython.int = to_parsed_int(pid)
        count: cython.int = 64
        number: cython.int
        cpu: cython.int
        while True:
            size: cython.size_t = libc.CPU_ALLOC_SIZE(count)
            mask: cython.pointer(libc.cpu_set_t) = libc.CPU_ALLOC(count)
            if mask == cython.NULL:
                raise MemoryError
            number = 0
            if libc.sched_getaffinity(process, size, mask) < 0:
                number = libc.errno
            if number == 0:
                found = set()
                for cpu in range(count):
                    if libc.CPU_ISSET_S(cpu, size, mask):
                        found.add(cpu)
                libc.CPU_FREE(mask)
                return found
            libc.CPU_FREE(mask)
            if number != libc.EINVAL:
                raise plain_failure(number)
            if count > 0x3FFFFFFF:
                raise OverflowError("could not allocate a large enough CPU set")
            count *= 2

    def sched_setaffinity(self, pid, mask, /):
        """Let a process run on these processors only, given by number; sched_setaffinity(2)."""
        process: cython.int = to_parsed_int(pid)
        number: cython.long
        highest: cython.long = 0
        wanted = []
        for cpu in mask:
            if not isinstance(cpu, int):
                raise TypeError(f"expected an iterator of ints, but iterator yielded {type(cpu)!r}")
            number = py.PyLong_AsLong(cpu)
            if number < 0:
                raise ValueError("negative CPU number")
            if number > 0x7FFFFFFE:
                raise OverflowError("CPU number too large")
            highest = max(highest, number)
            wanted.append(number)
        count: cython.int = 64
        while highest >= count:
            count = 0x7FFFFFFF if count > 0x3FFFFFFF else count * 2
        size: cython.size_t = libc.CPU_ALLOC_SIZE(count)
        raw: cython.pointer(libc.cpu_set_t) = libc.CPU_ALLOC(count)
        if raw == cython.NULL:
            raise MemoryError
        libc.CPU_ZERO_S(size, raw)
        for number in wanted:
            libc.CPU_SET_S(number, size, raw)
        r: cython.int = 0
        if libc.sched_setaffinity(process, size, raw) < 0:
            r = libc.errno
        libc.CPU_FREE(raw)
        if r:
            raise plain_failure(r)

    def times(self, /):
        """The processor times of this process and its children, and the clock; times(2)."""
        t: libc.tms
        elapsed: cython.long = libc.times(cython.address(t))
        if elapsed == -1:
            raise plain_failure(libc.errno)
        ticks: cython.double = libc.sysconf(libc._SC_CLK_TCK)
        return new_times(
            t.tms_utime / ticks, t.tms_stime / ticks, t.tms_cutime / ticks, t.tms_cstime / ticks,
            elapsed / ticks,
        )  # fmt: skip


def to_priority(param):
    if type(param) is not _sched_param and type(param) is not _os_sched_param:
        raise TypeError("must have a sched_param object")
    overflow: cython.int = 0
    value: cython.long = py.PyLong_AsLongAndOverflow(
        py.PyNumber_Index(param[0]), cython.address(overflow)
    )
    if overflow or value != cython.cast(cython.int, value):
        raise OverflowError("sched_priority out of range")
    return cython.cast(cython.int, value)


@cython.cfunc
def _wait(pid: libc.pid_t, options: cython.int):
    status: cython.int = 0
    number: cython.int
    ended: libc.pid_t
    while True:
        with cython.nogil:
            ended = libc.waitpid(pid, cython.address(status), options)
            number = libc.errno if ended < 0 else 0
        if number == 0:
            return ended, status
        again(number)


@cython.cfunc
def _wait_usage(pid: libc.pid_t, options: cython.int):
    status: cython.int = 0
    number: cython.int
    ended: libc.pid_t
    u: libc.rusage
    while True:
        libc.memset(cython.address(u), 0, cython.sizeof(u))
        with cython.nogil:
            ended = libc.wait4(pid, cython.address(status), options, cython.address(u))
            number = libc.errno if ended < 0 else 0
        if number == 0:
            break
        again(number)
    import resource

    usage = resource.struct_rusage((
        u.ru_utime.tv_sec + u.ru_utime.tv_usec * 0.000001,
        u.ru_stime.tv_sec + u.ru_stime.tv_usec * 0.000001,
        u.ru_maxrss, u.ru_ixrss, u.ru_idrss, u.ru_isrss, u.ru_minflt, u.ru_majflt, u.ru_nswap,
        u.ru_inblock, u.ru_oublock, u.ru_msgsnd, u.ru_msgrcv, u.ru_nsignals, u.ru_nvcsw,
        u.ru_nivcsw,
    ))  # fmt: skip
    return ended, status, usage


@cython.cfunc
def _refuse_at_shutdown():
    if py.PY_VERSION_HEX >= 0x030D0000:
        if py.Py_IsFinalizing():
            raise PythonFinalizationError("can't fork at interpreter shutdown")
    elif py.PY_VERSION_HEX >= 0x030C0000 and _ending():
        raise RuntimeError("can't fork at interpreter shutdown")


@cython.cfunc
def _ending() -> cython.bint:
    # 3.12 refuses to fork from before its atexit functions run, and has no call that tells of it
    # so early. But the interpreter's other fork is refused from the same moment, before it finds
    # that these arguments have no meaning (there is no pipe 0 for the error).
    from _posixsubprocess import fork_exec

    descriptors = [-1] * 7
    try:
        fork_exec(
            (), (), True, (), None, None, *descriptors, 0, False, False, -1, None, None, None, -1,
            int, False,
        )  # fmt: skip
    except RuntimeError as error:
        return "shutdown" in str(error)
    except ValueError:
        pass
    return False


@cython.cfunc
def _warn_of_threads(function):
    # 3.12 and later: the parent hears that its threads don't exist in the child. A filter that
    # makes the warning an error can't undo the fork, so up to 3.14 the error is dropped.
    if py.PY_VERSION_HEX < 0x030C0000:
        return
    try:
        if _threads() > 1:
            text = (
                f"This process (pid={libc.getpid()}) is multi-threaded, "
                f"use of {function}() may lead to deadlocks in the child."
            )
            py.PyErr_WarnEx(DeprecationWarning, text.encode(), 1)
    except Exception:
        if py.PY_VERSION_HEX >= 0x030F0000:
            raise


@cython.cfunc
def _threads() -> cython.long:
    # The kernel's count, the 20th word of stat; else what the threading module knows.
    line: cython.char[160]
    size: cython.ssize_t = -1
    i: cython.ssize_t = 0
    word: cython.int = 1
    count: cython.long = 0
    fd: cython.int = libc.openat(libc.AT_FDCWD, b"/proc/self/stat", libc.O_RDONLY | libc.O_CLOEXEC)
    if fd >= 0:
        size = libc.read(fd, line, 159)
        libc.close(fd)
    while i < size and word < 20:
        if line[i] == SPACE:
            word += 1
        i += 1
    if word == 20:
        while i < size and ZERO <= line[i] < ZERO + 10:
            count = count * 10 + line[i] - ZERO
            i += 1
    if count <= 0:
        threading = sys.modules.get("threading")
        if threading is not None:
            count = len(threading._active) + len(threading._limbo)
    return count
