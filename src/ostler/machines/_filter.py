"""The filter of system calls that the children of a confined machine are under.

What no program needs that stays in its directory is refused: calls about the whole host, the large
parts of the kernel that open it to attack, and what makes other people's programs out of files.
Most fail with EPERM; those that programs do without where they are missing, and those that are
newer than this list, with ENOSYS. The calls of other interfaces (32 bits, x32) have other numbers,
which could mean anything here: they are not to be had.
"""

import struct

import cython
from cython.cimports.ostler import _libc as libc
from cython.cimports.ostler import _python as py
from cython.cimports.ostler._libc import confining as own

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

_NEW_NAMESPACES = (
    libc.CLONE_NEWCGROUP | libc.CLONE_NEWIPC | libc.CLONE_NEWNET | libc.CLONE_NEWNS
    | libc.CLONE_NEWPID | libc.CLONE_NEWUSER | libc.CLONE_NEWUTS
)  # fmt: skip
_NEW_TIME = 0x80  # CLONE_NEWTIME, which older headers lack; in clone() it is part of a signal
_CHANGES_IDS = own.S_ISUID | libc.S_ISGID
_MAKES = libc.O_CREAT | libc.O_TMPFILE & ~libc.O_DIRECTORY
_FAMILIES = (own.AF_UNIX, libc.AF_INET, own.AF_INET6)
_ROUTE = 0  # NETLINK_ROUTE


_made = cython.declare(object, None)


@cython.cclass
class Filter:
    """A program for seccomp(2), and the memory that it is in."""


def calls_of_confined():
    """The filter, or one without instructions where none is written for this architecture."""
    global _made
    made: Filter = _made
    if made is not None:
        return made
    made = Filter()
    made.text = instructions()
    made.program.len = len(made.text) // 8
    made.program.filter = cython.cast(
        cython.pointer(own.sock_filter), py.PyBytes_AS_STRING(made.text)
    )
    _made = made
    return made


def refused():
    """The calls that are always refused: a dict from their names to the errno."""
    found = dict.fromkeys(_PERMITTED_TO_NOBODY, libc.EPERM)
    found.update(dict.fromkeys(_AS_IF_MISSING, libc.ENOSYS))
    return found


def instructions():
    """The filter's instructions, as the kernel takes them; empty for other architectures."""
    if not own.OSTLER_ARCH:
        return b""
    blocks = {number: _error(libc.EPERM) for number in _PERMITTED_TO_NOBODY.values()}
    blocks |= {number: _error(libc.ENOSYS) for number in _AS_IF_MISSING.values()}
    blocks |= _looked_into()
    blocks.pop(libc.OSTLER_ABSENT, None)
    runs = [(0, _ALLOW)]
    for number in sorted(blocks):
        if runs[-1][0] == number:
            del runs[-1]
        runs += [(number, blocks[number]), (number + 1, _ALLOW)]
    runs.append((_LAST + 1, _error(libc.ENOSYS)))
    program = [
        _load(4),  # seccomp_data.arch
        _jump(own.BPF_JEQ, own.OSTLER_ARCH, 1, 0),
        _return(own.SECCOMP_RET_KILL_PROCESS),
        _load(0),  # seccomp_data.nr
        *_tree(_joined(runs)),
    ]
    return b"".join([struct.pack("=HBBI", *instruction) for instruction in program])


def _looked_into():
    # The calls that are refused with some arguments: {number: instructions}.
    sockets = _sockets()
    return {
        own.SYS_clone: _with_bits(0, _NEW_NAMESPACES),
        own.SYS_unshare: _with_bits(0, _NEW_NAMESPACES | _NEW_TIME),
        own.SYS_socket: sockets,
        own.SYS_socketpair: sockets,
        # What is typed into a terminal is run by whoever reads it next.
        own.SYS_ioctl: _one_of(1, (own.TIOCSTI, own.TIOCLINUX)),
        own.SYS_chmod: _with_bits(1, _CHANGES_IDS),
        own.SYS_fchmod: _with_bits(1, _CHANGES_IDS),
        own.SYS_fchmodat: _with_bits(2, _CHANGES_IDS),
        own.SYS_fchmodat2: _with_bits(2, _CHANGES_IDS),
        own.SYS_creat: _with_bits(1, _CHANGES_IDS),
        own.SYS_open: _made_with(1, 2),
        own.SYS_openat: _made_with(2, 3),
        own.SYS_mknod: _node(1),
        own.SYS_mknodat: _node(2),
    }


# ---- blocks: each leads to a return, whatever comes ---------------------------------------------


def _load(offset):
    return own.BPF_LD | own.BPF_W | own.BPF_ABS, 0, 0, offset


def _argument(number):
    # The lower half of seccomp_data.args[number]; of what is asked here the kernel sees no more.
    return _load(16 + 8 * number)


def _jump(kind, value, yes, no):
    return own.BPF_JMP | kind | own.BPF_K, yes, no, value & 0xFFFFFFFF


def _return(value):
    return own.BPF_RET | own.BPF_K, 0, 0, value & 0xFFFFFFFF


def _error(number):
    return [_return(own.SECCOMP_RET_ERRNO | number)]


_ALLOW = [_return(own.SECCOMP_RET_ALLOW)]


def _with_bits(number, bits):
    return [_argument(number), _jump(own.BPF_JSET, bits, 0, 1), *_error(libc.EPERM), *_ALLOW]


def _one_of(number, values):
    tests = [_jump(own.BPF_JEQ, value, len(values) - i, 0) for i, value in enumerate(values)]
    return [_argument(number), *tests, *_ALLOW, *_error(libc.EPERM)]


def _made_with(flags, mode):
    # The mode means something only where a file may be made.
    return [_argument(flags), _jump(own.BPF_JSET, _MAKES, 0, 3), *_with_bits(mode, _CHANGES_IDS)]


def _node(mode):
    kind = own.BPF_ALU | own.BPF_AND | own.BPF_K, 0, 0, libc.S_IFMT
    return [
        _argument(mode),
        _jump(own.BPF_JSET, _CHANGES_IDS, 3, 0),
        kind,
        _jump(own.BPF_JEQ, libc.S_IFCHR, 1, 0),
        _jump(own.BPF_JEQ, libc.S_IFBLK, 0, 1),
        *_error(libc.EPERM),
        *_ALLOW,
    ]


def _sockets():
    families = [
        _jump(own.BPF_JEQ, family, len(_FAMILIES) + 2 - i, 0) for i, family in enumerate(_FAMILIES)
    ]
    return [
        _argument(0),
        *families,
        _jump(own.BPF_JEQ, own.AF_NETLINK, 0, 3),
        _argument(2),
        _jump(own.BPF_JEQ, _ROUTE, 0, 2),
        *_ALLOW,
        *_error(own.EAFNOSUPPORT),
        *_error(own.EPROTONOSUPPORT),
    ]


# ---- the whole ----------------------------------------------------------------------------------


def _joined(runs):
    # Neighbours that are the same are one.
    found = []
    for first, block in runs:
        if not found or found[-1][1] != block:
            found.append((first, block))
    return found


def _tree(runs):
    # The number is looked up by halves: a call in the middle of the list costs what others do.
    if len(runs) == 1:
        return runs[0][1]
    middle = len(runs) // 2
    below, above = _tree(runs[:middle]), _tree(runs[middle:])
    if len(below) < 256:
        return [_jump(own.BPF_JGE, runs[middle][0], len(below), 0), *below, *above]
    over = own.BPF_JMP | own.BPF_JA, 0, 0, len(below)
    return [_jump(own.BPF_JGE, runs[middle][0], 0, 1), over, *below, *above]
