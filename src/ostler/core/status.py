"""Status: what a stat result says, for those who keep very many: a fifth of its memory."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import plain_failure
from cython.cimports.ostler.core.scan import is_dots

_BLOCK = cython.declare(cython.int, 32768)
_FEW = cython.declare(cython.int, 256)


class Status:
    """The members of a stat result that tell of the object itself; times in nanoseconds alone."""

    def __init__(
        self, dev, ino, mode, nlink, uid, gid, rdev, size, atime_ns, mtime_ns, ctime_ns
    ):  # fmt: skip
        self.st_dev = dev
        self.st_ino = ino
        self.st_mode = mode
        self.st_nlink = nlink
        self.st_uid = uid
        self.st_gid = gid
        self.st_rdev = rdev
        self.st_size = size
        self._atime, self._atime_part = divmod(atime_ns, 1000000000)
        self._mtime, self._mtime_part = divmod(mtime_ns, 1000000000)
        self._ctime, self._ctime_part = divmod(ctime_ns, 1000000000)

    @property
    def st_atime_ns(self):
        return cython.cast(object, self._atime) * 1000000000 + self._atime_part

    @property
    def st_mtime_ns(self):
        return cython.cast(object, self._mtime) * 1000000000 + self._mtime_part

    @property
    def st_ctime_ns(self):
        return cython.cast(object, self._ctime) * 1000000000 + self._ctime_part

    def __reduce__(self):
        return Status, tuple([getattr(self, name) for name in _NAMES])


def kept(status, **others):
    """The Status of a stat result, or of what has its members; `others`: what it says otherwise."""
    if not others and isinstance(status, Status):
        return status
    return Status(*[others.get(name, getattr(status, name)) for name in _NAMES])


def listed(fd: cython.int):
    """[(name, Status)] of all that is in a directory, sorted; it is open for listing."""
    status: libc.stat_t
    entry: cython.pointer(libc.dirent)
    block: cython.char[32768]
    size: cython.long
    at: cython.long
    error: cython.int = 0
    found: list = []
    while True:
        with cython.nogil:
            size = libc.getdents64(fd, block, _BLOCK)
            if size < 0:
                error = libc.errno
        if size <= 0:
            break
        at = 0
        while at < size:
            entry = cython.cast(cython.pointer(libc.dirent), cython.address(block[at]))
            at += entry.d_reclen
            if is_dots(entry.d_name):
                continue
            with cython.nogil:
                error = 0
                if libc.fstatat(
                    fd, entry.d_name, cython.address(status), libc.AT_SYMLINK_NOFOLLOW
                ) < 0:  # fmt: skip
                    error = libc.errno
            if error == 0:
                name = py.PyBytes_FromString(entry.d_name)
                found.append((name, _of(cython.address(status))))
            elif error != libc.ENOENT:  # which is gone meanwhile
                libc.lseek(fd, 0, libc.SEEK_SET)  # for who tries again
                raise plain_failure(error)
    if error and error != libc.ENOENT:
        raise plain_failure(error)
    found.sort(key=_name_of)  # what is renamed meanwhile may come twice
    return found


def _name_of(pair):
    return pair[0]


@cython.cfunc
def _of(status: cython.pointer(libc.stat_t)):
    made: Status = Status.__new__(Status)
    made.st_dev = status.st_dev
    made.st_ino = status.st_ino
    made.st_mode = status.st_mode
    made.st_nlink = status.st_nlink
    made.st_uid = status.st_uid
    made.st_gid = status.st_gid
    made.st_rdev = status.st_rdev
    made.st_size = status.st_size
    made._atime, made._atime_part = status.st_atim.tv_sec, status.st_atim.tv_nsec
    made._mtime, made._mtime_part = status.st_mtim.tv_sec, status.st_mtim.tv_nsec
    made._ctime, made._ctime_part = status.st_ctim.tv_sec, status.st_ctim.tv_nsec
    return made


def attribute(dir_fd: cython.int, name: bytes, attribute: str):
    """The value of an extended attribute of what has a name in an open directory, no link followed.

    None where there is none.
    """
    few: cython.char[256]
    error: cython.int
    size: cython.Py_ssize_t
    size = _attribute(dir_fd, name, attribute.encode(), few, _FEW, cython.address(error))
    if size >= 0:
        return py.PyBytes_FromStringAndSize(few, size)
    if error == libc.ERANGE:
        many = bytearray(libc.XATTR_SIZE_MAX)
        size = _attribute(
            dir_fd, name, attribute.encode(), many, libc.XATTR_SIZE_MAX, cython.address(error)
        )  # fmt: skip
        if size >= 0:
            return py.PyBytes_FromStringAndSize(many, size)
    if error == libc.ENODATA or error == libc.EOPNOTSUPP:
        return None
    raise plain_failure(error)


@cython.cfunc
@cython.exceptval(check=False)
def _attribute(
    dir_fd: cython.int, name: bytes, attribute: bytes, room: cython.p_char, size: cython.int,
    error: cython.pointer(cython.int),
) -> cython.Py_ssize_t:  # fmt: skip
    # By the call for it, or from before Linux 6.13 by a path in /proc, which takes thrice the time.
    arguments: libc.ostler_xattr_args
    path: cython.p_const_char = name
    wanted: cython.p_const_char = attribute
    found: cython.Py_ssize_t
    arguments.value = cython.cast(cython.size_t, room)
    arguments.size = size
    arguments.flags = 0
    with cython.nogil:
        found = libc.syscall(
            libc.SYS_getxattrat, dir_fd, path, libc.AT_SYMLINK_NOFOLLOW, wanted,
            cython.address(arguments), cython.sizeof(arguments),
        )  # fmt: skip
        error[0] = libc.errno
    if found < 0 and (error[0] == libc.ENOSYS or error[0] == libc.EPERM):
        spelled: bytes = b"/proc/self/fd/%d/%s" % (dir_fd, name)
        path = spelled
        with cython.nogil:
            found = libc.lgetxattr(path, wanted, room, size)
            error[0] = libc.errno
    return found


def file_handle(dir_fd: cython.int, name: bytes):
    """What the file system itself knows an object by: (type, bytes), name_to_handle_at(2).

    None where it gives none. No other object of it ever has the same, unlike an inode number.
    """
    room: cython.uint[40]  # its two numbers, and the kernel's MAX_HANDLE_SZ
    handle: cython.pointer(libc.file_handle) = cython.cast(
        cython.pointer(libc.file_handle), cython.address(room[0])
    )
    mount: cython.int
    handle.handle_bytes = 128
    if libc.name_to_handle_at(dir_fd, name, handle, cython.address(mount), 0) < 0:
        return None
    data: cython.p_char = cython.cast(cython.p_char, cython.address(room[2]))
    return handle.handle_type, data[: handle.handle_bytes]


_NAMES = (
    "st_dev",
    "st_ino",
    "st_mode",
    "st_nlink",
    "st_uid",
    "st_gid",
    "st_rdev",
    "st_size",
    "st_atime_ns",
    "st_mtime_ns",
    "st_ctime_ns",
)
