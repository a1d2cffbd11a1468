"""What machines are made of: detached mounts and namespaces, from the kernel.

Who may mount does it in this process. Who may not gets a helper that lives for less than a
millisecond: a child that shares this process's memory and descriptors (so that it costs the same
in a large process as in a small one, and its descriptors are ours), with a user namespace and a
mount namespace of its own. A detached mount made there is used from here like any directory.
No Python runs in the helper.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Where, failure, plain_failure, settle, take
from cython.cimports.ostler.core.helper import give_stacks_back, in_helper, stacks, write_text
from cython.cimports.ostler.core.libc import recording as asking


@cython.cclass
class Made:
    """What was made, or why it was not; closed when nobody has it, at whatever moment that is."""

    def __cinit__(self, root=-1, user_ns=-1, mount_ns=-1):
        self.root = root
        self.user_ns = user_ns
        self.mount_ns = mount_ns
        self.step = ""
        self.mounted = ()

    def __dealloc__(self):
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Close what nobody has taken over."""
        fds: cython.int[3] = [self.root, self.user_ns, self.mount_ns]
        i: cython.int
        self.root = self.user_ns = self.mount_ns = -1
        if fds[0] < 0 and fds[1] < 0 and fds[2] < 0:
            return
        with cython.nogil:  # the last one of a mount takes a while
            for i in range(3):
                if fds[i] >= 0:
                    libc.close(fds[i])

    def leave(self, fd):
        # To who has taken it over.
        if self.root == fd:
            self.root = -1
        if self.user_ns == fd:
            self.user_ns = -1
        if self.mount_ns == fd:
            self.mount_ns = -1
        return 0


def _failed(order, step):
    order.number = libc.errno
    order.step = step
    return -1


def _map_identity(order):
    # The same numbers inside as outside, so that a file's owner is the caller's own.
    line: cython.char[64]
    here: cython.int = libc.AT_FDCWD
    if write_text(here, b"/proc/self/setgroups", b"deny") < 0 and libc.errno != libc.ENOENT:
        return _failed(order, b"setgroups")
    libc.sprintf(line, b"%u %u 1\n", order.uid, order.uid)
    if write_text(here, b"/proc/self/uid_map", line) < 0:
        return _failed(order, b"uid_map")
    libc.sprintf(line, b"%u %u 1\n", order.gid, order.gid)
    if write_text(here, b"/proc/self/gid_map", line) < 0:
        return _failed(order, b"gid_map")
    return 0


def _own_namespaces(order, kinds):
    if libc.unshare(kinds) < 0:
        return _failed(order, b"unshare")
    if kinds & libc.CLONE_NEWUSER and _map_identity(order) < 0:
        return -1
    if kinds & libc.CLONE_NEWUSER:
        order.user_ns = libc.openat(
            libc.AT_FDCWD, b"/proc/self/ns/user", libc.O_RDONLY | libc.O_CLOEXEC
        )
        if order.user_ns < 0:
            return _failed(order, b"user namespace")
    order.mount_ns = libc.openat(
        libc.AT_FDCWD, b"/proc/self/ns/mnt", libc.O_RDONLY | libc.O_CLOEXEC
    )
    if order.mount_ns < 0:
        return _failed(order, b"mount namespace")
    return 0


def _set(fs, key, value):
    return libc.syscall(libc.SYS_fsconfig, fs, libc.FSCONFIG_SET_STRING, key, value, 0)


def _tmpfs(order):
    fs: cython.int = libc.syscall(libc.SYS_fsopen, b"tmpfs", libc.FSOPEN_CLOEXEC)
    if fs < 0:
        return _failed(order, b"fsopen")
    if (
        _set(fs, b"mode", b"0755") < 0
        or (order.size != cython.NULL and _set(fs, b"size", order.size) < 0)
        or (order.inodes != cython.NULL and _set(fs, b"nr_inodes", order.inodes) < 0)
        or libc.syscall(libc.SYS_fsconfig, fs, libc.FSCONFIG_CMD_CREATE, 0, 0, 0) < 0
    ):
        _failed(order, b"fsconfig")
        libc.close(fs)
        return -1
    order.root = libc.syscall(libc.SYS_fsmount, fs, libc.FSMOUNT_CLOEXEC, 0)
    if order.root < 0:
        _failed(order, b"fsmount")
    libc.close(fs)
    return order.root


def _clone_tree(order, dir):
    # By the directory's descriptor, or after fchdir to it by ".", which works across unshare.
    attributes: libc.mount_attr
    path: cython.p_const_char = b"" if dir >= 0 else b"."
    order.root = libc.syscall(
        libc.SYS_open_tree, dir if dir >= 0 else libc.AT_FDCWD, path,
        libc.OPEN_TREE_CLONE | libc.OPEN_TREE_CLOEXEC | libc.AT_RECURSIVE | libc.AT_EMPTY_PATH,
    )  # fmt: skip
    if order.root < 0:
        return _failed(order, b"open_tree")
    libc.memset(cython.address(attributes), 0, cython.sizeof(attributes))
    attributes.propagation = libc.MS_PRIVATE
    if order.read_only:
        attributes.attr_set = libc.MOUNT_ATTR_RDONLY
    if libc.syscall(
        libc.SYS_mount_setattr, order.root, b"", libc.AT_EMPTY_PATH | libc.AT_RECURSIVE,
        cython.address(attributes), cython.sizeof(attributes),
    ) < 0:  # fmt: skip
        _failed(order, b"mount_setattr")
        libc.close(order.root)
        order.root = -1
        return -1
    return 0


def _overlay(order, step):
    key: cython.p_const_char
    value: cython.p_const_char
    r: cython.long
    fs: cython.int = libc.syscall(libc.SYS_fsopen, b"overlay", libc.FSOPEN_CLOEXEC)
    if fs < 0:
        return _failed(order, b"fsopen overlay")
    r = _lowers(fs, step.source)
    if r == 0 and step.upper != cython.NULL:
        r = _layer(fs, b"upperdir", step.upper)
        if r == 0:
            r = _layer(fs, b"workdir", step.work)
    if r < 0:
        r = _failed(order, b"overlay layers")
    key = step.options
    while r == 0 and key[0]:
        value = key + libc.strlen(key) + 1
        if value[0]:
            r = _set(fs, key, value)
        else:
            r = libc.syscall(
                libc.SYS_fsconfig, fs, libc.FSCONFIG_SET_FLAG, key,
                cython.cast(cython.p_void, cython.NULL), 0,
            )  # fmt: skip
        if r < 0:
            _failed(order, b"overlay options")
        key = value + libc.strlen(value) + 1
    if r == 0:
        r = libc.syscall(
            libc.SYS_fsconfig, fs, libc.FSCONFIG_CMD_CREATE,
            cython.cast(cython.p_void, cython.NULL), cython.cast(cython.p_void, cython.NULL), 0,
        )  # fmt: skip
        if r < 0:
            _failed(order, b"overlay")
    if r == 0:
        r = libc.syscall(libc.SYS_fsmount, fs, libc.FSMOUNT_CLOEXEC, 0)
        if r < 0:
            _failed(order, b"fsmount overlay")
    libc.close(fs)
    return r


def _layer(fs, key, path):
    # By a descriptor, where the kernel takes one (Linux 6.13), which is quicker, and opened without
    # the way through /proc, which is as long again.
    r: cython.long = -1
    fd: cython.int = libc.AT_FDCWD
    at: cython.p_const_char = path
    end: cython.p_char = cython.NULL
    if libc.strncmp(path, b"/proc/self/fd/", 14) == 0:
        fd = cython.cast(cython.int, libc.strtoul(path + 14, cython.address(end), 10))
        if end[0] == b"/":
            at = end + 1
        else:
            fd = libc.AT_FDCWD
    fd = libc.openat(fd, at, libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
    if fd >= 0:
        r = libc.syscall(
            libc.SYS_fsconfig, fs, libc.FSCONFIG_SET_FD, key,
            cython.cast(cython.p_void, cython.NULL), fd,
        )  # fmt: skip
        libc.close(fd)
    return r if r >= 0 else _set(fs, key, path)


def _lowers(fs, paths):
    # What an overlay lies over: paths one behind the other, the uppermost first.
    number: cython.int = 0
    while paths[0]:
        if _layer(fs, b"lowerdir+", paths) < 0:
            # Before Linux 6.8 there is only the old key, which is given once.
            if number or paths[libc.strlen(paths) + 1] or _set(fs, b"lowerdir", paths) < 0:
                return -1
        paths += libc.strlen(paths) + 1
        number += 1
    return 0


def _fresh(order, step):
    key: cython.p_const_char = step.options
    value: cython.p_const_char
    nothing: cython.p_void = cython.NULL
    r: cython.long = 0
    fs: cython.int = libc.syscall(libc.SYS_fsopen, step.source, libc.FSOPEN_CLOEXEC)
    if fs < 0:
        return _failed(order, b"fsopen")
    while r == 0 and key[0]:
        value = key + libc.strlen(key) + 1
        r = _set(fs, key, value)
        key = value + libc.strlen(value) + 1
    if r == 0:
        r = libc.syscall(libc.SYS_fsconfig, fs, libc.FSCONFIG_CMD_CREATE, nothing, nothing, 0)
    if r < 0:
        _failed(order, b"fsconfig")
    else:
        r = libc.syscall(
            libc.SYS_fsmount, fs, libc.FSMOUNT_CLOEXEC,
            libc.MOUNT_ATTR_RDONLY if step.read_only else 0,
        )  # fmt: skip
        if r < 0:
            _failed(order, b"fsmount")
    libc.close(fs)
    return r


def _cloned(order, step):
    attributes: libc.mount_attr
    alone: cython.bint = step.kind == CLONE_ONE or step.kind == CLONE_WRITABLE
    deep: cython.int = 0 if alone else libc.AT_RECURSIVE
    tree: cython.int = libc.syscall(
        libc.SYS_open_tree, libc.AT_FDCWD, step.source,
        libc.OPEN_TREE_CLONE | libc.OPEN_TREE_CLOEXEC | deep,
    )  # fmt: skip
    if tree < 0:
        return _failed(order, b"open_tree")
    libc.memset(cython.address(attributes), 0, cython.sizeof(attributes))
    attributes.propagation = libc.MS_PRIVATE
    if step.read_only:
        attributes.attr_set = libc.MOUNT_ATTR_RDONLY
    elif step.kind == CLONE_WRITABLE:
        attributes.attr_clr = libc.MOUNT_ATTR_RDONLY
    if libc.syscall(
        libc.SYS_mount_setattr, tree, b"", libc.AT_EMPTY_PATH | deep,
        cython.address(attributes), cython.sizeof(attributes),
    ) < 0:  # fmt: skip
        _failed(order, b"mount_setattr")
        libc.close(tree)
        return -1
    return tree


def _find_place(order):
    # Whoever exchanges a directory on the way leads to another one, which is refused.
    wanted: libc.stat_t
    found: libc.stat_t
    r: cython.int = -1
    fd: cython.int = libc.openat(
        libc.AT_FDCWD, order.place_path,
        libc.O_PATH | libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_CLOEXEC,
    )  # fmt: skip
    if fd < 0:
        return _failed(order, b"upper")
    if (
        libc.fstat(order.place, cython.address(wanted)) == 0
        and libc.fstat(fd, cython.address(found)) == 0
    ):
        libc.errno = libc.ESTALE
        if wanted.st_dev == found.st_dev and wanted.st_ino == found.st_ino:
            r = libc.dup3(fd, order.place, libc.O_CLOEXEC)
    if r < 0:
        _failed(order, b"upper")
    libc.close(fd)
    return r


def _walk_to(root, path):
    # Name by name, and through no link; for who may not call openat2, and for longer paths than
    # the kernel takes.
    name: cython.char[256]
    slash: cython.p_char
    length: cython.size_t
    below: cython.int
    fd: cython.int = libc.fcntl(root, libc.F_DUPFD_CLOEXEC, 3)
    while fd >= 0 and path[0]:
        slash = libc.strchr(path, 0x2F)
        length = libc.strlen(path) if slash == cython.NULL else slash - path
        if length >= cython.sizeof(name):
            libc.close(fd)
            libc.errno = libc.ENAMETOOLONG
            return -1
        libc.memcpy(name, path, length)
        name[length] = 0
        path += length
        while path[0] == b"/":
            path += 1
        below = libc.openat(
            fd, name, libc.O_PATH | libc.O_NOFOLLOW | libc.O_CLOEXEC
            | (libc.O_DIRECTORY if path[0] else 0),
        )  # fmt: skip
        libc.close(fd)
        fd = below
    return fd


def _open_below(order, path):
    how: libc.open_how
    fd: cython.int
    how.flags = libc.O_PATH | libc.O_NOFOLLOW | libc.O_CLOEXEC
    how.mode = 0
    how.resolve = libc.RESOLVE_IN_ROOT | libc.RESOLVE_NO_MAGICLINKS
    if order.dir < 0:
        how.resolve |= libc.RESOLVE_NO_SYMLINKS
    fd = libc.openat2(order.root, path, cython.address(how))
    if fd < 0 and (
        libc.errno == libc.ENOSYS or libc.errno == libc.EPERM or libc.errno == libc.ENAMETOOLONG
    ):
        fd = _walk_to(order.root, path)
    if fd < 0 and libc.errno == libc.ELOOP:
        libc.errno = libc.ENOTDIR
    return fd


def _name_of(step):
    slash: cython.p_const_char = libc.strrchr(step.target, 0x2F)
    return step.target if slash == cython.NULL else slash + 1


def _find_above(order, step):
    # The directory that a place is to be made in; many places follow each other in one.
    path: cython.char[4096]
    name: cython.p_const_char = _name_of(step)
    size: cython.size_t = 0 if name == step.target else name - step.target - 1
    if (
        order.above >= 0 and order.above_size == size
        and libc.strncmp(order.above_path, step.target, size) == 0
    ):  # fmt: skip
        return 0
    if order.above >= 0:
        libc.close(order.above)
        order.above = -1
    if size >= cython.sizeof(path):
        libc.errno = libc.ENAMETOOLONG
        return _failed(order, b"place")
    if size == 0:
        order.above = libc.fcntl(order.root, libc.F_DUPFD_CLOEXEC, 3)
    else:
        libc.memcpy(path, step.target, size)
        path[size] = 0
        order.above = _open_below(order, path)
    order.above_path = step.target
    order.above_size = size
    return 0 if order.above >= 0 else _failed(order, b"place")


def _made_place(order, r):
    return 0 if r == 0 else _failed(order, b"place")


def _entry(order, step):
    # What is no mount: 0, or -1.
    r: cython.int
    if _find_above(order, step) < 0:
        return -1
    if step.kind == LINK:
        return _made_place(order, libc.symlinkat(step.source, order.above, _name_of(step)))
    r = libc.mkdirat(order.above, _name_of(step), 0o777)
    return 0 if r < 0 and libc.errno == libc.EEXIST else _made_place(order, r)


def _shown(order, step):
    # A mount, whose place is made; -1: none, which is no error if order.number is 0.
    text: cython.char[4096]
    status: libc.stat_t
    size: cython.long
    r: cython.int
    made: cython.int
    name: cython.p_const_char = _name_of(step)
    if _find_above(order, step) < 0:
        return -1
    if libc.fstatat(
        libc.AT_FDCWD, step.source, cython.address(status), libc.AT_SYMLINK_NOFOLLOW
    ) < 0:  # fmt: skip
        _failed(order, b"lstat")
    elif libc.S_ISLNK(status.st_mode):
        size = libc.readlinkat(libc.AT_FDCWD, step.source, text, cython.sizeof(text) - 1)
        if size >= 0:
            text[size] = 0
            _made_place(order, libc.symlinkat(text, order.above, name))
            return -1
        _failed(order, b"lstat")
    else:
        if libc.S_ISDIR(status.st_mode):
            r = libc.mkdirat(order.above, name, 0o777)
        else:
            r = libc.mknodat(order.above, name, 0o100644, 0)
        if _made_place(order, r) < 0:
            return -1
        made = _cloned(order, step)
        if made >= 0:
            return made
        if step.kind == SHOWN_PASSING:
            libc.unlinkat(order.above, name, 0)
            libc.unlinkat(order.above, name, libc.AT_REMOVEDIR)
    if step.kind == SHOWN_PASSING and (
        order.number == libc.ENOENT or order.number == libc.ENOTDIR
    ):  # fmt: skip
        order.number = 0
        order.step = b""
    return -1


def _put(order, step, mount):
    # By an open directory: the place itself, or that which it was made in.
    target: cython.int
    r: cython.long
    is_shown: cython.bint = step.kind == SHOWN or step.kind == SHOWN_PASSING
    target = order.above if is_shown else _find_target(order, step)
    if target >= 0:
        r = libc.syscall(
            libc.SYS_move_mount, mount, b"", target,
            _name_of(step) if is_shown else cython.cast(cython.p_const_char, b""),
            libc.MOVE_MOUNT_F_EMPTY_PATH | libc.MOVE_MOUNT_T_EMPTY_PATH,
        )  # fmt: skip
        if r < 0:
            _failed(order, b"move_mount")
        else:
            step.is_mounted = True
        if not is_shown:
            libc.close(target)
    libc.close(mount)
    return 0


def _find_target(order, step):
    # Whoever has been at work on the tree may have put a link there, which leads anywhere: one of
    # a tree that is made anew is none of the places that were planned, and none leads out of it.
    status: libc.stat_t
    fd: cython.int = _open_below(order, step.target)
    if fd < 0:
        return _failed(order, b"place")
    # An empty directory is put over a directory alone.
    if libc.fstat(fd, cython.address(status)) == 0 and (
        libc.S_ISLNK(status.st_mode) or (step.kind == FRESH and not libc.S_ISDIR(status.st_mode))
    ):
        libc.close(fd)
        libc.errno = libc.ENOTDIR
        return _failed(order, b"place")
    return fd


def _build(order):
    # Each step gives a detached mount: the first is the root, the others are put upon it.
    i: cython.int
    made: cython.int
    step: cython.pointer(Step)
    order.root = order.dir
    order.above = -1
    if order.place_path != cython.NULL and _find_place(order) < 0:
        return 0
    for i in range(order.step_count):
        step = order.steps + i
        order.failed_step = i
        if step.kind == DIRECTORY or step.kind == LINK:
            if _entry(order, step) < 0:
                break
            continue
        if step.kind == OVERLAY:
            made = _overlay(order, step)
        elif step.kind == FRESH:
            made = _fresh(order, step)
        elif step.kind == SHOWN or step.kind == SHOWN_PASSING:
            made = _shown(order, step)
        else:
            made = _cloned(order, step)
        if made < 0:
            if order.number:
                break
            continue
        if step.target == cython.NULL:
            order.root = made
            continue
        _put(order, step, made)
        if (order.number == libc.ENOENT or order.number == libc.ENOTDIR) and (
            step.kind == CLONE_PLACED or (step.kind == FRESH and step.read_only)
        ):
            order.number = 0
            order.step = b""
        if order.number:
            break
    if order.above >= 0:
        libc.close(order.above)
    if order.number and order.root >= 0 and order.root != order.dir:
        libc.close(order.root)
        order.root = -1
    return 0


def _change(order):
    attributes: libc.mount_attr
    fs: cython.int
    if order.size != cython.NULL or order.inodes != cython.NULL or order.whole:
        fs = libc.syscall(
            libc.SYS_fspick, order.dir, b"", libc.FSPICK_CLOEXEC | libc.FSPICK_EMPTY_PATH
        )
        if fs < 0:
            return _failed(order, b"fspick")
        if (
            (order.size != cython.NULL and _set(fs, b"size", order.size) < 0)
            or (order.inodes != cython.NULL and _set(fs, b"nr_inodes", order.inodes) < 0)
            or (
                order.whole
                and libc.syscall(
                    libc.SYS_fsconfig, fs, libc.FSCONFIG_SET_FLAG,
                    cython.cast(cython.p_const_char, b"ro" if order.read_only else b"rw"),
                    cython.cast(cython.p_void, cython.NULL), 0,
                ) < 0
            )
            or libc.syscall(
                libc.SYS_fsconfig, fs, libc.FSCONFIG_CMD_RECONFIGURE,
                cython.cast(cython.p_void, cython.NULL), cython.cast(cython.p_void, cython.NULL), 0,
            ) < 0
        ):  # fmt: skip
            _failed(order, b"fsconfig")
        libc.close(fs)
    if order.number == 0 and order.changes_read_only and not order.whole:
        libc.memset(cython.address(attributes), 0, cython.sizeof(attributes))
        if order.read_only:
            attributes.attr_set = libc.MOUNT_ATTR_RDONLY
        else:
            attributes.attr_clr = libc.MOUNT_ATTR_RDONLY
        if libc.syscall(
            libc.SYS_mount_setattr, order.dir, b"",
            libc.AT_EMPTY_PATH | (0 if order.alone else libc.AT_RECURSIVE),
            cython.address(attributes), cython.sizeof(attributes),
        ) < 0:  # fmt: skip
            _failed(order, b"mount_setattr")
    return 0


def _make_root(order, tree):
    # Put a detached tree over "/" and make it this mount namespace's root.
    attributes: libc.mount_attr
    libc.memset(cython.address(attributes), 0, cython.sizeof(attributes))
    attributes.propagation = libc.MS_PRIVATE
    if libc.syscall(
        libc.SYS_mount_setattr, libc.AT_FDCWD, b"/", libc.AT_RECURSIVE,
        cython.address(attributes), cython.sizeof(attributes),
    ) < 0:  # fmt: skip
        return _failed(order, b"mount_setattr")
    if libc.syscall(
        libc.SYS_move_mount, tree, b"", libc.AT_FDCWD, b"/", libc.MOVE_MOUNT_F_EMPTY_PATH
    ) < 0:  # fmt: skip
        return _failed(order, b"move_mount")
    if libc.fchdir(tree) < 0:
        return _failed(order, b"fchdir")
    if libc.syscall(libc.SYS_pivot_root, b".", b".") < 0:
        return _failed(order, b"pivot_root")
    if libc.syscall(libc.SYS_umount2, b".", libc.MNT_DETACH) < 0:
        return _failed(order, b"umount2")
    return 0


def _join(order):
    if order.user_ns >= 0:
        if libc.setns(order.user_ns, libc.CLONE_NEWUSER) < 0:
            return _failed(order, b"setns user")
        if libc.setns(order.mount_ns, libc.CLONE_NEWNS) < 0:
            return _failed(order, b"setns mnt")
    return 0


def _children(order):
    # order.dir is the machine's root. A tree is cloned in the namespace that it was made in.
    tree: cython.int
    if _join(order) < 0:
        return -1
    if _clone_tree(order, order.dir) < 0:
        return -1
    tree = order.root
    order.root = -1
    order.mount_ns = -1
    if _own_namespaces(order, libc.CLONE_NEWNS) == 0:
        _make_root(order, tree)
    libc.close(tree)
    return 0


def _carry_out(order, dir):
    if order.work == SCRATCH:
        return _tmpfs(order)
    if order.work == TREE:
        return _clone_tree(order, dir)
    if order.work == BUILD:
        return _build(order)
    if order.work == CHANGE:
        return _change(order)
    return _children(order)


def _helper(argument):
    order: cython.pointer(Order) = cython.cast(cython.pointer(Order), argument)
    if order.enters:
        if order.dir >= 0 and libc.fchdir(order.dir) < 0:
            _failed(order, b"fchdir")
            return 0
        if _own_namespaces(order, libc.CLONE_NEWUSER | libc.CLONE_NEWNS) < 0:
            return 0
    elif (order.work == BUILD or order.work == CHANGE) and _join(order) < 0:
        return 0
    _carry_out(order, -1 if order.enters else order.dir)
    return 0


def _in_helper(order):
    stack: cython.p_char = stacks(1)
    if stack == cython.NULL:
        return _failed(order, b"mmap")
    if in_helper(_helper, order, stack) < 0:
        _failed(order, b"clone")
    give_stacks_back(stack, 1)
    return 0 if order.number == 0 else -1


def _drop(order):
    if order.root >= 0:
        libc.close(order.root)
    if order.user_ns >= 0:
        libc.close(order.user_ns)
    if order.mount_ns >= 0:
        libc.close(order.mount_ns)
    return 0


@cython.cfunc
def _make(order: cython.pointer(Order), directly: cython.bint):
    # Directly where that is permitted, else in a helper's namespaces.
    order.uid = libc.geteuid()
    order.gid = libc.getegid()
    order.root = order.user_ns = order.mount_ns = -1
    order.number = 0
    order.step = b""
    order.enters = False
    with cython.nogil:
        if directly:
            _carry_out(order, order.dir)
        if not directly or order.number == libc.EPERM:
            order.number = 0
            order.enters = True
            _in_helper(order)
        if order.number:
            _drop(order)
    return order.number


def directory(path, function: str):
    """A directory of the host, for a machine to be made of."""
    w: Where
    fd: cython.int
    number: cython.int
    kept = take(cython.address(w), path, function, "directory", 0)
    with cython.nogil:
        fd = libc.openat(libc.AT_FDCWD, w.name, libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC)
        number = settle(cython.address(w), fd)
    if number:
        raise failure(number, kept)
    return Made(fd)


def file_clock():
    """The time, in nanoseconds, as the kernel writes it into files now."""
    now: libc.timespec
    libc.clock_gettime(libc.CLOCK_REALTIME_COARSE, cython.address(now))
    return now.tv_sec * 1_000_000_000 + now.tv_nsec


def look_like(dir_fd: cython.int, path: bytes, lower: bytes, own: cython.bint):
    """Give a new directory the mode and times, and the owner where we may, of another one."""
    status: libc.stat_t
    times: libc.timespec[2]
    if libc.fstatat(libc.AT_FDCWD, lower, cython.address(status), 0) < 0:
        raise plain_failure(libc.errno)
    times[0] = status.st_atim
    times[1] = status.st_mtim
    if (
        (own and libc.fchownat(dir_fd, path, status.st_uid, status.st_gid, 0) < 0)
        or libc.fchmodat(dir_fd, path, status.st_mode & 0o7777, 0) < 0
        or libc.utimensat(dir_fd, path, times, 0) < 0
    ):
        raise plain_failure(libc.errno)


def close(fd: cython.int):
    """Close a descriptor, whatever becomes of it."""
    with cython.nogil:  # the last one of a mount takes a while
        libc.close(fd)


def scratch(size, inodes, directly=True):
    """A detached tmpfs."""
    order: Order
    libc.memset(cython.address(order), 0, cython.sizeof(order))
    order.work = SCRATCH
    order.dir = -1
    if size is not None:
        order.size = size
    if inodes is not None:
        order.inodes = inodes
    _make(cython.address(order), directly)
    return _answer(cython.address(order))


def tree(fd: cython.int, read_only: cython.bint, directly=True):
    """A detached clone of the mounts at an open directory and below."""
    order: Order
    libc.memset(cython.address(order), 0, cython.sizeof(order))
    order.work = TREE
    order.dir = fd
    order.read_only = read_only
    _make(cython.address(order), directly)
    return _answer(cython.address(order))


def try_openat2():
    """Raise the OSError with which openat2 fails here."""
    order: libc.open_how
    order.flags = libc.O_PATH | libc.O_CLOEXEC
    order.mode = 0
    order.resolve = libc.RESOLVE_IN_ROOT | libc.RESOLVE_NO_MAGICLINKS
    fd: cython.int = libc.openat2(libc.AT_FDCWD, b"/", cython.address(order))
    if fd < 0:
        raise plain_failure(libc.errno)
    libc.close(fd)


def openat2_works():
    """Whether openat2 is to be had; a refusal, as a container's filter gives it, is as a lack."""
    order: libc.open_how
    order.flags = libc.O_PATH | libc.O_CLOEXEC
    order.mode = 0
    order.resolve = libc.RESOLVE_IN_ROOT
    fd: cython.int = libc.openat2(libc.AT_FDCWD, b"/", cython.address(order))
    if fd >= 0:
        libc.close(fd)
        return True
    return libc.errno != libc.ENOSYS and libc.errno != libc.EPERM


def duplicate(fd: cython.int):
    """A copy of a descriptor."""
    copy: cython.int = libc.fcntl(fd, libc.F_DUPFD_CLOEXEC, 3)
    if copy < 0:
        raise plain_failure(libc.errno)
    return Made(copy)


def try_namespaces():
    """(errno, step) of a helper that makes a user and a mount namespace."""
    order: Order
    libc.memset(cython.address(order), 0, cython.sizeof(order))
    order.work = BUILD
    order.dir = -1
    _make(cython.address(order), False)
    _drop(cython.address(order))
    return order.number, cython.cast(bytes, order.step).decode()


def landlock_version():
    """The version of Landlock's interface, or the OSError that it is not there."""
    version: cython.long = libc.syscall(
        libc.SYS_landlock_create_ruleset, cython.cast(cython.p_void, cython.NULL), 0,
        libc.LANDLOCK_CREATE_RULESET_VERSION,
    )  # fmt: skip
    if version < 0:
        raise plain_failure(libc.errno)
    return version


@cython.cfunc
@cython.exceptval(check=False)
def _order_change(
    order: cython.pointer(Order), top: cython.int, user_ns: cython.int, mount_ns: cython.int
) -> cython.int:
    # An order to change what is mounted at an open directory; what of it, the caller adds.
    libc.memset(order, 0, cython.sizeof(Order))
    order.work = CHANGE
    order.dir = top
    order.user_ns = user_ns
    order.mount_ns = mount_ns
    order.root = -1
    order.step = b""
    return 0


@cython.cfunc
@cython.exceptval(check=False)
def _carry_out_change(order: cython.pointer(Order)) -> cython.int:
    with cython.nogil:
        if order.user_ns < 0:
            _change(order)
        else:
            _in_helper(order)
    return 0


def resize(
    root: cython.int, user_ns: cython.int, mount_ns: cython.int, size, inodes, read_only, whole,
    alone=False,
):  # fmt: skip
    """Change a tmpfs while it is used; None leaves one as it is: (errno, step).

    Read-only are all mounts from the root on, with `whole` the file system, with `alone` the
    root's mount.
    """
    order: Order
    _order_change(cython.address(order), root, user_ns, mount_ns)
    order.alone = alone
    order.size = _or_null(size)
    order.inodes = _or_null(inodes)
    order.changes_read_only = read_only is not None
    order.read_only = bool(read_only)
    order.whole = whole
    _carry_out_change(cython.address(order))
    return order.number, cython.cast(bytes, order.step).decode()


def still(top: cython.int, user_ns: cython.int, mount_ns: cython.int, on, whole):
    """Make an overlay read-only, or no longer, as a whole or this mount of it alone: errno.

    EBUSY while a file in it is open for writing, by whomever.
    """
    order: Order
    _order_change(cython.address(order), top, user_ns, mount_ns)
    order.changes_read_only = order.alone = True
    order.read_only = bool(on)
    order.whole = bool(whole)
    if not is_overlay_top(top):
        return libc.EINVAL
    _carry_out_change(cython.address(order))
    return order.number


def is_overlay_top(fd: cython.int):
    """Whether a directory is the top of a mounted overlay."""
    status: libc.statx_t
    if libc.kind_of_filesystem(fd) != libc.OVERLAYFS_SUPER_MAGIC:
        return False
    if libc.statx(fd, b"", libc.AT_EMPTY_PATH, 0, cython.address(status)) < 0:
        return False
    if libc.STATX_ATTR_MOUNT_ROOT == libc.OSTLER_ABSENT:
        return True
    return bool(status.stx_attributes & libc.STATX_ATTR_MOUNT_ROOT)


CLONE_TREE = CLONE
CLONE_MOUNT = CLONE_ONE
CLONE_PART = CLONE_PLACED
CLONE_AGAIN = CLONE_WRITABLE
OVERLAY_OVER = OVERLAY
NEW = FRESH
SHOW = SHOWN
SHOW_PASSING = SHOWN_PASSING
MAKE_DIRECTORY = DIRECTORY
MAKE_LINK = LINK


def build(
    root: cython.int, user_ns: cython.int, mount_ns: cython.int, steps, place: cython.int = -1,
    path=None,
):  # fmt: skip
    """Carry out steps (kind, target, source, upper, work, options, read_only), in these
    namespaces, upon this root or, when it is -1, a new one, which is what is made.

    The source of an overlay is all that it lies over, the uppermost first, with a zero byte
    behind each path; one without an upper can only be read.

    `place` is a descriptor that the steps name, of a directory that is found at `path` in the
    namespace; it is another one of the same directory then. ESTALE, at the step "upper", where
    that is another directory.
    """
    order: Order
    i: cython.int
    libc.memset(cython.address(order), 0, cython.sizeof(order))
    order.work = BUILD
    order.dir = root
    order.user_ns = user_ns
    order.mount_ns = mount_ns
    order.root = -1
    order.step = b""
    order.place = place
    order.place_path = _or_null(path)
    steps = list(steps)
    order.step_count = len(steps)
    order.steps = cython.cast(
        cython.pointer(Step), libc.calloc(order.step_count + 1, cython.sizeof(Step))
    )
    if order.steps == cython.NULL:
        raise MemoryError
    try:
        for i in range(order.step_count):
            kind, target, source, upper, work, options, read_only = steps[i]
            order.steps[i].kind = kind
            order.steps[i].target = _or_null(target)
            order.steps[i].source = _or_null(source)
            order.steps[i].upper = _or_null(upper)
            order.steps[i].work = _or_null(work)
            order.steps[i].options = _or_null(options)
            order.steps[i].read_only = read_only
        with cython.nogil:
            if user_ns < 0:
                _build(cython.address(order))
            else:
                _in_helper(cython.address(order))
        mounted = [steps[i][1] for i in range(order.step_count) if order.steps[i].is_mounted]
    finally:
        libc.free(order.steps)
    made: Made = Made(-1 if order.root == root else order.root)
    made.number = order.number
    made.failed = order.failed_step
    made.mounted = mounted
    made.step = cython.cast(bytes, order.step).decode()
    return made


@cython.cfunc
@cython.exceptval(check=False)
def _or_null(text) -> cython.p_const_char:
    return cython.NULL if text is None else py.PyBytes_AS_STRING(text)


def children(root, user_ns, mount_ns):
    """A mount namespace whose root is a clone of this machine's root, for its children."""
    order: Order
    libc.memset(cython.address(order), 0, cython.sizeof(order))
    order.work = CHILDREN
    order.dir = root
    order.user_ns = user_ns
    order.mount_ns = mount_ns
    order.root = -1
    with cython.nogil:
        _in_helper(cython.address(order))
    if order.number and order.mount_ns >= 0 and order.mount_ns != mount_ns:
        libc.close(order.mount_ns)
        order.mount_ns = -1
    step = cython.cast(bytes, order.step).decode() if order.number else ""
    return order.mount_ns, order.number, step


@cython.cfunc
def _answer(order: cython.pointer(Order)):
    made: Made = Made()
    made.number = order.number
    made.step = cython.cast(bytes, order.step).decode()
    if order.number == 0:
        made.root = order.root
        made.user_ns = order.user_ns
        made.mount_ns = order.mount_ns
    return made


def sync_filesystem(fd: cython.int):
    """Write all that the file system of an open file holds back to its device; syncfs(2)."""
    r: cython.int
    number: cython.int
    with cython.nogil:
        r = libc.syncfs(fd)
        number = libc.errno
    if r < 0:
        raise plain_failure(number)


def keep_room(fd: cython.int, offset, size):
    """Have a file system keep room behind the end of a file; whether it does."""
    start: cython.long = offset
    length: cython.long = size
    r: cython.int
    with cython.nogil:
        r = asking.fallocate(fd, asking.FALLOC_FL_KEEP_SIZE, start, length)
    return r == 0
