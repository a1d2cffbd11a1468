"""What a confined child finds of the kernel's own files: /proc, /sys, /dev, wherever they are.

What could change the host, or tell of it what is nobody's business, is covered or read-only; of
devices those alone can be opened that belong to nobody. All is done in the children's mount
namespace by its first process, and stays: no child may mount.

The names of the directory may be changed by others meanwhile. So a mount is told by its number, of
an open descriptor, and what is found moved is looked for again.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.putting import (
    clone_mount,
    cover_directory,
    new_blank,
    new_mount,
    put_mount,
    set_mount,
)

_PARTS = cython.declare(
    cython.int, libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV | libc.MOUNT_ATTR_NOEXEC
)
_OPEN = cython.declare(cython.int, libc.O_PATH | libc.O_CLOEXEC | libc.O_NOFOLLOW)


@cython.profile(False)
@cython.linetrace(False)
def terminals():
    # What tells the host's terminals from the machine's own.
    status: libc.stat_t
    if libc.fstatat(libc.AT_FDCWD, b"/dev/pts", cython.address(status), 0) < 0:
        return 0
    return status.st_dev


@cython.profile(False)
@cython.linetrace(False)
def mask(host_proc, host_terminals, step):
    """Cover what must be; 0, or -1 with errno and the step that failed."""
    hands: Hands
    r: cython.int
    number: cython.int
    libc.memset(cython.address(hands), 0, cython.sizeof(hands))
    hands.host_proc = host_proc
    hands.host_terminals = host_terminals
    hands.proc = hands.blank = hands.empties = -1
    hands.step = b"mmap"
    hands.table = cython.cast(cython.p_char, libc.mmap(
        cython.NULL, 2 * _ROOM, libc.PROT_READ | libc.PROT_WRITE,
        libc.MAP_PRIVATE | libc.MAP_ANONYMOUS, -1, 0,
    ))  # fmt: skip
    if hands.table == libc.MAP_FAILED:
        step[0] = hands.step
        return -1
    hands.later = hands.table + _ROOM
    r = _mask(cython.address(hands))
    number = libc.errno
    libc.munmap(hands.table, 2 * _ROOM)
    libc.errno = number
    step[0] = hands.step
    return r


def _mask(hands):
    attributes: libc.mount_attr
    # First what can be had only while the host's files are to be seen.
    hands.proc = new_mount(b"proc", cython.NULL, _PARTS)
    if hands.proc < 0:
        # Where it is shown read-only, a new one must be, too.
        hands.proc = new_mount(b"proc", cython.NULL, _PARTS | libc.MOUNT_ATTR_RDONLY)
    hands.step = b"a file system for /proc"
    hands.blank = new_blank()
    if hands.blank < 0:
        return -1
    _keep_devices(hands)
    hands.step = b"mount_setattr"
    libc.memset(cython.address(attributes), 0, cython.sizeof(attributes))
    attributes.attr_set = libc.MOUNT_ATTR_NODEV | libc.MOUNT_ATTR_NOSUID
    if libc.syscall(
        libc.SYS_mount_setattr, libc.AT_FDCWD, b"/", libc.AT_RECURSIVE,
        cython.address(attributes), cython.sizeof(attributes),
    ) < 0:  # fmt: skip
        return -1
    if _mask_mounts(hands) < 0 or _take_empties(hands) < 0:
        return -1
    hands.step = b"devices"
    return _give_devices(hands)


# ---- mounts -----------------------------------------------------------------------------------


def _cover(hands, fd):
    # With nothing: a directory by an empty one, a file by an empty one.
    status: libc.stat_t
    clone: cython.int
    if libc.fstat(fd, cython.address(status)) < 0:
        return -1
    if status.st_mode & libc.S_IFMT == libc.S_IFDIR:
        return cover_directory(fd)
    if hands.empties < 0 and _put_empties(hands) < 0:
        return -1
    clone = clone_mount(hands.empties, b"empty")
    return -1 if clone < 0 else put_mount(clone, fd, b"")


def _put_empties(hands):
    # Upon the root, where no path leads to it: absolute ones begin below what is mounted there.
    blank: cython.int = new_blank()
    if blank < 0:
        return -1
    hands.empties = libc.openat(blank, b".", _OPEN | libc.O_DIRECTORY)
    if hands.empties < 0:
        libc.close(blank)
        return -1
    return put_mount(blank, libc.AT_FDCWD, b"/")


def _take_empties(hands):
    if hands.empties < 0:
        return 0
    if libc.fchdir(hands.empties) < 0 or libc.syscall(libc.SYS_umount2, b".", libc.MNT_DETACH) < 0:
        return -1
    libc.close(hands.empties)
    hands.empties = -1
    return libc.chdir(b"/")


# ---- the mounts that there are ------------------------------------------------------------------


def _read_table(hands, to):
    r: cython.long = 1
    size: cython.long = 0
    fd: cython.int = libc.openat(hands.host_proc, b"self/mountinfo", libc.O_RDONLY | libc.O_CLOEXEC)
    if fd < 0:
        return -1
    while r > 0 and size < _ROOM - 1:
        r = libc.read(fd, to + size, _ROOM - 1 - size)
        if r > 0:
            size += r
    libc.close(fd)
    to[size] = 0
    if r == 0:
        return 0
    libc.errno = libc.ENOMEM if r > 0 else libc.errno
    return -1


def _field(line, number):
    # Where a field of a line begins, counted from 0; the line has them all.
    while number > 0 and line[0] != 0 and line[0] != b"\n":
        if line[0] == b" ":
            number -= 1
        line += 1
    return line


def _kind_of(line):
    # Behind the optional fields, which a single "-" ends.
    line = _field(line, 6)
    while line[0] != 0 and line[0] != b"\n":
        if line[0] == b"-" and line[1] == b" ":
            return line + 2
        line = _field(line, 1)
    return line


def _is(word, name):
    size: cython.size_t = libc.strlen(name)
    return libc.strncmp(word, name, size) == 0 and word[size] == b" "


def _point(line, path):
    # The mount point, of which three octal digits behind a backslash are one byte.
    size: cython.int = 0
    at: cython.p_char = _field(line, 4)
    while at[0] != 0 and at[0] != b" " and size < 4095:
        if at[0] == b"\\":
            path[size] = (at[1] - 48) * 64 + (at[2] - 48) * 8 + (at[3] - 48)
            at += 4
        else:
            path[size] = at[0]
            at += 1
        size += 1
    path[size] = 0
    return size


def _next(line):
    line = libc.strchr(line, 10)
    return cython.NULL if line == cython.NULL or line[1] == 0 else line + 1


def _was_moved(line, later):
    # Whether the mount of this line has another place in a later table.
    before: cython.char[4096]
    after: cython.char[4096]
    number: cython.ulong = libc.strtoul(line, cython.NULL, 10)
    while later != cython.NULL and libc.strtoul(later, cython.NULL, 10) != number:
        later = _next(later)
    if later == cython.NULL:
        return True
    _point(line, before)
    _point(later, after)
    return libc.strcmp(before, after) != 0


def _mask_mounts(hands):
    path: cython.char[4096]
    line: cython.p_char
    tries: cython.int
    fd: cython.int
    again: cython.bint
    for tries in range(_TRIES):
        hands.step = b"mountinfo"
        if _read_table(hands, hands.table) < 0:
            return -1
        again = False
        line = hands.table
        while line != cython.NULL and line[0] != 0:
            if _is_special(_kind_of(line)):
                _point(line, path)
                fd = libc.openat(libc.AT_FDCWD, path, _OPEN)
                if fd < 0 or own.mount_of(fd) != cython.cast(
                    cython.long, libc.strtoul(line, cython.NULL, 10)
                ):
                    # It is hidden by another one, or was moved just now.
                    if _read_table(hands, hands.later) < 0:
                        return -1
                    again = again or _was_moved(line, hands.later)
                elif _mask_mount(hands, fd, line, path) < 0:
                    return -1
                if fd >= 0:
                    libc.close(fd)
            line = _next(line)
        if not again:
            return 0
    libc.errno = libc.EAGAIN
    return -1


def _is_one_of(word, names):
    # `names` are divided by NUL, with two of them at the end.
    while names[0] != 0:
        if _is(word, names):
            return True
        names += libc.strlen(names) + 1
    return False


_SHOWN = cython.declare(
    cython.p_const_char, b"sysfs\0cgroup\0cgroup2\0cpuset\0devtmpfs\0selinuxfs\0smackfs\0nsfs\0"
)
_COVERED = cython.declare(
    cython.p_const_char,
    b"proc\0debugfs\0tracefs\0securityfs\0bpf\0configfs\0pstore\0efivarfs\0fusectl\0binfmt_misc\0"
    b"rpc_pipefs\0nfsd\0resctrl\0",
)
_OWN = cython.declare(cython.p_const_char, b"devpts\0mqueue\0")


def _is_special(kind):
    return _is_one_of(kind, _SHOWN) or _is_one_of(kind, _COVERED) or _is_one_of(kind, _OWN)


def _mask_mount(hands, fd, line, path):
    mount: cython.int
    kind: cython.p_char = _kind_of(line)
    if _is(kind, b"proc") and libc.strncmp(path, b"/proc", 5) == 0:
        hands.step = b"/proc"
        if hands.blank < 0 and (path[5] == 0 or path[5] == b"/"):
            return 0  # this has been given already
        if path[5] == 0:
            return _give_proc(hands, fd)
    if _is(kind, b"devpts"):
        hands.step = b"/dev/pts"
        return _mask_terminals(hands, fd)
    hands.step = b"the kernel's file systems"
    if _is(kind, b"mqueue"):
        mount = new_mount(b"mqueue", cython.NULL, _PARTS)
        return _cover(hands, fd) if mount < 0 else put_mount(mount, fd, b"")
    if _is_one_of(kind, _COVERED):
        return _cover(hands, fd)
    if set_mount(fd, libc.MOUNT_ATTR_RDONLY, 0) < 0:
        return -1
    if _is(kind, b"sysfs"):
        if _cover_part(hands, fd, line, b"/firmware") < 0:
            return -1
        return _cover_part(hands, fd, line, b"/devices/virtual/powercap")
    return 0


def _cover_part(hands, fd, line, part):
    # Cover what a mount shows of a part of its file system. The mount may itself be of a directory
    # or a file in there: field 3 says of which.
    r: cython.int
    below: cython.int
    top: cython.p_char = _field(line, 3)
    size: cython.size_t = 0
    whole: cython.size_t = libc.strlen(part)
    while top[size] != 0 and top[size] != b" ":
        size += 1
    if size == 1:
        size = 0  # "/" alone, with which the part begins
    if size >= whole:
        if libc.strncmp(top, part, whole) == 0 and (size == whole or top[whole] == b"/"):
            return _cover(hands, fd)
        return 0
    if libc.strncmp(top, part, size) != 0 or part[size] != b"/":
        return 0
    below = libc.openat(fd, part + size + 1, _OPEN)
    if below < 0:
        return 0
    r = _cover(hands, below)
    libc.close(below)
    return r


def _mask_terminals(hands, fd):
    # The machine's own can be used; instead of the host's there are new ones or, where they can't
    # be had, none that can be opened.
    status: libc.stat_t
    mount: cython.int
    if libc.fstat(fd, cython.address(status)) < 0:
        return -1
    if status.st_mode & libc.S_IFMT != libc.S_IFDIR:
        return 0  # a single terminal: one of the devices
    if status.st_dev != hands.host_terminals:
        set_mount(fd, 0, libc.MOUNT_ATTR_NODEV)
        return 0
    mount = new_mount(
        b"devpts", b"ptmxmode\x000666", libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NOEXEC
    )
    return 0 if mount < 0 else put_mount(mount, fd, b"")


# ---- /proc --------------------------------------------------------------------------------------

# What tells of the host more than programs need.
_UNTOLD = cython.declare(
    cython.p_const_char,
    b"acpi\0asound\0interrupts\0kallsyms\0kcore\0key-users\0keys\0kmsg\0kpagecgroup\0kpagecount\0"
    b"kpageflags\0latency_stats\0sched_debug\0scsi\0timer_list\0timer_stats\0vmcore\0",
)


def _give_proc(hands, fd):
    # The blank first: it stays where a /proc of one's own is refused. Upon it these processes' own.
    blank: cython.int = hands.blank
    top: cython.int = libc.openat(blank, b".", _OPEN)
    r: cython.int = -1 if top < 0 else put_mount(blank, fd, b"")
    hands.blank = -1
    if r == 0 and hands.proc >= 0:
        fd = libc.openat(hands.proc, b".", libc.O_RDONLY | libc.O_DIRECTORY | libc.O_CLOEXEC)
        r = -1 if fd < 0 else put_mount(hands.proc, top, b"")
        hands.proc = -1
        if r == 0:
            r = _mask_proc(fd, top)
        if fd >= 0:
            libc.close(fd)
    if top >= 0:
        libc.close(top)
    return r


def _mask_proc(proc, blank):
    # What belongs to a process can be written to; of the rest nothing.
    block: cython.char[8192]
    size: cython.long = 1
    at: cython.long
    entry: cython.pointer(libc.dirent)
    while True:
        size = libc.getdents64(proc, block, 8192)
        if size <= 0:
            return size
        at = 0
        while at < size:
            entry = cython.cast(cython.pointer(libc.dirent), block + at)
            at += entry.d_reclen
            if _mask_entry(proc, entry.d_name, blank) < 0:
                return -1
    return 0


def _mask_entry(proc, name, blank):
    status: libc.stat_t
    word: cython.char[260]
    kind: cython.uint
    clone: cython.int
    if name[0] == b"." or (48 <= name[0] <= 57):
        return 0
    if libc.fstatat(proc, name, cython.address(status), libc.AT_SYMLINK_NOFOLLOW) < 0:
        return 0
    kind = status.st_mode & libc.S_IFMT
    libc.sprintf(word, b"%s ", name)
    if _is_one_of(word, _UNTOLD):
        clone = clone_mount(blank, b"none" if kind == libc.S_IFDIR else b"empty")
    elif kind == libc.S_IFDIR or (kind == libc.S_IFREG and status.st_mode & 0o222):
        clone = clone_mount(proc, name)
        if clone >= 0 and set_mount(clone, libc.MOUNT_ATTR_RDONLY, 0) < 0:
            libc.close(clone)
            return -1
    else:
        return 0
    return -1 if clone < 0 else put_mount(clone, proc, name)


# ---- /dev ---------------------------------------------------------------------------------------


def device(number):
    if number == 0:
        return b"/dev/null"
    if number == 1:
        return b"/dev/zero"
    if number == 2:
        return b"/dev/full"
    if number == 3:
        return b"/dev/random"
    if number == 4:
        return b"/dev/urandom"
    if number == 5:
        return b"/dev/tty"
    return b"/dev/console"


def _is_harmless(number, fd):
    # What it is, whatever it is called.
    status: libc.stat_t
    major: cython.uint
    minor: cython.uint
    if libc.fstat(fd, cython.address(status)) < 0:
        return False
    if status.st_mode & libc.S_IFMT != libc.S_IFCHR:
        return False
    major = libc.major(status.st_rdev)
    minor = libc.minor(status.st_rdev)
    if number == 5:
        return major == 5 and minor == 0
    if number == 6:
        return 136 <= major <= 143  # a pseudo-terminal, which is shown as the process's own
    if number == 0:
        return major == 1 and minor == 3
    if number == 1:
        return major == 1 and minor == 5
    return major == 1 and minor == cython.cast(cython.uint, 5 + number)


def _keep_devices(hands):
    number: cython.int
    fd: cython.int
    for number in range(DEVICES):
        fd = clone_mount(libc.AT_FDCWD, device(number))
        if fd >= 0 and not _is_harmless(number, fd):
            libc.close(fd)
            fd = -1
        if fd < 0 and number == 6:
            fd = _terminal(hands)
        if fd >= 0:
            hands.devices[hands.device_count] = fd
            hands.numbers[hands.device_count] = number
            hands.device_count += 1
    return 0


def _terminal(hands):
    # The terminal that this process has, if it is among those that are shown here.
    path: cython.char[64]
    wanted: libc.stat_t
    found: libc.stat_t
    number: cython.int
    fd: cython.int
    for number in range(3):
        if libc.fstat(number, cython.address(wanted)) < 0:
            continue
        if wanted.st_mode & libc.S_IFMT != libc.S_IFCHR:
            continue
        if wanted.st_dev != hands.host_terminals:
            continue
        libc.sprintf(path, b"/dev/pts/%u", libc.minor(wanted.st_rdev))
        fd = clone_mount(libc.AT_FDCWD, path)
        if fd < 0:
            continue
        if (
            libc.fstat(fd, cython.address(found)) == 0
            and found.st_dev == wanted.st_dev
            and found.st_ino == wanted.st_ino
            and _is_harmless(6, fd)
        ):
            return fd
        libc.close(fd)
    return -1


def _give_devices(hands):
    # Where a name is gone meanwhile, there is no such device.
    status: libc.stat_t
    fd: cython.int
    i: cython.int
    for i in range(hands.device_count):
        put_mount(hands.devices[i], libc.AT_FDCWD, device(hands.numbers[i]))
    if libc.fstatat(
        libc.AT_FDCWD, b"/dev/ptmx", cython.address(status), libc.AT_SYMLINK_NOFOLLOW
    ) == 0 and status.st_mode & libc.S_IFMT == libc.S_IFCHR:  # fmt: skip
        fd = clone_mount(libc.AT_FDCWD, b"/dev/pts/ptmx")
        if fd >= 0:
            put_mount(fd, libc.AT_FDCWD, b"/dev/ptmx")
    return 0
