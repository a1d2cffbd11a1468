"""Rulesets of Landlock: what the children of a confined machine may open."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.masks import DEVICES, device

# Rights of Landlock: to make character and block devices, and to use the ioctls of devices.
_MAKES_DEVICES = cython.declare(cython.ulonglong, 1 << 6 | 1 << 11)
_DEVICES_IOCTL = cython.declare(cython.ulonglong, 1 << 15)
# What stays of them where nothing can be changed; and what of them a file can have.
_READS = cython.declare(cython.ulonglong, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 15)
_OF_FILES = cython.declare(cython.ulonglong, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15)


@cython.cfunc
@cython.exceptval(check=False)
def landlock_version() -> cython.long:
    return libc.syscall(
        libc.SYS_landlock_create_ruleset, cython.cast(cython.p_void, cython.NULL), 0,
        libc.LANDLOCK_CREATE_RULESET_VERSION,
    )  # fmt: skip


@cython.cfunc
@cython.exceptval(check=False)
def landlock_files(version: cython.long) -> cython.ulonglong:
    # The rights of each version: 13, then refer, truncate and the ioctl of devices.
    rights: cython.ulonglong = (1 << 13) - 1
    if version >= 2:
        rights |= 1 << 13
    if version >= 3:
        rights |= 1 << 14
    if version >= 5:
        rights |= 1 << 15
    return rights


@cython.cfunc
@cython.exceptval(check=False)
def ruleset(
    root: cython.int, alone: cython.bint, network: cython.bint, reads: cython.bint
) -> cython.int:
    # Everything below the root and nothing else; -1 where the kernel has no Landlock. `alone`:
    # there are no namespaces that keep the network out. `reads`: to be read alone, also by a
    # descriptor from outside, whose mount isn't read-only: it can be opened once more by name.
    rules: libc.landlock_ruleset
    beneath: libc.landlock_path_beneath_attr
    size: cython.int = 8
    fd: cython.int
    version: cython.long = landlock_version()
    if version < 1:
        return -1
    libc.memset(cython.address(rules), 0, cython.sizeof(rules))
    rules.files = landlock_files(version)
    if version >= 4:
        size = 16
        if alone and not network:
            rules.net = libc.LANDLOCK_ACCESS_NET_BIND_TCP | libc.LANDLOCK_ACCESS_NET_CONNECT_TCP
    if version >= 6:
        size = 24
        # A PID namespace does not keep signals inside: kill(0) is for the process group, which a
        # child has in common with its starter.
        rules.scoped = libc.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | libc.LANDLOCK_SCOPE_SIGNAL
    fd = libc.syscall(libc.SYS_landlock_create_ruleset, cython.address(rules), size, 0)
    if fd < 0:
        return -1
    # No devices are made there; of an ioctl nobody knows what it does to a device that is.
    beneath.allowed_access = rules.files & ~_MAKES_DEVICES
    if alone:
        beneath.allowed_access &= ~_DEVICES_IOCTL
    if reads:
        beneath.allowed_access &= _READS
    beneath.parent_fd = root
    if libc.syscall(
        libc.SYS_landlock_add_rule, fd, libc.LANDLOCK_RULE_PATH_BENEATH,
        cython.address(beneath), 0,
    ) < 0:  # fmt: skip
        libc.close(fd)
        return -1
    return fd


@cython.cfunc
@cython.exceptval(check=False)
def allow_below(rules: cython.int, root: cython.int, path: bytes) -> cython.int:
    # What lies in a directory of the machine, also by a descriptor from outside, which leads to the
    # same file by way of the host's mounts: that is opened once more as /dev/stderr.
    beneath: libc.landlock_path_beneath_attr
    order: libc.open_how
    status: libc.statvfs_t
    order.flags = libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC
    order.mode = 0
    order.resolve = libc.RESOLVE_IN_ROOT | libc.RESOLVE_NO_MAGICLINKS
    fd: cython.int = libc.openat2(root, py.PyBytes_AS_STRING(path), cython.address(order))
    if fd < 0:
        return -1
    # Not what is read-only there: the way by the host's mounts may be another.
    if libc.fstatvfs(fd, cython.address(status)) == 0 and not status.f_flag & libc.ST_RDONLY:
        beneath.allowed_access = landlock_files(landlock_version()) & ~_MAKES_DEVICES
        beneath.parent_fd = fd
        libc.syscall(
            libc.SYS_landlock_add_rule, rules, libc.LANDLOCK_RULE_PATH_BENEATH,
            cython.address(beneath), 0,
        )  # fmt: skip
    return libc.close(fd)


# ---- what is written to on a read-only machine, too ----------------------------------------------


def open_kernels(proc, pid, host_terminals, found):
    # What of the kernel's own a child finds, whose first process is `pid`: -1 for what isn't there.
    path: cython.char[64]
    order: libc.open_how
    fd: cython.int
    i: cython.int
    root: cython.int
    libc.sprintf(path, b"%d/root", pid)
    root = libc.openat(proc, path, libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
    order.flags = libc.O_PATH | libc.O_CLOEXEC
    order.mode = 0
    order.resolve = libc.RESOLVE_IN_ROOT | libc.RESOLVE_NO_MAGICLINKS
    for i in range(KERNELS):
        fd = -1 if root < 0 else libc.openat2(root, _kernels(i), cython.address(order))
        if fd >= 0 and not _is_kernels(i, fd, host_terminals):
            libc.close(fd)
            fd = -1
        found[i] = fd
    return 0 if root < 0 else libc.close(root)


def _kernels(i):
    if i == 0:
        return b"/proc"
    if i == 1:
        return b"/dev/pts"
    if i == 2:
        return b"/dev/mqueue"
    if i < 3 + DEVICES:
        return device(i - 3)
    return b"/dev/ptmx"


def _is_kernels(i, fd, host_terminals):
    # What it is, whatever it is called. Directories are those of file systems that are the
    # machine's own: by a descriptor from outside nothing leads there.
    status: libc.stat_t
    major: cython.uint
    minor: cython.uint
    if libc.fstat(fd, cython.address(status)) < 0:
        return False
    if i == 0:
        return libc.kind_of_filesystem(fd) == libc.PROC_SUPER_MAGIC
    if i == 1:
        return (
            libc.kind_of_filesystem(fd) == libc.DEVPTS_SUPER_MAGIC
            and status.st_dev != host_terminals
            and status.st_mode & libc.S_IFMT == libc.S_IFDIR
        )
    if i == 2:
        return libc.kind_of_filesystem(fd) == libc.MQUEUE_MAGIC
    if status.st_mode & libc.S_IFMT != libc.S_IFCHR:
        return False
    major = libc.major(status.st_rdev)
    minor = libc.minor(status.st_rdev)
    if major == 1:
        return minor == 3 or minor == 5 or 7 <= minor <= 9
    if major == 5:
        return minor == 0 or minor == 2
    return 136 <= major <= 143


@cython.cfunc
@cython.exceptval(check=False)
def allow_kernels(rules: cython.int, found: cython.pointer(cython.int)) -> cython.int:
    beneath: libc.landlock_path_beneath_attr
    rights: cython.ulonglong = landlock_files(landlock_version())
    i: cython.int
    for i in range(KERNELS):
        if found[i] >= 0:
            beneath.allowed_access = rights & (_OF_FILES if i > 2 else ~_MAKES_DEVICES)
            beneath.parent_fd = found[i]
            libc.syscall(
                libc.SYS_landlock_add_rule, rules, libc.LANDLOCK_RULE_PATH_BENEATH,
                cython.address(beneath), 0,
            )  # fmt: skip
    return 0
