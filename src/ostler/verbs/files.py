"""Files: what the system knows of them, their size and times; special files.

Their names are in links.py; their extended attributes in xattrs.py, which this class includes.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    LOOK,
    SEEN,
    TARGET,
    Core,
    Where,
    again,
    dir_shown,
    failure,
    look_at,
    must_follow,
    named,
    placed,
    plain_failure,
    settle,
    take,
)
from cython.cimports.ostler.core.numbers import (
    from_id,
    is_wide,
    to_dir_fd,
    to_fildes,
    to_int,
    to_named_int,
    to_unsigned_mask,
)
from cython.cimports.ostler.core.records import new_stat, new_statvfs, new_statx, statx_result
from cython.cimports.ostler.verbs.xattrs import Xattrs

_PATHCONF = {
    "PC_ALLOC_SIZE_MIN": libc._PC_ALLOC_SIZE_MIN,
    "PC_ASYNC_IO": libc._PC_ASYNC_IO,
    "PC_CHOWN_RESTRICTED": libc._PC_CHOWN_RESTRICTED,
    "PC_FILESIZEBITS": libc._PC_FILESIZEBITS,
    "PC_LINK_MAX": libc._PC_LINK_MAX,
    "PC_MAX_CANON": libc._PC_MAX_CANON,
    "PC_MAX_INPUT": libc._PC_MAX_INPUT,
    "PC_NAME_MAX": libc._PC_NAME_MAX,
    "PC_NO_TRUNC": libc._PC_NO_TRUNC,
    "PC_PATH_MAX": libc._PC_PATH_MAX,
    "PC_PIPE_BUF": libc._PC_PIPE_BUF,
    "PC_PRIO_IO": libc._PC_PRIO_IO,
    "PC_REC_INCR_XFER_SIZE": libc._PC_REC_INCR_XFER_SIZE,
    "PC_REC_MAX_XFER_SIZE": libc._PC_REC_MAX_XFER_SIZE,
    "PC_REC_MIN_XFER_SIZE": libc._PC_REC_MIN_XFER_SIZE,
    "PC_REC_XFER_ALIGN": libc._PC_REC_XFER_ALIGN,
    "PC_SOCK_MAXBUF": libc._PC_SOCK_MAXBUF,
    "PC_SYMLINK_MAX": libc._PC_SYMLINK_MAX,
    "PC_SYNC_IO": libc._PC_SYNC_IO,
    "PC_VDISABLE": libc._PC_VDISABLE,
}
_NODEV = cython.declare(cython.ulong, 0xFFFFFFFFFFFFFFFF)

_EVERY = {
    "AT_NO_AUTOMOUNT": libc.AT_NO_AUTOMOUNT,
    "AT_STATX_DONT_SYNC": libc.AT_STATX_DONT_SYNC,
    "AT_STATX_FORCE_SYNC": libc.AT_STATX_FORCE_SYNC,
    "AT_STATX_SYNC_AS_STAT": libc.AT_STATX_SYNC_AS_STAT,
    "NODEV": -1,
    "STATX_ATIME": libc.STATX_ATIME,
    "STATX_ATTR_APPEND": libc.STATX_ATTR_APPEND,
    "STATX_ATTR_AUTOMOUNT": libc.STATX_ATTR_AUTOMOUNT,
    "STATX_ATTR_COMPRESSED": libc.STATX_ATTR_COMPRESSED,
    "STATX_ATTR_DAX": libc.STATX_ATTR_DAX,
    "STATX_ATTR_ENCRYPTED": libc.STATX_ATTR_ENCRYPTED,
    "STATX_ATTR_IMMUTABLE": libc.STATX_ATTR_IMMUTABLE,
    "STATX_ATTR_MOUNT_ROOT": libc.STATX_ATTR_MOUNT_ROOT,
    "STATX_ATTR_NODUMP": libc.STATX_ATTR_NODUMP,
    "STATX_ATTR_VERITY": libc.STATX_ATTR_VERITY,
    "STATX_ATTR_WRITE_ATOMIC": libc.STATX_ATTR_WRITE_ATOMIC,
    "STATX_BASIC_STATS": libc.STATX_BASIC_STATS,
    "STATX_BLOCKS": libc.STATX_BLOCKS,
    "STATX_BTIME": libc.STATX_BTIME,
    "STATX_CTIME": libc.STATX_CTIME,
    "STATX_DIOALIGN": libc.STATX_DIOALIGN,
    "STATX_DIO_READ_ALIGN": libc.STATX_DIO_READ_ALIGN,
    "STATX_GID": libc.STATX_GID,
    "STATX_INO": libc.STATX_INO,
    "STATX_MNT_ID": libc.STATX_MNT_ID,
    "STATX_MNT_ID_UNIQUE": libc.STATX_MNT_ID_UNIQUE,
    "STATX_MODE": libc.STATX_MODE,
    "STATX_MTIME": libc.STATX_MTIME,
    "STATX_NLINK": libc.STATX_NLINK,
    "STATX_SIZE": libc.STATX_SIZE,
    "STATX_SUBVOL": libc.STATX_SUBVOL,
    "STATX_TYPE": libc.STATX_TYPE,
    "STATX_UID": libc.STATX_UID,
    "STATX_WRITE_ATOMIC": libc.STATX_WRITE_ATOMIC,
    "ST_APPEND": libc.ST_APPEND,
    "ST_MANDLOCK": libc.ST_MANDLOCK,
    "ST_NOATIME": libc.ST_NOATIME,
    "ST_NODEV": libc.ST_NODEV,
    "ST_NODIRATIME": libc.ST_NODIRATIME,
    "ST_NOEXEC": libc.ST_NOEXEC,
    "ST_NOSUID": libc.ST_NOSUID,
    "ST_RDONLY": libc.ST_RDONLY,
    "ST_RELATIME": libc.ST_RELATIME,
    "ST_SYNCHRONOUS": libc.ST_SYNCHRONOUS,
    "ST_WRITE": libc.ST_WRITE,
}
CONSTANTS = {name: value for name, value in _EVERY.items() if value != libc.OSTLER_ABSENT}
CONSTANTS["pathconf_names"] = _PATHCONF
TYPES = {}

# Bits that may change the size of what the kernel writes are not passed on.
_KNOWN = cython.declare(cython.uint, 0)
for _name, _value in CONSTANTS.items():
    if _name.startswith("STATX_") and not _name.startswith("STATX_ATTR_"):
        _KNOWN |= cython.cast(cython.uint, _value)


class _Unset:
    """Stands for an argument that was not given, where None would mean something."""


@cython.cclass
class Files(Xattrs):
    """The calls of os that are about files."""

    # --- what the system knows of a file ---------------------------------------------------------

    def stat(self, path, *, dir_fd=None, follow_symlinks=True):
        """What the system knows of a file, as a stat_result; fstatat(2).

        `path` may be a descriptor. With follow_symlinks=False a link itself is looked at.
        """
        w: Where
        st: libc.stat_t
        r: cython.int
        kept = take(cython.address(w), path, "stat", "path", ALLOW_FD)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        follow: cython.bint = follow_symlinks
        if w.name == cython.NULL:
            _check_fd(cython.address(w), "stat", follow)
        with cython.nogil:
            r = look_at(self, cython.address(w), cython.address(st), follow)
        if r:
            raise failure(r, kept)
        return new_stat(cython.address(st))

    def lstat(self, path, *, dir_fd=None):
        """What the system knows of a name, a link not followed; fstatat(2)."""
        w: Where
        st: libc.stat_t
        r: cython.int
        kept = take(cython.address(w), path, "lstat", "path", 0)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        with cython.nogil:
            r = look_at(self, cython.address(w), cython.address(st), False)
        if r:
            raise failure(r, kept)
        return new_stat(cython.address(st))

    def fstat(self, fd):
        """What the system knows of an open file, as a stat_result; fstat(2)."""
        st: libc.stat_t
        r: cython.int
        number: cython.int = 0
        descriptor: cython.int = to_int(fd)
        while True:
            with cython.nogil:
                r = libc.fstat(descriptor, cython.address(st))
                if r != 0:
                    number = libc.errno
            if r == 0:
                return new_stat(cython.address(st))
            again(number)

    def statvfs(self, path):
        """What the system knows of the file system that a file is on; statvfs(3).

        `path` may be a descriptor.
        """
        w: Where
        st: libc.statvfs_t
        r: cython.int
        kept = take(cython.address(w), path, "statvfs", "path", ALLOW_FD)
        if w.fd == -1 and w.name == cython.NULL:
            raise failure(libc.EFAULT, kept)  # a descriptor of -1: os crashes
        with cython.nogil:
            if w.fd != -1:
                r = libc.fstatvfs(w.fd, cython.address(st))
            else:
                r = self.place(cython.address(w), TARGET)
                if r == 0:
                    r = libc.statvfs(w.name, cython.address(st))
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)
        return new_statvfs(cython.address(st))

    def fstatvfs(self, fd, /):
        """What the system knows of the file system that an open file is on; statvfs(3)."""
        st: libc.statvfs_t
        r: cython.int
        number: cython.int = 0
        descriptor: cython.int = to_int(fd)
        while True:
            with cython.nogil:
                r = libc.fstatvfs(descriptor, cython.address(st))
                if r != 0:
                    number = libc.errno
            if r == 0:
                return new_statvfs(cython.address(st))
            again(number)

    def statx(self, path, mask, *, flags=0, dir_fd=None, follow_symlinks=True):
        """What `mask` (STATX_ constants) asks of a file, as a statx_result; statx(2).

        `path` may be a descriptor. `flags` are AT_STATX_ constants and AT_NO_AUTOMOUNT. What the
        file system does not tell is None.
        """
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "statx", "path", ALLOW_FD)
        wanted: cython.uint = to_unsigned_mask(mask)
        also: cython.int = to_int(flags)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        follow: cython.bint = follow_symlinks
        if w.name == cython.NULL:
            _check_fd(cython.address(w), "statx", follow)
        if also & (libc.AT_SYMLINK_NOFOLLOW | libc.AT_SYMLINK_FOLLOW):
            raise ValueError("use follow_symlinks kwarg instead of AT_SYMLINK_* flag")
        if also & libc.AT_EMPTY_PATH:
            raise ValueError("use dir_fd kwarg instead of AT_EMPTY_PATH flag")
        result: statx_result = new_statx()
        at = cython.cast(cython.pointer(libc.statx_t), cython.address(result.x))
        wanted &= _KNOWN
        if w.fd == libc.AT_FDCWD and self._names is None:
            # The kernel takes it for the working directory: on a machine it is the machine's.
            w.fd = -1
            w.name = b"."
        with cython.nogil:
            if w.fd != -1:
                r = libc.statx(w.fd, b"", also | libc.AT_EMPTY_PATH, wanted, at)
            else:
                r = placed(self, cython.address(w), SEEN if follow else LOOK)
                if r == 0:
                    also |= w.flags if follow else libc.AT_SYMLINK_NOFOLLOW
                    r = libc.statx(w.dir, w.name, also, wanted, at)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)
        return result

    def pathconf(self, path, name):
        """A limit or property of a file; -1 stands for no limit; pathconf(3).

        `path` may be a descriptor; `name` is a number or one of pathconf_names.
        """
        w: Where
        limit: cython.long
        r: cython.int
        kept = take(cython.address(w), path, "pathconf", "path", ALLOW_FD)
        which: cython.int = to_named_int(name, _PATHCONF)
        if w.fd == -1 and w.name == cython.NULL:
            # A descriptor of -1, of which os before 3.14 crashes.
            error: cython.int = libc.EBADF if py.PY_VERSION_HEX >= 0x030E0000 else libc.EFAULT
            raise failure(error, kept)
        with cython.nogil:
            limit = 0 if w.fd != -1 else self.place(cython.address(w), TARGET)
            if limit == 0:
                libc.set_errno(0)
                if w.fd != -1:
                    limit = libc.fpathconf(w.fd, which)
                else:
                    limit = libc.pathconf(w.name, which)
            r = settle(cython.address(w), limit)
        if r == libc.EINVAL:
            raise plain_failure(r)  # the path or the name: it can't be told which
        if r:
            raise failure(r, kept)
        return limit

    def fpathconf(self, fd, name, /):
        """A limit or property of an open file; -1 stands for no limit; fpathconf(3)."""
        limit: cython.long
        number: cython.int = 0
        descriptor: cython.int = to_fildes(fd)
        which: cython.int = to_named_int(name, _PATHCONF)
        with cython.nogil:
            libc.set_errno(0)
            limit = libc.fpathconf(descriptor, which)
            if limit == -1:
                number = libc.errno
        if number:
            raise plain_failure(number)
        return limit

    # --- content and times -----------------------------------------------------------------------

    def truncate(self, path, length):
        """Make a file this many bytes long; truncate(2). `path` may be a descriptor."""
        w: Where
        r: cython.int
        kept = take(cython.address(w), path, "truncate", "path", ALLOW_FD)
        size: libc.off_t = py.PyLong_AsLong(length)
        if w.fd != -1:
            # By the number that was given, which is told of: also -1, since 3.15.
            return _truncate_open(to_int(path), size)
        name = named(kept)
        py.audit1(b"os.truncate", b"On", name, size)
        with cython.nogil:
            r = placed(self, cython.address(w), TARGET)
            if r == 0:
                r = libc.truncate(w.name, size)
            r = settle(cython.address(w), r)
        if r:
            raise failure(r, kept)
        return None

    def ftruncate(self, fd, length, /):
        """Make an open file this many bytes long; ftruncate(2)."""
        descriptor: cython.int = to_int(fd)
        return _truncate_open(descriptor, py.PyLong_AsLong(length))

    def utime(self, path, times=None, *, ns=_Unset, dir_fd=None, follow_symlinks=True):
        """Set the times of access and modification, by default to now; utimensat(2).

        `times`: a pair in seconds, integers or floats; `ns`: a pair of integers in nanoseconds.
        `path` may be a descriptor.
        """
        w: Where
        pair: libc.timespec[2]
        at: cython.pointer(libc.timespec) = pair
        r: cython.int
        kept = take(cython.address(w), path, "utime", "path", ALLOW_FD)
        if dir_fd is not None:
            w.dir = to_dir_fd(dir_fd)
        follow: cython.bint = follow_symlinks
        shown = None
        if ns is not _Unset:
            shown = ns
            if times is not None:
                raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
            if type(ns) is not tuple or len(ns) != 2:
                raise TypeError("utime: 'ns' must be a tuple of two ints")
            _from_ns(ns[0], cython.address(pair[0]))
            _from_ns(ns[1], cython.address(pair[1]))
        elif times is not None:
            if type(times) is not tuple or len(times) != 2:
                kinds = "numbers" if py.PY_VERSION_HEX >= 0x030F0000 else "ints"
                raise TypeError(f"utime: 'times' must be either a tuple of two {kinds} or None")
            _from_seconds(times[0], cython.address(pair[0]))
            _from_seconds(times[1], cython.address(pair[1]))
        else:
            at = cython.NULL  # now
        if w.name == cython.NULL:
            _check_fd(cython.address(w), "utime", follow)
        name = named(kept)
        py.audit3(b"os.utime", b"OOOi", name, times, shown, dir_shown(w.dir))
        with cython.nogil:
            if w.fd != -1 and follow:
                r = libc.futimens(w.fd, at)
            else:
                r = placed(self, cython.address(w), TARGET if follow else LOOK)
                if r == 0:
                    r = libc.utimensat(w.dir, w.name, at, 0 if follow else libc.AT_SYMLINK_NOFOLLOW)
            r = settle(cython.address(w), r)
        if r:
            if py.PY_VERSION_HEX < 0x030D0000:
                raise plain_failure(r)
            raise failure(r, kept)

    # --- special files ---------------------------------------------------------------------------

    def mkfifo(self, path, mode=0o666, *, dir_fd=None):
        """Make a FIFO, a named pipe; mknodat(2)."""
        w: Where
        kept = take(cython.address(w), path, "mkfifo", "path", 0)
        bits: cython.uint = cython.cast(cython.uint, to_int(mode)) | libc.S_IFIFO
        _make_node(self, cython.address(w), kept, bits, 0, dir_fd)

    def mknod(self, path, mode=0o600, device=0, *, dir_fd=None):
        """Make a device file, FIFO, socket or regular file, by the type in mode; mknodat(2)."""
        w: Where
        kept = take(cython.address(w), path, "mknod", "path", 0)
        bits: cython.uint = cython.cast(cython.uint, to_int(mode))
        _make_node(self, cython.address(w), kept, bits, _to_device(device), dir_fd)

    def major(self, device, /):
        """The major number in a device number; makedev(3)."""
        return _part(libc.major(_to_device(device)))

    def minor(self, device, /):
        """The minor number in a device number; makedev(3)."""
        return _part(libc.minor(_to_device(device)))

    def makedev(self, major, minor, /):
        """The device number of a major and a minor number; makedev(3)."""
        one: cython.ulong
        two: cython.ulong
        made: cython.ulong
        if py.PY_VERSION_HEX < 0x030D0000:
            one = cython.cast(cython.uint, to_int(major))
            two = cython.cast(cython.uint, to_int(minor))
            made = libc.makedev(cython.cast(cython.uint, one), cython.cast(cython.uint, two))
            return cython.cast(cython.long, made)
        one = _to_device(major)
        two = _to_device(minor)
        if one == _NODEV and two == _NODEV:
            return -1
        if (is_wide(one) and one != _NODEV) or (is_wide(two) and two != _NODEV):
            raise OverflowError("Python int too large to convert to C unsigned int")
        made = libc.makedev(cython.cast(cython.uint, one), cython.cast(cython.uint, two))
        return -1 if made == _NODEV else made


@cython.cfunc
@cython.exceptval(-1)
def _check_fd(w: cython.pointer(Where), function: str, follow: cython.bint) -> cython.int:
    # What can't be asked of a descriptor in place of a path.
    if w.dir != libc.AT_FDCWD:
        raise ValueError(f"{function}: can't specify dir_fd without matching path")
    if must_follow(w.fd) and not follow:
        raise ValueError(f"{function}: cannot use fd and follow_symlinks together")
    return 0


@cython.cfunc
def _truncate_open(fd: cython.int, size: libc.off_t):
    r: cython.int
    number: cython.int = 0
    py.PySys_Audit(b"os.truncate", b"in", fd, size)
    while True:
        with cython.nogil:
            r = libc.ftruncate(fd, size)
            if r != 0:
                number = libc.errno
        if r == 0:
            return None
        again(number)


@cython.cfunc
@cython.exceptval(-1)
def _make_node(
    self: Core, w: cython.pointer(Where), kept, mode: cython.uint, device: cython.ulong, dir_fd
) -> cython.int:
    r: cython.int
    before: Where
    if dir_fd is not None:
        w.dir = to_dir_fd(dir_fd)
    before = w[0]
    while True:
        with cython.nogil:
            r = settle(w, self.mknod_at(w, mode, device))
        if r == 0:
            return 0
        again(r)
        w[0] = before


@cython.cfunc
@cython.exceptval(-1, check=True)
def _to_device(o) -> cython.ulong:
    if py.PY_VERSION_HEX >= 0x030E0000:
        o = py.PyNumber_Index(o)
    elif not py.PyLong_Check(o):
        raise TypeError("an integer is required")
    if py.PY_VERSION_HEX >= 0x030D0000 and o == -1:
        return _NODEV
    return py.PyLong_AsUnsignedLongLong(o)


@cython.cfunc
def _part(number: cython.uint):
    # A half of NODEV is NODEV, since 3.13.
    return from_id(number) if py.PY_VERSION_HEX >= 0x030D0000 else number


@cython.cfunc
@cython.exceptval(-1, check=True)
def _to_time(o) -> cython.longlong:
    try:
        return py.PyLong_AsLongLong(o)
    except OverflowError:
        raise OverflowError("timestamp out of range for platform time_t") from None


@cython.cfunc
@cython.exceptval(-1)
def _from_seconds(o, time: cython.pointer(libc.timespec)) -> cython.int:
    # Fractions of a nanosecond are rounded down.
    whole: cython.double
    part: cython.double
    if not py.PyFloat_Check(o) and (py.PY_VERSION_HEX < 0x030F0000 or py.PyIndex_Check(o)):
        if py.PY_VERSION_HEX >= 0x030E0000 and not py.PyIndex_Check(o):
            raise TypeError(f"argument must be int or float, not {_full_name(type(o))}")
        time.tv_sec = _to_time(o)
        time.tv_nsec = 0
        return 0
    whole = py.PyFloat_AsDouble(o)
    if whole != whole:
        raise ValueError("Invalid value NaN (not a number)")
    part = libc.floor(libc.modf(whole, cython.address(whole)) * 1e9)
    if part >= 1e9:
        part -= 1e9
        whole += 1
    elif part < 0:
        part += 1e9
        whole -= 1
    if not -9223372036854775808.0 <= whole < 9223372036854775808.0:
        raise OverflowError("timestamp out of range for platform time_t")
    time.tv_sec = cython.cast(cython.long, whole)
    time.tv_nsec = cython.cast(cython.long, part)
    return 0


@cython.cfunc
def _full_name(kind):
    name = kind.__qualname__
    return name if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{name}"


@cython.cfunc
@cython.exceptval(-1)
def _from_ns(o, time: cython.pointer(libc.timespec)) -> cython.int:
    pair = divmod(o, 1_000_000_000)
    if type(pair) is not tuple or len(pair) != 2:
        raise TypeError(
            f"{type(o).__name__}.__divmod__() must return a 2-tuple, not {type(pair).__name__}"
        )
    time.tv_sec = _to_time(pair[0])
    time.tv_nsec = py.PyLong_AsLong(pair[1])
    return 0
