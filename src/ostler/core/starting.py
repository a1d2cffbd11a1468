"""The start of a child of a machine, as subprocess wants it, on the spawn core."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.arguments import environment_of
from cython.cimports.ostler.core.crossing import Core, plain_failure, start_child
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.spawn import (
    ACT_DUP2,
    SPAWN_ALONE,
    SPAWN_KEEP,
    SPAWN_SETPGROUP,
    SPAWN_SETSID,
    STEP_EXEC,
    Action,
    Spawn,
    Words,
    act,
    close_held,
    heed_signals,
    prepare,
    run_with,
    words,
)


def start(
    machine: Core, args, executables, close_fds, pass_fds, cwd, env, ends, restore_signals,
    new_session, group: cython.int,
):  # fmt: skip
    """Start a program: (pid, errno or 0, whether the program was called).

    `executables` are tried in order. `ends` become standard input, output and error, where they
    are not -1. With an errno, the child waits to be reaped.
    """
    s: Spawn
    number: cython.int
    i: cython.int
    fd: cython.int
    prepare(cython.address(s))
    given: Words = words(args)
    candidates: Words = words(executables)
    variables: Words = environment_of(machine) if env is None else words(list(env))
    run_with(cython.address(s), given, variables)
    s.paths = candidates.array
    s.flags = SPAWN_KEEP
    if close_fds:
        s.flags |= SPAWN_ALONE
    if cwd is not None:
        s.cwd = py.PyBytes_AS_STRING(cwd)
    if new_session:
        s.flags |= SPAWN_SETSID
    if group >= 0:
        s.flags |= SPAWN_SETPGROUP
        s.pgroup = group
    if restore_signals:
        heed_signals(cython.address(s))
    kept = sorted(pass_fds)
    s.actions = cython.cast(
        cython.pointer(Action), libc.calloc(len(kept) + 4, cython.sizeof(Action))
    )
    if s.actions == cython.NULL:
        raise MemoryError
    try:
        for i in range(3):
            fd = ends[i]
            if fd < 0:
                continue
            if fd < 3 and fd != i:
                # Out of the way of what is put in its place.
                fd = libc.fcntl(fd, libc.F_DUPFD_CLOEXEC, 3)
                if fd < 0:
                    raise plain_failure(libc.errno)
                s.held[s.held_count] = fd
                s.held_count += 1
            act(cython.address(s), ACT_DUP2, fd, i)
        for i in range(len(kept)):
            act(cython.address(s), ACT_DUP2, kept[i], kept[i])
        number = start_child(machine, cython.address(s))
    finally:
        libc.free(s.actions)
        close_held(cython.address(s))
    if s.pid <= 0:
        raise plain_failure(number)
    return s.pid, number, s.step == STEP_EXEC


def keep_rights():
    """In a child of root's that may become another user: keep what entering its machine takes.

    The rights in force go with the user all the same, so that its files are the new user's files,
    and the program that is run has none: the kernel keeps these for this process alone.
    """
    libc.prctl(libc.PR_SET_KEEPCAPS, 1, 0, 0, 0)


def use_rights():
    """Put the kept rights in force that it takes to enter a machine, right before that."""
    head: libc.__user_cap_header_struct
    data: libc.__user_cap_data_struct[2]
    real: libc.uid_t
    effective: libc.uid_t
    saved: libc.uid_t
    entering: cython.uint = (
        1 << own.CAP_SYS_ADMIN | 1 << own.CAP_SYS_CHROOT | 1 << own.CAP_SETPCAP
    )  # fmt: skip
    head.version = libc._LINUX_CAPABILITY_VERSION_3
    head.pid = 0
    if libc.syscall(own.SYS_capget, cython.address(head), data) == 0:
        data[0].effective |= data[0].permitted & entering
        libc.syscall(libc.SYS_capset, cython.address(head), data)
    if (
        libc.getresuid(cython.address(real), cython.address(effective), cython.address(saved)) == 0
        and real and effective and saved
    ):  # fmt: skip
        # What the kernel does with a change of user, unless rights are kept.
        libc.prctl(libc.PR_CAP_AMBIENT, libc.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    return 0
