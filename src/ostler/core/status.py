"""Status: what a stat result says, for those who keep very many: a fifth of its memory."""

import cython
from cython.cimports.ostler.core import libc


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
