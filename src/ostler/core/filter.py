"""The filter of system calls that the children of a confined machine are under.

What no program needs that stays in its directory is refused: calls about the whole host, the large
parts of the kernel that open it to attack, and what makes other people's programs out of files.
Most fail with EPERM; those that programs do without where they are missing, and those that are
newer than this list, with ENOSYS. The calls of other interfaces (32 bits, x32) have other numbers,
which could mean anything here: they are not to be had.
"""

import struct

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.libc import confining as own

# Without a doubt the host's: its mounts, namespaces, clock, kernel, keys, accounts of everything.
_PERMITTED_TO_NOBODY = {
    "acct": own.SYS_acct,
    "bpf": own.SYS_bpf,
    "clock_settime": own.SYS_clock_settime,
    "create_module": own.SYS_create_module,
    "delete_module": own.SYS_delete_module,
    "fanotify_init": own.SYS_fanotify_init,
    "finit_module": own.SYS_finit_module,
    "fsconfig": libc.SYS_fsconfig,
    "fsmount": libc.SYS_fsmount,
    "fsopen": libc.SYS_fsopen,
    "fspick": libc.SYS_fspick,
    "init_module": own.SYS_init_module,
    "ioperm": own.SYS_ioperm,
    "iopl": own.SYS_iopl,
    "kexec_file_load": own.SYS_kexec_file_load,
    "kexec_load": own.SYS_kexec_load,
    "lookup_dcookie": own.SYS_lookup_dcookie,
    "mount": own.SYS_mount,
    "mount_setattr": libc.SYS_mount_setattr,
    "move_mount": libc.SYS_move_mount,
    "open_by_handle_at": own.SYS_open_by_handle_at,
    "open_tree": libc.SYS_open_tree,
    "open_tree_attr": own.SYS_open_tree_attr,
    "perf_event_open": own.SYS_perf_event_open,
    "pivot_root": libc.SYS_pivot_root,
    "quotactl": own.SYS_quotactl,
    "quotactl_fd": own.SYS_quotactl_fd,
    "reboot": own.SYS_reboot,
    "setdomainname": own.SYS_setdomainname,
    "sethostname": own.SYS_sethostname,
    "setns": own.SYS_setns,
    "settimeofday": own.SYS_settimeofday,
    "swapoff": own.SYS_swapoff,
    "swapon": own.SYS_swapon,
    "syslog": own.SYS_syslog,
    "umount2": libc.SYS_umount2,
    "uselib": own.SYS_uselib,
    "userfaultfd": own.SYS_userfaultfd,
    "vhangup": own.SYS_vhangup,
}
# clone3 and openat2 have in memory, where a filter can't look, what it would have to look at.
_AS_IF_MISSING = {
    "add_key": own.SYS_add_key,
    "clone3": own.SYS_clone3,
    "io_uring_enter": own.SYS_io_uring_enter,
    "io_uring_register": own.SYS_io_uring_register,
    "io_uring_setup": own.SYS_io_uring_setup,
    "keyctl": own.SYS_keyctl,
    "openat2": own.SYS_openat2,
    "request_key": own.SYS_request_key,
}
# The last call that was looked at for this list (Linux 6.17); none has a higher number.
_LAST = 469
# What says "my process group" in the calls about priorities.
_GROUP = libc.PRIO_PGRP
_GROUP_OF_IO = 2  # IOPRIO_WHO_PGRP
_PROCESS_OF_IO = 1  # IOPRIO_WHO_PROCESS

_NEW_NAMESPACES = (
    libc.CLONE_NEWCGROUP | libc.CLONE_NEWIPC | libc.CLONE_NEWNET | libc.CLONE_NEWNS
    | libc.CLONE_NEWPID | libc.CLONE_NEWUSER | libc.CLONE_NEWUTS
)  # fmt: skip
_NEW_TIME = 0x80  # CLONE_NEWTIME, which older headers lack; in clone() it is part of a signal
_CHANGES_IDS = own.S_ISUID | libc.S_ISGID
_MAKES = libc.O_CREAT | libc.O_TMPFILE & ~libc.O_DIRECTORY
_FAMILIES = (own.AF_UNIX, libc.AF_INET, own.AF_INET6)
_ROUTE = 0  # NETLINK_ROUTE


_made = {}


@cython.cclass
class Filter:
    """A program for seccomp(2), and the memory that it is in."""


def calls_of_confined(alone, scoped):
    """The filter, or one without instructions where none is written for this architecture.

    `alone`: no PID namespace hides other processes. `scoped`: Landlock keeps signals inside.
    """
    made: Filter = _made.get((alone, scoped))
    if made is not None:
        return made
    made = Filter()
    made.text = instructions(alone, scoped)
    made.program.len = len(made.text) // 8
    made.program.filter = cython.cast(
        cython.pointer(own.sock_filter), py.PyBytes_AS_STRING(made.text)
    )
    _made[alone, scoped] = made
    return made


def is_written():
    """Whether the filter is written for this architecture."""
    return own.OSTLER_ARCH != 0


def refused():
    """The calls that are always refused: a dict from their names to the errno."""
    found = dict.fromkeys(_PERMITTED_TO_NOBODY, libc.EPERM)
    found.update(dict.fromkeys(_AS_IF_MISSING, libc.ENOSYS))
    return found


def instructions(alone=False, scoped=True):
    """The filter's instructions, as the kernel takes them; empty for other architectures.

    They are few, since the kernel reads them anew for each child, and takes its time for each.
    """
    if not own.OSTLER_ARCH:
        return b""
    found = dict.fromkeys(_PERMITTED_TO_NOBODY.values(), "EPERM")
    found |= dict.fromkeys(_AS_IF_MISSING.values(), "ENOSYS")
    found |= _LOOKED_INTO
    blocks = _BLOCKS
    if alone:
        found |= _OF_ONE_PROCESS
        blocks = _BLOCKS_OF_ONE_PROCESS + blocks
    elif not scoped:
        found[own.SYS_kill] = "signal"
        blocks = _BLOCKS_OF_SIGNALS + blocks
    found.pop(own.OSTLER_ABSENT, None)
    ranges = []
    for number in sorted(found):
        if ranges and ranges[-1][1] == number and ranges[-1][2] == found[number]:
            ranges[-1] = (ranges[-1][0], number + 1, found[number])
        else:
            ranges.append((number, number + 1, found[number]))
    ranges.append((_LAST + 1, 2**32, "ENOSYS"))
    return assembled(
        [
            load(4),  # seccomp_data.arch
            test(own.BPF_JEQ, own.OSTLER_ARCH, None, "other"),
            load(0),  # seccomp_data.nr
            *tree(ranges),
            *blocks,
        ]
    )


# The calls that are refused with some arguments, and the block that looks at them.
_LOOKED_INTO = {
    own.SYS_clone: "spaces",
    own.SYS_unshare: "spaces",
    own.SYS_socket: "family",
    own.SYS_socketpair: "family",
    own.SYS_ioctl: "request",
    own.SYS_chmod: "mode in 1",
    own.SYS_fchmod: "mode in 1",
    own.SYS_creat: "mode in 1",
    own.SYS_fchmodat: "mode in 2",
    own.SYS_fchmodat2: "mode in 2",
    own.SYS_open: "open",
    own.SYS_openat: "openat",
    own.SYS_mknod: "mknod",
    own.SYS_mknodat: "mknodat",
    own.SYS_getpriority: "group",
    own.SYS_setpriority: "group",
    own.SYS_ioprio_get: "group of io",
    own.SYS_ioprio_set: "group of io",
}
# Where no PID namespace hides the other processes of this user: what changes them by their number.
_OF_ONE_PROCESS = {
    own.SYS_prlimit64: "itself",
    own.SYS_sched_setaffinity: "itself",
    own.SYS_sched_setattr: "itself",
    own.SYS_sched_setparam: "itself",
    own.SYS_sched_setscheduler: "itself",
    own.SYS_setpriority: "itself as process",
    own.SYS_ioprio_set: "itself as process of io",
}


# ---- instructions: (what, value, label if it holds, label if not); None is the next one ---------


def load(offset):
    return own.BPF_LD | own.BPF_W | own.BPF_ABS, offset, None, None


def argument(number):
    # The lower half of seccomp_data.args[number]; of what is asked here the kernel sees no more.
    return load(16 + 8 * number)


def test(kind, value, yes, no):
    return own.BPF_JMP | kind | own.BPF_K, value, yes, no


def answer(value):
    return own.BPF_RET | own.BPF_K, value, None, None


def _error(number):
    return answer(own.SECCOMP_RET_ERRNO | number)


_BLOCKS_OF_ONE_PROCESS = [
    "itself as process",
    argument(0),
    test(own.BPF_JEQ, libc.PRIO_PROCESS, "itself in 1", "EPERM"),
    "itself as process of io",
    argument(0),
    test(own.BPF_JEQ, _PROCESS_OF_IO, None, "EPERM"),
    "itself in 1",
    argument(1),
    test(own.BPF_JEQ, 0, "allow", "EPERM"),
    "itself",
    argument(0),
    test(own.BPF_JEQ, 0, "allow", "EPERM"),
]
# Its own process group: the starter is in it, and who started that one.
_BLOCKS_OF_SIGNALS = [
    "signal",
    argument(0),
    test(own.BPF_JEQ, 0, "EPERM", "allow"),
]
# Each but the last begins with a label. In clone the flag for time is part of a signal's number,
# which no signal has; one with CLONE_PARENT makes a child of the starter's, which is outside. So is
# the starter's process group, which a child is in, whatever PID namespace it has.
_BLOCKS = [
    "spaces",
    argument(0),
    test(own.BPF_JSET, _NEW_NAMESPACES | _NEW_TIME | libc.CLONE_PARENT, "EPERM", "allow"),
    "group",
    argument(0),
    test(own.BPF_JEQ, _GROUP, "EPERM", "allow"),
    "group of io",
    argument(0),
    test(own.BPF_JEQ, _GROUP_OF_IO, "EPERM", "allow"),
    "request",  # what is typed into a terminal is run by whoever reads it next
    argument(1),
    test(own.BPF_JEQ, own.TIOCSTI, "EPERM", None),
    test(own.BPF_JEQ, own.TIOCLINUX, "EPERM", "allow"),
    "family",
    argument(0),
    *[test(own.BPF_JEQ, family, "allow", None) for family in _FAMILIES],
    test(own.BPF_JEQ, own.AF_NETLINK, None, "EAFNOSUPPORT"),
    argument(2),
    test(own.BPF_JEQ, _ROUTE, "allow", "EPROTONOSUPPORT"),
    "mknodat",
    argument(2),
    test(own.BPF_JEQ, 0, "allow", "node"),
    "mknod",
    argument(1),
    "node",
    test(own.BPF_JSET, _CHANGES_IDS, "EPERM", None),
    (own.BPF_ALU | own.BPF_AND | own.BPF_K, libc.S_IFMT, None, None),
    test(own.BPF_JEQ, libc.S_IFCHR, "EPERM", None),
    test(own.BPF_JEQ, libc.S_IFBLK, "EPERM", "allow"),
    "openat",  # the mode means something only where a file may be made
    argument(2),
    test(own.BPF_JSET, _MAKES, None, "allow"),
    argument(3),
    test(own.BPF_JSET, _CHANGES_IDS, "EPERM", "allow"),
    "open",
    argument(1),
    test(own.BPF_JSET, _MAKES, "mode in 2", "allow"),
    "mode in 1",
    argument(1),
    test(own.BPF_JSET, _CHANGES_IDS, "EPERM", "allow"),
    "mode in 2",
    argument(2),
    test(own.BPF_JSET, _CHANGES_IDS, "EPERM", "allow"),
    "allow",
    answer(own.SECCOMP_RET_ALLOW),
    "EPERM",
    _error(libc.EPERM),
    "ENOSYS",
    _error(libc.ENOSYS),
    "EAFNOSUPPORT",
    _error(own.EAFNOSUPPORT),
    "EPROTONOSUPPORT",
    _error(own.EPROTONOSUPPORT),
    "other",
    answer(own.SECCOMP_RET_KILL_PROCESS),
]
_STEPS = 6  # that are taken one by one


def tree(ranges):
    # The number is looked up by halves, so that a call in the middle costs what others do.
    if len(ranges) > _STEPS:
        middle = len(ranges) // 2
        first = ranges[middle][0]
        above = f"from {first}"
        return [
            test(own.BPF_JGE, first, above, None),
            *tree(ranges[:middle]),
            above,
            *tree(ranges[middle:]),
        ]
    lines = []
    for first, end, label in ranges:
        after = "allow" if first == ranges[-1][0] else f"not {first}"
        if end == first + 1:
            lines.append(test(own.BPF_JEQ, first, label, after))
        elif end == 2**32:
            lines.append(test(own.BPF_JGE, first, label, after))
        else:
            lines.append(test(own.BPF_JGE, first, None, after))
            lines.append(test(own.BPF_JGE, end, after, label))
        lines.append(f"not {first}")
    return lines


def assembled(lines):
    # Labels become distances, which are less than 256: the whole is shorter.
    places, program = {}, []
    for line in lines:
        if isinstance(line, str):
            places[line] = len(program)
        else:
            program.append(line)
    return b"".join(
        [
            struct.pack(
                "=HBBI",
                what,
                0 if yes is None else places[yes] - at - 1,
                0 if no is None else places[no] - at - 1,
                value & 0xFFFFFFFF,
            )
            for at, (what, value, yes, no) in enumerate(program)
        ]
    )
