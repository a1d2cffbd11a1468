"""Entries: names being made, with the machine's umask, and names that something is mounted at.

A file system that a machine shows within another is mounted for its children, and for this
process lies in a detached tree: there the kernel would let a mount point be removed or renamed,
and the mount be gone with it. So it is looked before, and the error is the kernel's own.
"""

import cython
from cython.cimports.ostler.core import libc


def allow(dir, name, fd, mode):
    # The process's umask is stricter than the machine's: what was just made, open or by its name,
    # gets its mode. Where the directory has a default ACL no umask counts.
    status: libc.stat_t
    place: cython.char[32]
    if dir >= 0:
        # By name: of a descriptor that is there for paths alone the kernel tells none. Where it
        # can't be known, nobody is given more.
        libc.snprintf(place, 32, b"/proc/self/fd/%d", dir)
        if libc.getxattr(place, b"system.posix_acl_default", cython.NULL, 0) >= 0:
            return 0
        if libc.errno != libc.ENODATA and libc.errno != libc.EOPNOTSUPP:
            return 0
    if fd >= 0:
        if libc.fstat(fd, cython.address(status)) == 0:
            libc.fchmod(fd, (status.st_mode | mode) & _BITS)
    elif libc.fstatat(dir, name, cython.address(status), libc.AT_SYMLINK_NOFOLLOW) == 0:
        libc.fchmodat(dir, name, (status.st_mode | mode) & _BITS, libc.AT_SYMLINK_NOFOLLOW)
    return 0


def is_same(fd, fd2):
    # Whether two descriptors are of one object.
    one: libc.stat_t
    two: libc.stat_t
    return (
        libc.fstat(fd, cython.address(one)) == 0
        and libc.fstat(fd2, cython.address(two)) == 0
        and one.st_dev == two.st_dev
        and one.st_ino == two.st_ino
    )


def not_to_be_run(fd):
    # The errno with which this can't be a program, as far as its kind and mode tell.
    status: libc.stat_t
    link: cython.char[32]
    libc.sprintf(link, b"/proc/self/fd/%d", fd)
    if libc.faccessat(libc.AT_FDCWD, link, libc.X_OK, libc.AT_EACCESS) < 0:
        return libc.errno
    if libc.fstat(fd, cython.address(status)) == 0 and status.st_mode & libc.S_IFMT != libc.S_IFREG:
        return libc.EACCES
    return 0


def several(dir, name, dir2, name2, flags):
    # Whether one of the names that are renamed may be of a file of the base with other names,
    # which an overlay copies without its being known of which file.
    one: libc.stat_t
    two: libc.stat_t
    is_directory: cython.bint
    if libc.fstatat(dir, name, cython.address(one), libc.AT_SYMLINK_NOFOLLOW) < 0:
        return False
    is_directory = one.st_mode & libc.S_IFMT == libc.S_IFDIR
    if not is_directory and one.st_nlink > 1:
        return True
    if is_directory and not flags & libc.RENAME_EXCHANGE:
        return False
    if libc.fstatat(dir2, name2, cython.address(two), libc.AT_SYMLINK_NOFOLLOW) < 0:
        return False
    if two.st_mode & libc.S_IFMT == libc.S_IFDIR:
        return False
    if flags & libc.RENAME_EXCHANGE and two.st_nlink > 1:
        return True
    # Both may be copies of one file, and such a rename nothing.
    return (
        not is_directory
        and one.st_size == two.st_size
        and one.st_mtim.tv_sec == two.st_mtim.tv_sec
        and one.st_mtim.tv_nsec == two.st_mtim.tv_nsec
    )


# ---- mount points


def look(dir, name, found):
    # What stands at a name: -1 nothing or not to be seen, with errno; 1 the root of a mount; else
    # 0. The names that a call refuses anyway (".", "..", too long ones) are -1 as well.
    last: cython.char[256]
    size: cython.size_t = libc.strlen(name)
    while size > 0 and name[size - 1] == b"/":
        size -= 1
    if (
        size == 0
        or size > 255
        or (name[0] == b"." and (size == 1 or (size == 2 and name[1] == b".")))
    ):
        libc.errno = libc.EINVAL
        return -1
    libc.memcpy(last, name, size)
    last[size] = 0
    if (
        libc.statx(
            dir,
            last,
            libc.AT_SYMLINK_NOFOLLOW | libc.AT_NO_AUTOMOUNT,
            libc.STATX_TYPE | libc.STATX_MODE | libc.STATX_INO,
            found,
        )
        < 0
    ):
        return -1
    return 1 if found.stx_attributes & libc.STATX_ATTR_MOUNT_ROOT else 0


def is_mounted_on(dir_fd: cython.int, name: bytes):
    """Whether something is mounted on a name in an open directory of the host."""
    return is_point(dir_fd, name)


def is_point(dir, name):
    found: libc.statx_t
    return look(dir, name, cython.address(found)) > 0


def may_leave(dir, name, directory):
    # Whether a name may be removed, as far as mounts are concerned: 0, or -1 with errno.
    found: libc.statx_t
    is_directory: cython.bint
    if look(dir, name, cython.address(found)) <= 0:
        return 0
    is_directory = found.stx_mode & libc.S_IFMT == libc.S_IFDIR
    if _read_only(dir):
        libc.errno = libc.EROFS
    elif not directory and _has_slash(name):
        libc.errno = libc.EISDIR if is_directory else libc.ENOTDIR
    elif not _may(dir, b"", libc.W_OK | libc.X_OK):
        libc.errno = libc.EACCES
    elif directory and not is_directory:
        libc.errno = libc.ENOTDIR
    elif not directory and is_directory:
        libc.errno = libc.EISDIR
    else:
        libc.errno = libc.EBUSY
    return -1


def may_rename(dir, name, dir2, name2, flags):
    # Whether one name may be renamed to the other, or exchanged with it. In the kernel's order.
    one: libc.statx_t
    two: libc.statx_t
    a: cython.int = look(dir, name, cython.address(one))
    b: cython.int = look(dir2, name2, cython.address(two))
    is_directory: cython.bint
    onto: cython.bint
    number: cython.int
    if a < 0 or (b < 0 and libc.errno != libc.ENOENT):
        return 0  # the call fails
    if a == 0 and b <= 0:
        return 0
    is_directory = one.stx_mode & libc.S_IFMT == libc.S_IFDIR
    onto = b >= 0 and two.stx_mode & libc.S_IFMT == libc.S_IFDIR
    number = _before(dir, name, dir2, name2, flags, is_directory, onto, b >= 0)
    if number == 0:
        if _same_name(dir, name, dir2, name2):
            return 0  # nothing is done
        if not _may(dir, b"", libc.W_OK | libc.X_OK) or not _may(dir2, b"", libc.W_OK | libc.X_OK):
            number = libc.EACCES
        elif b >= 0 and not flags & libc.RENAME_EXCHANGE and is_directory and not onto:
            number = libc.ENOTDIR
        elif b >= 0 and not flags & libc.RENAME_EXCHANGE and not is_directory and onto:
            number = libc.EISDIR
        elif (
            a == 0 and is_directory and not is_same(dir, dir2) and not _may(dir, name, libc.W_OK)
        ) or (
            b == 0
            and onto
            and flags & libc.RENAME_EXCHANGE
            and not is_same(dir, dir2)
            and not _may(dir2, name2, libc.W_OK)
        ):
            number = libc.EACCES
        else:
            number = libc.EBUSY
    libc.errno = number
    return -1


def _before(dir, name, dir2, name2, flags, is_directory, onto, there):
    # The errors that come before it is asked who may do it.
    exchange: cython.bint = flags & libc.RENAME_EXCHANGE != 0
    if not _one_mount(dir, dir2):
        return libc.EXDEV
    if _read_only(dir):
        return libc.EROFS
    if there and flags & libc.RENAME_NOREPLACE:
        return libc.EEXIST
    if not there and exchange:
        return libc.ENOENT
    if exchange and not onto and _has_slash(name2):
        return libc.ENOTDIR
    if not is_directory and (_has_slash(name) or (not exchange and _has_slash(name2))):
        return libc.ENOTDIR
    if _lies_in(dir2, dir, name):
        return libc.EINVAL
    if there and _lies_in(dir, dir2, name2):
        return libc.EINVAL if exchange else libc.ENOTEMPTY
    return 0


def _has_slash(name):
    return name[libc.strlen(name) - 1] == b"/"


def _read_only(dir):
    status: libc.statvfs_t
    return libc.fstatvfs(dir, cython.address(status)) == 0 and status.f_flag & libc.ST_RDONLY != 0


def _may(dir, name, right):
    link: cython.char[320]
    libc.snprintf(link, 320, b"/proc/self/fd/%d/%s", dir, name)
    return libc.faccessat(libc.AT_FDCWD, link, right, libc.AT_EACCESS) == 0


def _same_name(dir, name, dir2, name2):
    size: cython.size_t = _bare(name)
    return size == _bare(name2) and libc.memcmp(name, name2, size) == 0 and is_same(dir, dir2)


def _bare(name):
    # The length of a name without the slashes at its end.
    size: cython.size_t = libc.strlen(name)
    while size > 0 and name[size - 1] == b"/":
        size -= 1
    return size


def _one_mount(dir, dir2):
    return _mount(dir) == _mount(dir2)


def _mount(dir):
    # The number of the mount that an open directory is in; older headers have no name for it.
    found: cython.ulong[32]
    if (
        libc.statx(
            dir,
            b"",
            libc.AT_EMPTY_PATH,
            libc.STATX_MNT_ID,
            cython.cast(cython.pointer(libc.statx_t), found),
        )
        < 0
    ):
        return 0
    return found[18]


def _lies_in(inner, dir, name):
    # Whether an open directory is the one that has this name in another one, or lies below it.
    text: cython.char[4096]
    other: cython.char[4096]
    size: cython.long = _path(inner, text)
    length: cython.long = _path(dir, other)
    more: cython.long = cython.cast(cython.long, _bare(name))
    if size < 0 or length < 0:
        return False
    if length == 1:
        length = 0  # the root
    if size < length + 1 + more or libc.memcmp(text, other, length) != 0 or text[length] != b"/":
        return False
    return libc.memcmp(text + length + 1, name, more) == 0 and (
        text[length + 1 + more] == b"/" or text[length + 1 + more] == 0
    )


def _path(fd, text):
    link: cython.char[32]
    size: cython.long
    libc.snprintf(link, 32, b"/proc/self/fd/%d", fd)
    size = libc.readlinkat(libc.AT_FDCWD, link, text, 4095)
    if size >= 0:
        text[size] = 0
    return size
