"""Owners, modes, extended attributes and times, by descriptors; names that are never followed."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.trees._task import OWNERS_IF_ALLOWED

_PERMISSIONS = cython.declare(cython.uint, 0o7777)
_FOLLOWED = cython.declare(cython.int, -2)
_SET_IDS = cython.declare(cython.uint, 0o6000)


def chmod_name(dir, name, mode):
    # Of the name itself; the errno. A link has no mode to change: EOPNOTSUPP.
    st: libc.stat_t
    link: cython.char[32]
    fd: cython.int
    number: cython.int = 0
    if libc.fchmodat2(dir, name, mode, libc.AT_SYMLINK_NOFOLLOW) == 0:
        return 0
    if libc.errno != libc.ENOSYS and libc.errno != libc.EPERM:
        return libc.errno
    number = libc.errno
    # Linux before 6.6, or a filter that does not know the call.
    fd = libc.openat(dir, name, libc.O_PATH | libc.O_NOFOLLOW | libc.O_CLOEXEC)
    if fd < 0:
        return libc.errno
    if libc.fstat(fd, cython.address(st)) < 0:
        number = libc.errno
    elif st.st_mode & libc.S_IFMT == libc.S_IFLNK:
        number = libc.EOPNOTSUPP
    else:
        libc.snprintf(link, 32, b"/proc/self/fd/%d", fd)
        number = 0
        if libc.fchmodat(libc.AT_FDCWD, link, mode, 0) < 0:
            number = libc.errno
    libc.close(fd)
    return number


def copy_metadata(task, fd, to, st, dir, attributes):
    # In the order in which nothing undoes what was done before; the errno. `dir`: the directory
    # that a file is in, -1 for a directory itself; `attributes`: 0 where the source has none.
    times: libc.timespec[2]
    mode: cython.uint = st.st_mode & _PERMISSIONS
    owned: cython.int = 0
    number: cython.int = 0
    foreign: cython.int = task.all_owners or st.st_uid != task.uid or st.st_gid != task.gid
    if foreign and task.keep.owners:
        if libc.fchown(to, st.st_uid, st.st_gid) == 0:
            owned = 1
        elif task.keep.owners != OWNERS_IF_ALLOWED or libc.errno != libc.EPERM:
            return libc.errno
        else:
            mode &= ~_SET_IDS  # not for another owner
    if task.keep.modes and task.all_modes:
        number = drop_acls(to, cython.NULL)  # what was inherited from the directory above
        if number:
            return number
    if task.keep.xattrs and attributes:
        number = copy_xattrs(fd, cython.NULL, to, cython.NULL, task.keep.modes)
        if number:
            if task.keep.modes:
                libc.fchmod(to, without_acl(fd, cython.NULL, mode))
            return number
    if task.keep.modes:
        if attributes and not task.keep.xattrs:
            mode = without_acl(fd, cython.NULL, mode)
        # open() has made it right for a plain file of our own, if the umask took nothing away.
        if (
            dir < 0
            or attributes
            or task.all_modes
            or foreign
            or owned
            or st.st_nlink > 1
            or mode & _SET_IDS
            or mode & 0o1000
            or mode & task.umask
        ):
            if libc.fchmod(to, mode) < 0:
                return libc.errno
    elif dir >= 0 and libc.fchmod(to, fresh_mode(dir, 0o666, task.umask)) < 0:
        return libc.errno
    if task.keep.times:
        times[0] = st.st_atim
        times[1] = st.st_mtim
        if libc.futimens(to, times) < 0:
            return libc.errno
    return 0


def name_metadata(task, dir, name, to, new, st):
    # The same for a name that can't be opened: a link, a pipe, a device. The errno.
    path: cython.char[320]
    to_path: cython.char[320]
    times: libc.timespec[2]
    number: cython.int
    source: cython.int = -1
    mode: cython.uint = st.st_mode & _PERMISSIONS
    if task.keep.follow_links and st.st_mode & libc.S_IFMT != libc.S_IFLNK:
        source = _FOLLOWED  # what is copied is not the link of this name
    if task.keep.owners and (task.all_owners or st.st_uid != task.uid or st.st_gid != task.gid):
        if libc.fchownat(to, new, st.st_uid, st.st_gid, libc.AT_SYMLINK_NOFOLLOW) < 0 and (
            task.keep.owners != OWNERS_IF_ALLOWED or libc.errno != libc.EPERM
        ):
            return libc.errno
    # Linux before 6.13 has no other way to them that begins at a descriptor.
    libc.snprintf(path, 320, b"/proc/self/fd/%d/%s", dir, name)
    libc.snprintf(to_path, 320, b"/proc/self/fd/%d/%s", to, new)
    if task.keep.modes and task.all_modes:
        number = drop_acls(-1, to_path)
        if number:
            return number
    if task.keep.xattrs:
        number = copy_xattrs(source, path, -1, to_path, task.keep.modes)
        if number:
            return number
    if st.st_mode & libc.S_IFMT != libc.S_IFLNK:
        if not task.keep.modes:
            mode = fresh_mode(to, 0o666, task.umask)
        elif not task.keep.xattrs:
            mode = without_acl(source, path, mode)
        number = chmod_name(to, new, mode)
        if number:
            return number
    if task.keep.times:
        times[0] = st.st_atim
        times[1] = st.st_mtim
        if libc.utimensat(to, new, times, libc.AT_SYMLINK_NOFOLLOW) < 0:
            return libc.errno
    return 0


# ---- extended attributes, of descriptors or (where those are -1) of names that are not followed;
# read only also of what names lead to (_FOLLOWED)


def list_xattrs(fd, path, names, size):
    if fd >= 0:
        return libc.flistxattr(fd, names, size)
    if fd == _FOLLOWED:
        return libc.listxattr(path, names, size)
    return libc.llistxattr(path, names, size)


def get_xattr(fd, path, name, value, size):
    if fd >= 0:
        return libc.fgetxattr(fd, name, value, size)
    if fd == _FOLLOWED:
        return libc.getxattr(path, name, value, size)
    return libc.lgetxattr(path, name, value, size)


def set_xattr(fd, path, name, value, size):
    # 0 or -1 with errno.
    st: libc.stat_t
    done: cython.int
    if fd < 0:
        return libc.lsetxattr(path, name, value, size, 0)
    done = libc.fsetxattr(fd, name, value, size, 0)
    if done < 0 and libc.errno == libc.EACCES and libc.fstat(fd, cython.address(st)) == 0:
        # Its owner may not write it, as its mode has been from the start: for a moment.
        if libc.fchmod(fd, (st.st_mode & _PERMISSIONS) | 0o200) == 0:
            done = libc.fsetxattr(fd, name, value, size, 0)
            libc.fchmod(fd, st.st_mode & _PERMISSIONS)
    return done


def remove_xattr(fd, path, name):
    return libc.fremovexattr(fd, name) if fd >= 0 else libc.lremovexattr(path, name)


def copy_xattrs(fd, path, to, to_path, acls):
    # All of them, access control lists being some where `acls` says so.
    short: cython.char[1024]
    names: cython.p_char = short
    size: cython.long = list_xattrs(fd, path, names, 1024)
    at: cython.long = 0
    number: cython.int = 0
    if size < 0 and libc.errno == libc.ERANGE:
        names = cython.cast(cython.p_char, libc.malloc(65536))
        if names == cython.NULL:
            return libc.ENOMEM
        size = list_xattrs(fd, path, names, 65536)
    if size < 0:
        number = libc.errno
        if number in (libc.EOPNOTSUPP, libc.ENOSYS) or (fd < 0 and number == libc.ENOENT):
            number = 0  # there are none, or (without /proc) no way to them
        size = 0
    while at < size and number == 0:
        if acls or libc.strncmp(names + at, b"system.posix_acl_", 17) != 0:
            number = copy_xattr(fd, path, to, to_path, names + at)
        at += libc.strlen(names + at) + 1
    if names != short:
        libc.free(names)
    return number


def copy_xattr(fd, path, to, to_path, name):
    short: cython.char[1024]
    value: cython.p_char = short
    number: cython.int = 0
    size: cython.long = get_xattr(fd, path, name, value, 1024)
    if size < 0 and libc.errno == libc.ERANGE:
        value = cython.cast(cython.p_char, libc.malloc(65536))
        if value == cython.NULL:
            return libc.ENOMEM
        size = get_xattr(fd, path, name, value, 65536)
    if size < 0:
        # Gone meanwhile, or not for us to read.
        number = 0 if libc.errno in (libc.ENODATA, libc.EPERM, libc.EACCES) else libc.errno
    elif set_xattr(to, to_path, name, value, size) < 0:
        number = libc.errno
        if libc.strncmp(name, b"security.", 9) == 0 or libc.strncmp(name, b"trusted.", 8) == 0:
            if number == libc.EPERM or number == libc.EOPNOTSUPP:
                number = 0  # the administrator's, as owners are
    if value != short:
        libc.free(value)
    return number


# ---- access control lists


def drop_acls(fd, path):
    # Take away what an object got from its directory, which gives nobody a right for a moment: of
    # the group's rights the mode may show more, while there is a list, than it has. The errno.
    st: libc.stat_t
    if get_xattr(fd, path, b"system.posix_acl_access", cython.NULL, 0) >= 0:
        if fd >= 0 and (
            libc.fstat(fd, cython.address(st)) < 0
            or (
                st.st_mode & 0o070
                and libc.fchmod(fd, st.st_mode & _PERMISSIONS & ~cython.cast(cython.uint, 0o070))
                < 0
            )
        ):
            return libc.errno
        if remove_xattr(fd, path, b"system.posix_acl_access") < 0 and libc.errno != libc.ENODATA:
            return libc.errno
    if (
        get_xattr(fd, path, b"system.posix_acl_default", cython.NULL, 0) >= 0
        and remove_xattr(fd, path, b"system.posix_acl_default") < 0
        and libc.errno != libc.ENODATA
    ):
        return libc.errno
    return 0


def acl_mode(acl, size, whole):
    # The mode that shows this list; or one that without it gives nobody more: those that it names
    # belong to the group or to the others then, also where it gave them less.
    group: cython.uint = 0
    mask: cython.uint = 7
    others: cython.uint = 0
    users: cython.uint = 7
    groups: cython.uint = 7
    owner: cython.uint = 0
    named: cython.bint = False
    at: cython.long = 4
    tag: cython.int
    rights: cython.uint
    while at + 8 <= size:
        tag = acl[at]
        rights = acl[at + 2] & 7
        if tag == 0x01:
            owner = rights
        elif tag == 0x02:
            named = True
            users &= rights
        elif tag == 0x04:
            group = rights
        elif tag == 0x08:
            named = True
            groups &= rights
        elif tag == 0x10:
            mask = rights
            if whole:
                group = rights
        elif tag == 0x20:
            others = rights
        at += 8
    if not whole:
        group &= users & mask
        others &= users & groups & (mask if named else 7)
    return owner << 6 | group << 3 | others


def fresh_mode(dir, mode, mask):
    # What a new object in this directory gets: its default ACL stands in place of the umask.
    acl: cython.char[8192]
    size: cython.long = libc.fgetxattr(dir, b"system.posix_acl_default", acl, 8192)
    if size < 0:
        return mode & (0o700 if libc.errno == libc.ERANGE else ~mask)
    return mode & acl_mode(acl, size, True)


def without_acl(fd, path, mode):
    # A mode that gives no more than its object's ACL, for a copy that does not get that.
    acl: cython.char[8192]
    size: cython.long = get_xattr(fd, path, b"system.posix_acl_access", acl, 8192)
    if size < 0:
        return mode & 0o7700 if libc.errno == libc.ERANGE else mode
    return mode & (acl_mode(acl, size, False) | 0o7700)


def bits_without(acl: bytes):
    """The bits of a mode that gives nobody more than this ACL, for what does not get that."""
    return 0o7700 | acl_mode(acl, len(acl), False)
