"""Cases of processes.py."""

import faulthandler
import signal
import sys

from tests.parity import BAD_INTS, attempt, case

GONE = 2**22 + 5  # above the kernel's highest process id


def ended(os, code=0):
    """A child that has exited with this code, still to be waited for."""
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    return pid


@case
def one_bad_integer(os):
    return [
        attempt(getattr(os, name), value)
        for name in (
            "getpgid", "getsid", "nice", "sched_get_priority_max", "sched_get_priority_min",
            "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
            "wait3", "waitstatus_to_exitcode", "WCOREDUMP", "WEXITSTATUS", "WIFCONTINUED",
            "WIFEXITED", "WIFSIGNALED", "WIFSTOPPED", "WSTOPSIG", "WTERMSIG",
        )
        for value in BAD_INTS
        if not (name == "nice" and value == -1)
    ]  # fmt: skip


@case
def several_bad_integers(os):
    param = os.sched_param(0)
    calls = {
        "setpgid": (GONE, GONE), "killpg": (GONE, 0), "kill": (GONE, 0), "getpriority": (0, GONE),
        # Not to wait for a child that another test has left, of which -1 asks.
        "waitpid": (GONE, os.WNOHANG), "wait4": (GONE, os.WNOHANG),
        "waitid": (os.P_PID, GONE, os.WEXITED | os.WNOHANG),
        "setpriority": (0, GONE, 0), "pidfd_open": (GONE, 0), "sched_setparam": (GONE, param),
        "sched_setscheduler": (GONE, 0, param), "sched_setaffinity": (GONE, [0]),
    }  # fmt: skip
    found = []
    for name, good in calls.items():
        function = getattr(os, name)
        found.append(attempt(function, *good))
        for i in range(len(good)):
            found += [
                attempt(function, *good[:i], bad, *good[i + 1 :])
                for bad in BAD_INTS
                if not (name == "kill" and i == 0 and bad == -1)
            ]
    return found


@case
def unshare_and_setns_arguments(os):
    if sys.version_info < (3, 12):
        return None
    return [
        *(attempt(os.unshare, value) for value in [None, 1.0, 2**40, -1, "x"]),
        *(attempt(os.setns, value) for value in [None, 1.0, 2**40, -1, "x", 999]),
        *(attempt(os.setns, 999, value) for value in [None, 1.0, 2**40, "x"]),
    ]


@case
def affinity(os):
    masks = [[], [-1], [10**5], [2**31], [2**80], ["a"], 5, [0.5], [1023], iter([0]), {True: 1}]
    mine = os.sched_getaffinity(0)
    found = [attempt(os.sched_setaffinity, 0, mask) for mask in masks]
    os.sched_setaffinity(0, mine)
    return found, attempt(os.sched_getaffinity, 0)


@case
def scheduler(os):
    param = attempt(os.sched_getparam, 0)
    return [
        param,
        attempt(os.sched_getscheduler, 0),
        attempt(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0)),
        attempt(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(5)),
        attempt(os.sched_setparam, 0, os.sched_param(0)),
        attempt(os.sched_setparam, 0, os.sched_param(2**40)),
        attempt(os.sched_setparam, 0, os.sched_param("x")),
        attempt(os.sched_setparam, 0, (0,)),
        attempt(os.sched_get_priority_max, os.SCHED_FIFO),
        attempt(os.sched_get_priority_min, os.SCHED_FIFO),
        attempt(os.sched_yield),
    ]


@case
def identities(os):
    return [
        attempt(os.getpid), attempt(os.getppid), attempt(os.getpgrp), attempt(os.getpgid, 0),
        attempt(os.getsid, 0), attempt(os.nice, 0), attempt(os.getpriority, os.PRIO_PROCESS, 0),
        attempt(os.getpriority, 9, 0), attempt(os.kill, os.getpid(), 0),
        attempt(os.kill, os.getpid(), 99),
    ]  # fmt: skip


@case
def waits(os):
    found = []
    for wait in (
        lambda pid: os.waitpid(pid, 0),
        lambda pid: os.wait4(pid, 0)[:2],
        lambda pid: os.wait3(0)[:2],
        lambda pid: os.wait(),
    ):
        pid = ended(os, 7)
        ended_pid, status = wait(pid)
        found.append((ended_pid == pid, status))
    usage = os.wait4(ended(os), 0)[2]
    found.append((type(usage).__name__, len(usage), usage.ru_maxrss > 0))
    return found, attempt(os.wait), attempt(os.waitpid, -1, os.WNOHANG), attempt(os.wait3, 0)


@case
def waitid_record(os):
    pid = ended(os, 3)
    first = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    second = os.waitid(os.P_ALL, 0, os.WEXITED)
    shown = [(r.si_pid == pid, r[1:], r.si_signo, r.si_code) for r in (first, second)]
    return shown, attempt(os.waitid, os.P_ALL, 0, os.WEXITED)


@case
def waitid_none_yet(os):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    early = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG), os.waitpid(pid, os.WNOHANG)
    os.close(read)
    os.close(write)
    return early, os.waitpid(pid, 0)[1]


@case
def status_words(os):
    statuses = [0, 1, 9, 256, 0x7F, 0x137F, 0xFFFF, -1, 0x89, 0x100FF, 65535 * 256]
    return [
        attempt(getattr(os, name), status)
        for name in (
            "waitstatus_to_exitcode", "WCOREDUMP", "WEXITSTATUS", "WIFCONTINUED", "WIFEXITED",
            "WIFSIGNALED", "WIFSTOPPED", "WSTOPSIG", "WTERMSIG",
        )
        for status in statuses
    ]  # fmt: skip


@case
def killed_child(os):
    found = []
    for number in (signal.SIGKILL, signal.SIGTERM):
        pid = os.fork()
        if pid == 0:
            while True:
                signal.pause()
        os.kill(pid, number)
        found.append(os.waitpid(pid, 0)[1])
    return found


@case
def aborted_child(os):
    pid = os.fork()
    if pid == 0:
        faulthandler.disable()
        os.abort()
    return os.WTERMSIG(os.waitpid(pid, 0)[1])


@case
def sessions(os):
    def seen(change):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                change()
                mine = os.getpid()
                code = 10 + (os.getsid(0) == mine) + 2 * (os.getpgrp() == mine)
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return [
        seen(os.setsid), seen(os.setpgrp), seen(lambda: os.setpgid(0, 0)),
        seen(lambda: (os.setsid(), os.setsid())),
    ]  # fmt: skip


@case
def forkpty_child(os):
    pid, master = os.forkpty()
    if pid == 0:
        os.write(1, b"%d%d%d" % tuple(os.isatty(fd) for fd in (0, 1, 2)))
        os._exit(os.getsid(0) == os.getpid())
    text = os.read(master, 10)
    found = text, os.get_inheritable(master), os.waitpid(pid, 0)[1]
    os.close(master)
    return found


@case
def pidfd_of_a_child(os):
    pid = ended(os, 4)
    fd = os.pidfd_open(pid)
    found = os.get_inheritable(fd), os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status
    os.close(fd)
    return found, attempt(os.pidfd_open, 0), attempt(os.pidfd_open, os.getpid(), 99)


@case
def register_at_fork_arguments(os):
    return [
        attempt(os.register_at_fork), attempt(os.register_at_fork, before=1),
        attempt(os.register_at_fork, print),
    ]  # fmt: skip


@case
def times_record(os):
    found = os.times()
    return type(found).__name__, len(found), found.elapsed > 0, [type(x).__name__ for x in found]
