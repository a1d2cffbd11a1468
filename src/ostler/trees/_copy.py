"""Copying a tree: every name by the descriptors of its two directories, no link followed."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.creating import is_point
from cython.cimports.ostler.core.crossing import Core, Where, failure, take
from cython.cimports.ostler.core.umask import process_umask
from cython.cimports.ostler.trees._content import copy_content, give_up
from cython.cimports.ostler.trees._destination import make_directory
from cython.cimports.ostler.trees._engine import asked, monotonic
from cython.cimports.ostler.trees._holding import (
    hold,
    open_any,
    open_directory,
    open_through,
    unhold,
)
from cython.cimports.ostler.trees._linking import (
    below_root,
    follow_directory,
    is_current,
    link_first,
    target_of,
)
from cython.cimports.ostler.trees._links import (
    Inode,
    Name,
    inodes_clear,
    inodes_find,
    inodes_further,
    inodes_init,
)
from cython.cimports.ostler.trees._metadata import (
    copy_metadata,
    fresh_mode,
    list_xattrs,
    name_metadata,
)
from cython.cimports.ostler.trees._output import path_length, report
from cython.cimports.ostler.trees._patterns import compile_all, matches_any
from cython.cimports.ostler.trees._run import Run
from cython.cimports.ostler.trees._state import (
    DESCEND,
    DONE,
    LINKING,
    OPENING,
    POST_SELF,
    RENAMING,
    UNLINKING,
    counted,
)
from cython.cimports.ostler.trees._task import (
    CLONE_AUTO,
    CLONE_NEVER,
    CopyTask,
    task_of,
)

from ostler.trees._place import this_kernel

_PATH = cython.declare(cython.int, 4096)
_ASIDE = cython.declare(cython.int, 64)
_ONE_BLOCK = cython.declare(cython.long, 4096)


@cython.cclass
class Copy(Run):
    """The run that copies a tree."""

    def __init__(self, machine, how, keep, clone, exclude=()):
        Run.__init__(self, machine, how)
        self.task = cython.cast(cython.pointer(CopyTask), self.new_task(cython.sizeof(CopyTask)))
        inodes_init(cython.address(self.task.seen))
        self.task.keep = keep
        self.task.pattern = compile_all(exclude)
        self.task.excluded = len(exclude)
        self.task.clone = clone
        self.task.ranges = clone != CLONE_NEVER
        if self.task.keep.modes:
            self.task.umask = process_umask()
        self.task.uid = libc.geteuid()
        self.task.gid = libc.getegid()
        self.e.post = POST_SELF
        self.e.chunks = 1
        self.e.enter = enter
        self.e.entry = entry
        self.e.leave = leave

    def several(self, found):
        # What has names that were not met, for those who can tell where these are.
        inode: cython.pointer(Inode)
        further: cython.pointer(Name) = self.task.seen.further
        i: cython.long
        for i in range(self.task.seen.size):
            inode = cython.address(self.task.seen.slots[i])
            if inode.path != cython.NULL and inode.names < inode.links:
                found.append((inode.dev, inode.ino, py.PyBytes_FromString(inode.path)))
        kept = {name[:2] for name in found}
        while further != cython.NULL:
            if (further.dev, further.ino) in kept:
                found.append((further.dev, further.ino, py.PyBytes_FromString(further.path)))
            further = further.next

    def to_follow(self, found):
        # The links to directories that were met: paths below the root, and whether the copy's
        # directory was made for it.
        name: cython.pointer(Name) = self.task.followed
        while name != cython.NULL:
            found.append((py.PyBytes_FromString(name.path), bool(name.ino)))
            name = name.next

    def __dealloc__(self):
        name: cython.pointer(Name)
        if self.task != cython.NULL:
            while self.task.followed != cython.NULL:
                name = self.task.followed
                self.task.followed = name.next
                libc.free(name.path)
                libc.free(name)
            inodes_clear(cython.address(self.task.seen))
            libc.free(self.task.pattern)


def mask_of(task, machine):
    # By which umask the machine makes the files of a copy; -1 where they get the modes of the old.
    if task.keep.modes:
        return -1
    task.umask = machine.file_mask()
    return task.umask


# ---- directories


def enter(worker, node):
    task: cython.pointer(CopyTask) = task_of(worker)
    st: libc.stat_t
    name: cython.p_char = cython.address(node.name[0])
    to: cython.int
    made: cython.int
    if node.parent == cython.NULL:
        worker.tally.directories += 1
        return 0
    if libc.fstat(node.fd[0], cython.address(st)) < 0:
        return report(worker, node, cython.NULL, libc.errno, b"stat")
    if st.st_dev == task.dev and st.st_ino == task.ino:
        return report(worker, node, cython.NULL, libc.EINVAL, b"enter")
    to = node.parent.fd[1]
    made = libc.mkdirat(to, name, 0o700)
    if made < 0 and not (libc.errno == libc.EEXIST and task.keep.merge):
        return report(worker, node, cython.NULL, libc.errno, b"mkdir")
    node.fd[1] = open_directory(worker, to, name)
    if node.fd[1] < 0:
        return report(worker, node, cython.NULL, libc.errno, b"mkdir")
    if made == 0 and not task.keep.modes:
        libc.fchmod(node.fd[1], fresh_mode(node.fd[1], 0o777, task.umask) | 0o700)
    worker.tally.directories += 1
    return 0


def leave(worker, node):
    # The directory's own metadata last: what is put into it would change its times.
    st: libc.stat_t
    number: cython.int = 0
    if hold(worker, node) < 0:
        report(worker, node, cython.NULL, libc.errno, b"open")
        return
    if libc.fstat(node.fd[0], cython.address(st)) < 0:
        number = libc.errno
    else:
        number = copy_metadata(task_of(worker), node.fd[0], node.fd[1], cython.address(st), -1, 1)
    unhold(worker.engine, node)
    if number:
        report(worker, node, cython.NULL, number, b"set")


# ---- other entries


def entry(worker, node, name, kind):
    task: cython.pointer(CopyTask) = task_of(worker)
    if task.excluded and matches_any(task.pattern, task.excluded, name, libc.strlen(name)):
        return DONE
    if kind == libc.S_IFDIR >> 12:
        return DESCEND
    if task.keep.update and is_current(worker, node, name):
        return DONE
    if kind == libc.S_IFREG >> 12:
        copy_file(worker, node, name)
    elif kind != libc.S_IFLNK >> 12:
        copy_special(worker, node, name)
    elif task.keep.follow_links:
        follow(worker, node, name)
    else:
        copy_link(worker, node, name)
    return DONE


def follow(worker, node, name):
    # Copy what a link leads to. A directory is made, and filled when all else is done.
    st: libc.stat_t
    number: cython.int
    fd: cython.int
    if libc.fstatat(node.fd[0], name, cython.address(st), 0) < 0:
        return report(worker, node, name, libc.errno, b"stat")
    if st.st_mode & libc.S_IFMT == libc.S_IFDIR:
        return follow_directory(worker, node, name)
    if st.st_mode & libc.S_IFMT != libc.S_IFREG:
        if not task_of(worker).keep.special:
            return report(worker, node, name, libc.EOPNOTSUPP, b"enter")
        return make_special(worker, node, name, cython.address(st))
    fd = open_through(worker, node.fd[0], name, libc.O_RDONLY | libc.O_NONBLOCK, 0)
    if fd < 0:
        return report(worker, node, name, libc.errno, b"open")
    number = libc.EIO
    if libc.fstat(fd, cython.address(st)) == 0 and st.st_mode & libc.S_IFMT == libc.S_IFREG:
        number = copy_opened(worker, node, name, fd, cython.address(st))
    else:
        report(worker, node, name, number, b"open")
    libc.close(fd)
    return number


def make_room(worker, node, name):
    # After EEXIST: when merging, what stands there goes. 0 to try again, else the errno.
    if not task_of(worker).keep.merge:
        return libc.EEXIST
    number: cython.int = asked(worker, node, name, UNLINKING)
    if number:
        return number
    if worker.engine.mounted and is_point(node.fd[1], target_of(worker, name)):
        return libc.EBUSY
    if libc.unlinkat(node.fd[1], target_of(worker, name), 0) < 0 and libc.errno != libc.ENOENT:
        return libc.errno
    return 0


def aside(worker, new):
    # A name for what is to take the place of another entry when it is complete.
    libc.snprintf(new, _ASIDE, b".ostler-%d-%d-%ld", libc.getpid(), worker.index, monotonic())


def put(worker, node, name, new):
    # What stands aside takes its place, in one step; the errno.
    number: cython.int = asked(worker, node, name, RENAMING)
    if number == 0 and worker.engine.mounted and is_point(node.fd[1], target_of(worker, name)):
        number = libc.EBUSY
    if number == 0:
        if libc.renameat(node.fd[1], new, node.fd[1], target_of(worker, name)) == 0:
            return 0
        number = libc.errno
    libc.unlinkat(node.fd[1], new, 0)
    return number


def create(worker, node, name, mode, new):
    # The new file, or -1 with errno. `new` becomes the name that it has for now, if another.
    flags: cython.int = libc.O_WRONLY | libc.O_CREAT | libc.O_EXCL
    fd: cython.int = open_any(worker, node.fd[1], target_of(worker, name), flags, mode)
    if fd < 0 and libc.errno == libc.EEXIST and task_of(worker).keep.merge:
        if new == cython.NULL:
            libc.errno = make_room(worker, node, name)
            if libc.errno == 0:
                fd = open_any(worker, node.fd[1], target_of(worker, name), flags, mode)
        else:
            aside(worker, new)
            fd = open_any(worker, node.fd[1], new, flags, mode)
    return fd


def copy_file(worker, node, name):
    st: libc.stat_t
    number: cython.int
    fd: cython.int = open_any(worker, node.fd[0], name, libc.O_RDONLY | libc.O_NONBLOCK, 0)
    if fd < 0:
        if libc.errno == libc.ELOOP:  # it became a link meanwhile
            return copy_link(worker, node, name)
        if libc.errno == libc.ENXIO:  # a socket
            return copy_special(worker, node, name)
        return report(worker, node, name, libc.errno, b"open")
    if libc.fstat(fd, cython.address(st)) < 0:
        number = report(worker, node, name, libc.errno, b"stat")
    elif st.st_mode & libc.S_IFMT != libc.S_IFREG:
        number = copy_special(worker, node, name)
    else:
        number = copy_opened(worker, node, name, fd, cython.address(st))
    libc.close(fd)
    return number


def copy_opened(worker, node, name, fd, st):
    task: cython.pointer(CopyTask) = task_of(worker)
    mode: cython.uint = st.st_mode & 0o777
    foreign: cython.int = st.st_uid != task.uid or st.st_gid != task.gid
    attributes: cython.long = 0
    new: cython.char[64]
    to: cython.int
    number: cython.int
    new[0] = 0
    if task.keep.modes or task.keep.xattrs:
        attributes = list_xattrs(fd, cython.NULL, cython.NULL, 0)
    if st.st_nlink > 1 and task.keep.hard_links:
        to = with_names(worker, node, name, libc.S_IFREG >> 12, st)
        if to == -1:
            return 0
    else:
        # Nobody else shall read it before it has its owner and, if it has one, its ACL; nor one
        # to whom an ACL gives rights that the new file got from its directory.
        if foreign or task.all_modes or attributes or not task.keep.modes:
            mode = 0o600
        to = create(worker, node, name, mode, new)
        if to < 0:
            return report(worker, node, name, libc.errno, b"create")
    number = copy_content(worker, fd, to, st)
    if number == 0:
        number = copy_metadata(task, fd, to, st, node.fd[1], attributes)
        if number:
            report(worker, node, name, number, b"set")
        number = put(worker, node, name, new) if new[0] else 0
        if number:
            report(worker, node, name, number, b"rename")
        else:
            worker.tally.files += 1
    else:
        if new[0]:
            libc.unlinkat(node.fd[1], new, 0)
        else:
            give_up(worker, node, target_of(worker, name), to)
        if number > 0:
            report(worker, node, name, number, b"copy")
    libc.close(to)
    return number


def copy_link(worker, node, name):
    st: libc.stat_t
    if libc.fstatat(node.fd[0], name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
        return 0 if libc.errno == libc.ENOENT else report(worker, node, name, libc.errno, b"stat")
    if st.st_nlink > 1 and task_of(worker).keep.hard_links:
        return with_names(worker, node, name, libc.S_IFLNK >> 12, cython.address(st))
    return make_link(worker, node, name, cython.address(st))


def make_link(worker, node, name, st):
    target: cython.char[4097]
    number: cython.int = 0
    size: cython.long
    size = libc.readlinkat(node.fd[0], name, target, _PATH)
    if size < 0:
        return report(worker, node, name, libc.errno, b"readlink")
    target[size] = 0
    other: cython.char[64]
    new: cython.p_const_char = target_of(worker, name)
    while libc.symlinkat(target, node.fd[1], new) < 0:
        number = libc.errno
        if number == libc.EEXIST and task_of(worker).keep.merge:
            aside(worker, other)
            new = other
            continue
        return report(worker, node, name, number, b"symlink")
    return named(worker, node, name, new, st, cython.address(worker.tally.links))


def named(worker, node, name, new, st, count):
    # A link or special file was made under a name that may be a passing one.
    number: cython.int = name_metadata(task_of(worker), node.fd[0], name, node.fd[1], new, st)
    if number:
        number = report(worker, node, name, number, b"set")
    if new != target_of(worker, name):
        moved: cython.int = put(worker, node, name, new)
        if moved:
            return report(worker, node, name, moved, b"rename")
    count[0] += 1
    return number


def copy_special(worker, node, name):
    # A pipe, a socket, a device: the same is made.
    task: cython.pointer(CopyTask) = task_of(worker)
    st: libc.stat_t
    if libc.fstatat(node.fd[0], name, cython.address(st), libc.AT_SYMLINK_NOFOLLOW) < 0:
        return 0 if libc.errno == libc.ENOENT else report(worker, node, name, libc.errno, b"stat")
    if not task.keep.special:
        return report(worker, node, name, libc.EOPNOTSUPP, b"enter")
    if st.st_nlink > 1 and task.keep.hard_links:
        return with_names(worker, node, name, (st.st_mode & libc.S_IFMT) >> 12, cython.address(st))
    return make_special(worker, node, name, cython.address(st))


def make_special(worker, node, name, st):
    number: cython.int = 0
    other: cython.char[64]
    new: cython.p_const_char = target_of(worker, name)
    while libc.mknodat(node.fd[1], new, st.st_mode & ~0o7077, st.st_rdev) < 0:
        number = libc.errno
        if number == libc.EEXIST and task_of(worker).keep.merge:
            aside(worker, other)
            new = other
            continue
        return report(worker, node, name, number, b"mknod")
    return named(worker, node, name, new, st, cython.address(worker.tally.others))


# ---- files with several names


def with_names(worker, node, name, kind, st):
    # The first name of an inode is made while others wait, the further ones are linked to it.
    # For a file the new descriptor, -1 when nothing is left to do.
    task: cython.pointer(CopyTask) = task_of(worker)
    fd: cython.int = -1
    number: cython.int = 0
    path: cython.p_char
    libc.pthread_mutex_lock(cython.address(task.seen.lock))
    slot = inodes_find(cython.address(task.seen), st.st_dev, st.st_ino)
    if slot == cython.NULL:
        number = libc.ENOMEM
    elif slot.path != cython.NULL:
        number = asked(worker, node, name, LINKING)
        if number == 0:
            number = link_first(worker, slot.path, node.fd[1], name)
        if number == libc.EEXIST:
            number = make_room(worker, node, name)
            if number == 0:
                number = link_first(worker, slot.path, node.fd[1], name)
        if number == 0:
            slot.names += 1
            if task.seen.telling and inodes_further(
                cython.address(task.seen), slot, below_root(task, node, name)
            ):
                report(worker, node, name, libc.ENOMEM, b"link")
            counted(cython.address(worker.tally), kind)
    else:
        path = below_root(task, node, name)
        if path == cython.NULL:
            number = libc.ENOMEM
        else:
            if kind == libc.S_IFREG >> 12:
                fd = create(worker, node, name, 0o600, cython.NULL)
                if fd < 0:
                    number = libc.errno
            else:
                if kind == libc.S_IFLNK >> 12:
                    number = make_link(worker, node, name, st)
                else:
                    number = make_special(worker, node, name, st)
            if number == 0:
                slot.dev = st.st_dev
                slot.ino = st.st_ino
                slot.path = path
                slot.names = 1
                slot.links = st.st_nlink
                task.seen.used += 1
            else:
                libc.free(path)
    libc.pthread_mutex_unlock(cython.address(task.seen.lock))
    if number > 0:
        report(worker, node, name, number, b"link")
    return fd


# ---- from Python


def mask_for(machine: Core, keep):
    """As mask_of, for a copy that keeps this."""
    return -1 if keep["modes"] else machine.file_mask()


def copied_into(task, fd, made):
    # What the directory that is copied into changes.
    inherits: cython.int = libc.fgetxattr(fd, b"system.posix_acl_default", cython.NULL, 0) >= 0
    task.all_modes = task.keep.merge or inherits
    task.all_owners = (
        task.keep.merge
        or made.st_mode & libc.S_ISGID != 0
        or made.st_gid != task.gid
        or made.st_uid != task.uid
    )
    if task.clone == CLONE_AUTO and libc.kind_of_filesystem(fd) == libc.XFS_SUPER_MAGIC:
        task.unshared = _ONE_BLOCK  # written sooner than shared


def copy_tree(
    machine,
    top,
    to,
    to_machine,
    how,
    keep,
    clone,
    shallow=False,
    several=None,
    exclude=(),
    followed=None,
    fill=False,
):
    """Copy the tree at `top` to the name `to` of a machine; the counts of what was made.

    `keep` is what Trees.copy makes of its options. `several` is a list for what has more names than
    were met: (device, inode, path below top). `followed` (a Followed) takes the links to
    directories, which are made but empty; `fill` is true for the copies of those.
    """
    w: Where
    st: libc.stat_t
    made: libc.stat_t
    fd: cython.int
    run: Copy = Copy(machine, how, keep, clone, exclude)
    run.e.shallow = bool(shallow)
    run.task.seen.telling = several is not None
    take(cython.address(w), to, "copy", "to", 0)
    path = py.PyOS_FSPath(to)
    run.place_root(top, "copy", True)
    run.writes_to(
        to_machine, path if isinstance(path, bytes) else py.PyUnicode_EncodeFSDefault(path)
    )
    run.goes_to = path
    py.audit2(b"ostler.trees.copy", b"OO", run.kept, path)
    libc.fstat(run.e.root.fd[0], cython.address(st))
    number: cython.int = run.asked_root(cython.NULL, OPENING)
    if number:
        raise failure(number, path)
    fd = make_directory(
        to_machine,
        to,
        cython.address(st),
        run.kept,
        run.task.keep.merge or fill,
        mask_of(run.task, to_machine),
    )
    run.e.root.fd[1] = run.e.roots[1] = fd
    libc.fstat(fd, cython.address(made))
    run.fit(how, libc.kind_of_filesystem(fd) == libc.BTRFS_SUPER_MAGIC)
    run.task.to = fd
    run.e.mounted = cython.cast(Core, to_machine).has_mounts()
    run.task.dev = made.st_dev
    run.task.ino = made.st_ino
    run.task.prefix = path_length(run.e.root)
    copied_into(run.task, fd, cython.address(made))
    counts = run.finish()
    if several is not None:
        run.several(several)
    if followed is not None:
        followed.root = this_kernel(), made.st_dev, made.st_ino
        run.to_follow(followed.links)
    return counts
