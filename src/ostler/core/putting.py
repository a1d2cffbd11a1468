"""Mounts that are put in their places one by one, in a process that has become a namespace's first.

Each function is a call or a few, and leaves errno as it was when one failed.
"""

import cython
from cython.cimports.ostler.core import libc

_PARTS = cython.declare(
    cython.int, libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV | libc.MOUNT_ATTR_NOEXEC
)


@cython.profile(False)
@cython.linetrace(False)
def new_mount(kind, key, attributes):
    # A detached file system. `key` is one option with its value behind it, or NULL.
    nothing: cython.p_void = cython.NULL
    mounted: cython.int = -1
    number: cython.int
    fs: cython.int = libc.syscall(libc.SYS_fsopen, kind, libc.FSOPEN_CLOEXEC)
    if fs < 0:
        return -1
    if (
        key == cython.NULL
        or libc.syscall(
            libc.SYS_fsconfig, fs, libc.FSCONFIG_SET_STRING, key, key + libc.strlen(key) + 1, 0
        )
        == 0
    ) and libc.syscall(libc.SYS_fsconfig, fs, libc.FSCONFIG_CMD_CREATE, nothing, nothing, 0) == 0:
        mounted = libc.syscall(libc.SYS_fsmount, fs, libc.FSMOUNT_CLOEXEC, attributes)
    number = libc.errno
    libc.close(fs)
    libc.errno = number
    return mounted


@cython.profile(False)
@cython.linetrace(False)
def set_mount(mount, attributes, cleared):
    change: libc.mount_attr
    libc.memset(cython.address(change), 0, cython.sizeof(change))
    change.attr_set = attributes
    change.attr_clr = cleared
    return libc.syscall(
        libc.SYS_mount_setattr, mount, b"", libc.AT_EMPTY_PATH, cython.address(change),
        cython.sizeof(change),
    )  # fmt: skip


@cython.profile(False)
@cython.linetrace(False)
def clone_mount(dir, path):
    return libc.syscall(
        libc.SYS_open_tree, dir, path,
        libc.OPEN_TREE_CLONE | libc.OPEN_TREE_CLOEXEC | libc.AT_EMPTY_PATH
        | libc.AT_SYMLINK_NOFOLLOW,
    )  # fmt: skip


@cython.profile(False)
@cython.linetrace(False)
def put_mount(mount, dir, path):
    # A detached mount upon a name in an open directory, or upon what is open. It is given back.
    r: cython.int = libc.syscall(
        libc.SYS_move_mount, mount, b"", dir, path,
        libc.MOVE_MOUNT_F_EMPTY_PATH | libc.MOVE_MOUNT_T_EMPTY_PATH,
    )  # fmt: skip
    number: cython.int = libc.errno
    libc.close(mount)
    libc.errno = number
    return r


@cython.profile(False)
@cython.linetrace(False)
def cover_directory(fd):
    # With an empty one.
    mount: cython.int = new_mount(b"tmpfs", b"mode\x000555", _PARTS | libc.MOUNT_ATTR_RDONLY)
    return -1 if mount < 0 else put_mount(mount, fd, b"")


@cython.profile(False)
@cython.linetrace(False)
def new_blank():
    # A file system with an empty file and an empty directory, of which something can be cloned
    # when it is in its place.
    fd: cython.int
    number: cython.int
    blank: cython.int = new_mount(b"tmpfs", b"mode\x000555", _PARTS)
    if blank < 0:
        return -1
    if libc.mkdirat(blank, b"none", 0o555) == 0:
        fd = libc.openat(
            blank, b"empty", libc.O_WRONLY | libc.O_CREAT | libc.O_EXCL | libc.O_CLOEXEC, 0o444
        )
        if fd >= 0:
            libc.close(fd)
            if set_mount(blank, libc.MOUNT_ATTR_RDONLY, 0) == 0:
                return blank
    number = libc.errno
    libc.close(blank)
    libc.errno = number
    return -1
