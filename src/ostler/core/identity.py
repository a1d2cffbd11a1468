"""Another user's identity, for one thread and a moment; see core/identity.pxd.

The saved user id stays root's, so that the way back is open and nobody of that user's may trace or
look into the process meanwhile. With an effective id that is not root's no capability has effect.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc.identity import (
    SYS_setgroups,
    ostler_ids_begin,
    ostler_ids_end,
    ostler_own,
)


@cython.profile(False)
@cython.linetrace(False)
def put_on(who, wholly):
    # Only the outermost has an effect. The real id counts where signals are sent, and in access(2).
    real: cython.int = who.uid if wholly else -1
    if ostler_own.depth == 0:
        if libc.getresuid(
            cython.address(ostler_own.real),
            cython.address(ostler_own.effective),
            cython.address(ostler_own.saved),
        ) < 0 or libc.getresgid(
            cython.address(ostler_own.gids[0]),
            cython.address(ostler_own.gids[1]),
            cython.address(ostler_own.gids[2]),
        ) < 0:  # fmt: skip
            return -1
        if ostler_own.effective != 0:
            libc.errno = libc.EPERM
            return -1
        ostler_own.count = libc.getgroups(1024, ostler_own.groups)
        if ostler_own.count < 0:
            return -1
        ostler_ids_begin()
        if libc.syscall(SYS_setgroups, who.count, who.groups) < 0:
            _end()
            return -1
        if libc.syscall(libc.SYS_setresgid, who.gid, who.gid, who.gid) < 0 or (
            libc.syscall(libc.SYS_setresuid, real, who.uid, 0) < 0
        ):
            _back()
            return -1
    ostler_own.depth += 1
    return 0


@cython.profile(False)
@cython.linetrace(False)
def take_off():
    ostler_own.depth -= 1
    return _back() if ostler_own.depth == 0 else 0


def _back():
    number: cython.int = libc.errno
    nobody: cython.int = -1
    if (
        libc.syscall(libc.SYS_setresuid, nobody, 0, nobody) < 0
        or libc.syscall(
            libc.SYS_setresgid, ostler_own.gids[0], ostler_own.gids[1], ostler_own.gids[2]
        )
        < 0
        or libc.syscall(SYS_setgroups, ostler_own.count, ostler_own.groups) < 0
        or libc.syscall(libc.SYS_setresuid, ostler_own.real, 0, ostler_own.saved) < 0
    ):
        libc.abort()  # it can't be, and to go on as somebody else would be worse
    libc.errno = number
    _end()
    return 0


def _end():
    number: cython.int = libc.errno
    ostler_ids_end()
    libc.errno = number
    return 0


@cython.profile(False)
@cython.linetrace(False)
def begin_changing():
    ostler_ids_begin()


@cython.profile(False)
@cython.linetrace(False)
def end_changing():
    _end()
