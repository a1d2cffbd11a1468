"""Which system calls a recorder is asked about, and what it has to know of each.

A line of the table is (kind, how, dir, path, dir2, path2, value): of the arguments the numbers,
from 0. The filter that picks these calls out is made of the same table.
"""

import re

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.libc import recorded_calls as calls
from cython.cimports.ostler.core.libc import recording, tracing

from ostler.core import filter as assembler
from ostler.machine import host

_NONE = -1
_LINES = {
    "open": (OPEN, 0, _NONE, 0, _NONE, _NONE, 1),
    "openat": (OPEN, 0, 0, 1, _NONE, _NONE, 2),
    "openat2": (OPEN_HOW, 0, 0, 1, _NONE, _NONE, 2),
    "creat": (CREAT, 0, _NONE, 0, _NONE, _NONE, _NONE),
    "mkdir": (MKDIR, NO_FOLLOW, _NONE, 0, _NONE, _NONE, 1),
    "mkdirat": (MKDIR, NO_FOLLOW, 0, 1, _NONE, _NONE, 2),
    "mknod": (MKNOD, NO_FOLLOW, _NONE, 0, _NONE, _NONE, 1),
    "mknodat": (MKNOD, NO_FOLLOW, 0, 1, _NONE, _NONE, 2),
    "symlink": (SYMLINK, NO_FOLLOW | TEXT, _NONE, 1, _NONE, 0, _NONE),
    "symlinkat": (SYMLINK, NO_FOLLOW | TEXT, 1, 2, _NONE, 0, _NONE),
    "link": (LINK, NO_FOLLOW, _NONE, 1, _NONE, 0, _NONE),
    "linkat": (LINK, NO_FOLLOW | LINKING, 2, 3, 0, 1, 4),
    "rename": (RENAME, NO_FOLLOW, _NONE, 0, _NONE, 1, _NONE),
    "renameat": (RENAME, NO_FOLLOW, 0, 1, 2, 3, _NONE),
    "renameat2": (RENAME, NO_FOLLOW | EXCHANGE, 0, 1, 2, 3, 4),
    "unlink": (REMOVE, NO_FOLLOW, _NONE, 0, _NONE, _NONE, _NONE),
    "unlinkat": (REMOVE, NO_FOLLOW, 0, 1, _NONE, _NONE, 2),
    "rmdir": (RMDIR, NO_FOLLOW, _NONE, 0, _NONE, _NONE, _NONE),
    "chmod": (MODE, 0, _NONE, 0, _NONE, _NONE, 1),
    "fchmod": (MODE, 0, 0, _NONE, _NONE, _NONE, 1),
    "fchmodat": (MODE, 0, 0, 1, _NONE, _NONE, 2),
    "fchmodat2": (MODE, AT_NO_FOLLOW | MAY_BE_EMPTY, 0, 1, _NONE, _NONE, 2),
    "chown": (OWNER, 0, _NONE, 0, _NONE, _NONE, 1),
    "lchown": (OWNER, NO_FOLLOW, _NONE, 0, _NONE, _NONE, 1),
    "fchown": (OWNER, 0, 0, _NONE, _NONE, _NONE, 1),
    "fchownat": (OWNER, AT_NO_FOLLOW | MAY_BE_EMPTY, 0, 1, _NONE, _NONE, 2),
    "truncate": (TRUNCATE, 0, _NONE, 0, _NONE, _NONE, _NONE),
    "ftruncate": (TRUNCATE, 0, 0, _NONE, _NONE, _NONE, _NONE),
    "utime": (TIMES, 0, _NONE, 0, _NONE, _NONE, _NONE),
    "utimes": (TIMES, 0, _NONE, 0, _NONE, _NONE, _NONE),
    "futimesat": (TIMES, MAY_BE_EMPTY, 0, 1, _NONE, _NONE, _NONE),
    "utimensat": (TIMES, AT_NO_FOLLOW | MAY_BE_EMPTY, 0, 1, _NONE, _NONE, _NONE),
    "setxattr": (ATTRIBUTE, 0, _NONE, 0, _NONE, _NONE, _NONE),
    "lsetxattr": (ATTRIBUTE, NO_FOLLOW, _NONE, 0, _NONE, _NONE, _NONE),
    "fsetxattr": (ATTRIBUTE, 0, 0, _NONE, _NONE, _NONE, _NONE),
    "removexattr": (ATTRIBUTE, 0, _NONE, 0, _NONE, _NONE, _NONE),
    "lremovexattr": (ATTRIBUTE, NO_FOLLOW, _NONE, 0, _NONE, _NONE, _NONE),
    "fremovexattr": (ATTRIBUTE, 0, 0, _NONE, _NONE, _NONE, _NONE),
    "setxattrat": (ATTRIBUTE, AT_NO_FOLLOW | MAY_BE_EMPTY, 0, 1, _NONE, _NONE, _NONE),
    "removexattrat": (ATTRIBUTE, AT_NO_FOLLOW | MAY_BE_EMPTY, 0, 1, _NONE, _NONE, _NONE),
    "connect": (CONNECT, 0, _NONE, 1, _NONE, _NONE, 2),
    "bind": (BIND, 0, _NONE, 1, _NONE, _NONE, 2),
    "sendto": (SEND, 0, _NONE, 4, _NONE, _NONE, 5),
    "sendmsg": (SEND, MESSAGE, _NONE, 1, _NONE, _NONE, _NONE),
    "sendmmsg": (SEND, MESSAGE | SEVERAL, _NONE, 1, _NONE, _NONE, 2),
    "mount": (MOUNT, 0, _NONE, 1, _NONE, _NONE, _NONE),
    "umount2": (MOUNT, 0, _NONE, 0, _NONE, _NONE, _NONE),
    "move_mount": (MOUNT, MAY_BE_EMPTY, 2, 3, _NONE, _NONE, _NONE),
    "execve": (EXECUTE, 0, _NONE, 0, _NONE, _NONE, 1),
    "execveat": (EXECUTE, MAY_BE_EMPTY, 0, 1, _NONE, _NONE, 2),
    "chroot": (ROOT, 0, _NONE, _NONE, _NONE, _NONE, _NONE),
    "pivot_root": (ROOT, 0, _NONE, _NONE, _NONE, _NONE, _NONE),
    "setns": (ROOT, 0, _NONE, _NONE, _NONE, _NONE, _NONE),
    "unshare": (ROOT, 0, _NONE, _NONE, _NONE, _NONE, _NONE),
    "clone": (CLONE, 0, _NONE, _NONE, _NONE, _NONE, 0),
    "clone3": (CLONE_HOW, 0, _NONE, _NONE, _NONE, _NONE, 0),
    "exit": (EXIT_THREAD, 0, _NONE, _NONE, _NONE, _NONE, 0),
    "exit_group": (EXIT, 0, _NONE, _NONE, _NONE, _NONE, 0),
}
_CLONE_OF_32_BITS = 120
# Their numbers here, and of 32 bits on x86-64 (arch/x86/entry/syscalls/syscall_32.tbl).
_NUMBERS = {
    "open": (own.SYS_open, 5),
    "openat": (own.SYS_openat, 295),
    "openat2": (own.SYS_openat2, 437),
    "creat": (own.SYS_creat, 8),
    "mkdir": (calls.SYS_mkdir, 39),
    "mkdirat": (calls.SYS_mkdirat, 296),
    "mknod": (own.SYS_mknod, 14),
    "mknodat": (own.SYS_mknodat, 297),
    "symlink": (calls.SYS_symlink, 83),
    "symlinkat": (calls.SYS_symlinkat, 304),
    "link": (calls.SYS_link, 9),
    "linkat": (calls.SYS_linkat, 303),
    "rename": (calls.SYS_rename, 38),
    "renameat": (calls.SYS_renameat, 302),
    "renameat2": (calls.SYS_renameat2, 353),
    "unlink": (calls.SYS_unlink, 10),
    "unlinkat": (calls.SYS_unlinkat, 301),
    "rmdir": (calls.SYS_rmdir, 40),
    "chmod": (own.SYS_chmod, 15),
    "fchmod": (own.SYS_fchmod, 94),
    "fchmodat": (own.SYS_fchmodat, 306),
    "fchmodat2": (own.SYS_fchmodat2, 452),
    "chown": (calls.SYS_chown, 212),  # chown32; the one of 16 bits is 182
    "lchown": (calls.SYS_lchown, 198),
    "fchown": (calls.SYS_fchown, 207),
    "fchownat": (calls.SYS_fchownat, 298),
    "truncate": (calls.SYS_truncate, 193),  # truncate64; of 32 bits 92
    "ftruncate": (calls.SYS_ftruncate, 194),
    "utime": (calls.SYS_utime, 30),
    "utimes": (calls.SYS_utimes, 271),
    "futimesat": (calls.SYS_futimesat, 299),
    "utimensat": (calls.SYS_utimensat, 320),
    "setxattr": (calls.SYS_setxattr, 226),
    "lsetxattr": (calls.SYS_lsetxattr, 227),
    "fsetxattr": (calls.SYS_fsetxattr, 228),
    "removexattr": (calls.SYS_removexattr, 235),
    "lremovexattr": (calls.SYS_lremovexattr, 236),
    "fremovexattr": (calls.SYS_fremovexattr, 237),
    "setxattrat": (calls.SYS_setxattrat, 463),
    "removexattrat": (calls.SYS_removexattrat, 466),
    "connect": (calls.SYS_connect, 362),
    "bind": (calls.SYS_bind, 361),
    "sendto": (calls.SYS_sendto, 369),
    "sendmsg": (calls.SYS_sendmsg, 370),
    "sendmmsg": (calls.SYS_sendmmsg, 345),
    "mount": (own.SYS_mount, 21),
    "umount2": (libc.SYS_umount2, 52),
    "move_mount": (libc.SYS_move_mount, 429),
    "execve": (calls.SYS_execve, 11),
    "execveat": (libc.SYS_execveat, 358),
    "chroot": (calls.SYS_chroot, 61),
    "pivot_root": (libc.SYS_pivot_root, 217),
    "setns": (own.SYS_setns, 346),
    "unshare": (own.SYS_unshare, 310),
    "clone": (own.SYS_clone, _CLONE_OF_32_BITS),
    "clone3": (own.SYS_clone3, 435),
    "exit": (calls.SYS_exit, 1),
    "exit_group": (calls.SYS_exit_group, 252),
}
# More numbers of the same calls, of 32 bits.
_OLDER = {
    182: "chown", 16: "lchown", 95: "fchown", 92: "truncate", 93: "ftruncate", 22: "umount2",
    412: "utimensat",
}  # fmt: skip
_SOCKETCALL = cython.declare(cython.int, 102)
_ENDS = (6, 15)  # of the kernel that has PIDFD_INFO_EXIT
_MAY_CHANGE = libc.O_ACCMODE | libc.O_CREAT | libc.O_TRUNC
_I386 = cython.declare(cython.uint, 0x40000003)  # AUDIT_ARCH_I386
_OF_X32 = cython.declare(cython.int, 0x40000000)
_LAST_BIT = 0x40000000  # of the numbers of the x32 interface


@cython.cclass
class CallRules:
    """The table, by the calls' numbers, for who is asked about them."""

    def __cinit__(self):
        libc.memset(self.native, 0, cython.sizeof(Rule) * MOST)
        libc.memset(self.of_32_bits, 0, cython.sizeof(Rule) * MOST)
        for name, (number, of_32_bits) in _NUMBERS.items():
            if 0 <= number < MOST:
                _fill(cython.address(self.native[number]), _LINES[name])
            _fill(cython.address(self.of_32_bits[of_32_bits]), _LINES[name])
        for older, name in _OLDER.items():
            _fill(cython.address(self.of_32_bits[older]), _LINES[name])
        _fill(
            cython.address(self.of_32_bits[_SOCKETCALL]),
            (SOCKETCALL, 0, _NONE, _NONE, _NONE, _NONE, _NONE),
        )

    def of_socketcall(self, which):
        # SYS_BIND and so on, of linux/net.h.
        number: cython.int = -1
        if which == 2:
            number = calls.SYS_bind
        elif which == 3:
            number = calls.SYS_connect
        elif which == 11:
            number = calls.SYS_sendto
        elif which == 16:
            number = calls.SYS_sendmsg
        elif which == 20:
            number = calls.SYS_sendmmsg
        return cython.NULL if number < 0 else cython.address(self.native[number])

    def rule(self, arch, number):
        if arch == cython.cast(cython.uint, own.OSTLER_ARCH):
            number &= ~_OF_X32
            if 0 <= number < MOST:
                return cython.address(self.native[number])
        elif arch == _I386 and 0 <= number < MOST:
            return cython.address(self.of_32_bits[number])
        return cython.NULL


@cython.cfunc
def _fill(rule: cython.pointer(Rule), line):
    kind, how, first, path, second, path2, value = line
    rule.kind = kind
    rule.how = how
    rule.dir = first
    rule.path = path
    rule.dir2 = second
    rule.path2 = path2
    rule.value = value


# What no program may do that is asked about, of 32 bits and of the x32 interface, too: the newer
# calls have the same number everywhere.
_BLOCKS_OF_ASKED = [
    "of 32 bits",
    assembler.load(0),
    "other",
    (own.BPF_ALU | own.BPF_AND | own.BPF_K, ~_LAST_BIT, None, None),
    assembler.test(own.BPF_JEQ, own.SYS_io_uring_setup, "ENOSYS", "ask"),
    "clone",  # of what shares its memory, and goes on beside the other one
    assembler.argument(0),
    assembler.test(own.BPF_JSET, libc.CLONE_VM, None, "allow"),
    assembler.test(own.BPF_JSET, libc.CLONE_VFORK, "allow", "ask"),
]

# What a thread that is traced may not do.
_BLOCKS_OF_TRACED = [
    "of 32 bits",
    assembler.load(0),
    assembler.test(own.BPF_JEQ, _CLONE_OF_32_BITS, "clone of 32 bits", "newer"),
    "other",
    assembler.test(own.BPF_JEQ, _LAST_BIT | own.SYS_clone, "clone of 32 bits", None),
    (own.BPF_ALU | own.BPF_AND | own.BPF_K, ~_LAST_BIT, None, None),
    "newer",  # which have the same number everywhere
    assembler.test(own.BPF_JEQ, own.SYS_clone3, "ENOSYS", None),
    assembler.test(own.BPF_JEQ, own.SYS_io_uring_setup, "ENOSYS", "ask"),
    "clone of 32 bits",
    assembler.argument(0),
    assembler.test(own.BPF_JSET, tracing.CLONE_UNTRACED, "EPERM", "ask"),
    "clone",  # and as above
    assembler.argument(0),
    assembler.test(own.BPF_JSET, tracing.CLONE_UNTRACED, "EPERM", None),
    assembler.test(own.BPF_JSET, libc.CLONE_VM, None, "allow"),
    assembler.test(own.BPF_JSET, libc.CLONE_VFORK, "allow", "ask"),
    "EPERM",
    assembler.answer(own.SECCOMP_RET_ERRNO | libc.EPERM),
]


def available():
    """Whether there is a filter for this architecture."""
    return bool(own.OSTLER_ARCH)


def _tells_ends():
    # Whether the kernel tells by a pidfd how a process has ended, whoever waits for it.
    version = host.uname().release.split(".")[:2]
    return tuple(int(re.match("[0-9]*", part)[0] or 0) for part in version) >= _ENDS


def instructions(reads, exact=False):
    """The filter of the calls that are asked about; `reads`: also of opening what is not changed.

    `exact`: in place of being asked about they stop a thread that is traced. Who would get out of
    that, by a flag of clone(), is refused it; clone3() is as if the kernel hadn't got it, since no
    filter sees the flags there.

    Without these nothing is asked at the end of a process either, where the kernel tells how it
    has ended in any case: what it used is not known then.

    A program of 32 bits, or of the x32 interface, is asked about with every call. io_uring does
    what no filter sees, so it is as if the kernel hadn't got it.
    """
    found = {}
    for name, (number, _) in _NUMBERS.items():
        label = "ask"
        if name == "exit_group" and not reads and _tells_ends():
            continue
        if not reads and name in ("open", "openat"):
            label = name
        elif name in ("sendto", "sendmsg"):
            label = name
        elif name in ("clone", "clone3"):
            # Who may change what others name: that is looked for at each open.
            if exact or not reads:
                continue
            label = "clone" if name == "clone" else "ask"
        found[number] = label
    found[own.SYS_io_uring_setup] = "ENOSYS"
    if exact:
        found[own.SYS_clone3] = "ENOSYS"
        found[own.SYS_clone] = "clone"
    for absent in [number for number in found if number < 0]:
        del found[absent]
    ranges = []
    for number in sorted(found):
        if ranges and ranges[-1][1] == number and ranges[-1][2] == found[number]:
            ranges[-1] = (ranges[-1][0], number + 1, found[number])
        else:
            ranges.append((number, number + 1, found[number]))
    ranges.append((_LAST_BIT, 2**32, "other"))
    ask = tracing.SECCOMP_RET_TRACE if exact else recording.SECCOMP_RET_USER_NOTIF
    return assembler.assembled(
        [
            assembler.load(4),
            assembler.test(own.BPF_JEQ, own.OSTLER_ARCH, None, "of 32 bits"),
            assembler.load(0),
            *assembler.tree(ranges),
            *(_BLOCKS_OF_TRACED if exact else _BLOCKS_OF_ASKED),
            "open",
            assembler.argument(1),
            assembler.test(own.BPF_JSET, _MAY_CHANGE, "ask", "allow"),
            "openat",
            assembler.argument(2),
            assembler.test(own.BPF_JSET, _MAY_CHANGE, "ask", "allow"),
            "sendto",  # what has an address
            assembler.argument(4),
            assembler.test(own.BPF_JEQ, 0, None, "ask"),
            assembler.load(16 + 8 * 4 + 4),
            assembler.test(own.BPF_JEQ, 0, "allow", "ask"),
            "sendmsg",  # but not the one by which the recorder gets what it is asked by
            assembler.argument(2),
            assembler.test(own.BPF_JEQ, recording.OSTLER_HANDING_OVER, "allow", "ask"),
            "allow",
            assembler.answer(own.SECCOMP_RET_ALLOW),
            "ENOSYS",
            assembler.answer(own.SECCOMP_RET_ERRNO | libc.ENOSYS),
            "ask",
            assembler.answer(ask),
        ]
    )
