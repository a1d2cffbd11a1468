"""What a copy notes by paths below its root: files with several names, links that are followed."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.trees._holding import open_any, open_directory
from cython.cimports.ostler.trees._links import Name, inodes_find
from cython.cimports.ostler.trees._metadata import fresh_mode
from cython.cimports.ostler.trees._output import path_length, path_write, report
from cython.cimports.ostler.trees._task import task_of


def target_of(worker, name):
    task: cython.pointer(CopyTask) = task_of(worker)
    return task.target if task.target != cython.NULL else name


def below_root(task, node, name):
    # The path from the root of the tree to a name, to be freed.
    length: cython.int = path_length(node)
    size: cython.int = libc.strlen(name) + 1
    path: cython.p_char = cython.cast(cython.p_char, libc.malloc(length + size))
    whole: cython.p_char
    if path == cython.NULL:
        return cython.NULL
    path_write(node, path, length)
    libc.memcpy(path + length, name, size)
    whole = path
    length += size - task.prefix
    for size in range(length):
        path[size] = whole[task.prefix + size]
    return path


def link_first(worker, path, dir, name):
    # A further name for what was copied to `path` below the root; the errno.
    part: cython.char[256]
    way: cython.int = libc.O_PATH | libc.O_DIRECTORY
    at: cython.int = open_any(worker, task_of(worker).to, b".", way, 0)
    next: cython.int
    size: cython.int
    number: cython.int = 0
    while at >= 0:
        size = 0
        while path[size] and path[size] != 0x2F and size < 255:
            part[size] = path[size]
            size += 1
        part[size] = 0
        if path[size] == 0:
            if libc.linkat(at, part, dir, name, 0) < 0:
                number = libc.errno
            libc.close(at)
            return number
        path += size + 1
        next = open_any(worker, at, part, way, 0)
        if next < 0:
            number = libc.errno
        libc.close(at)
        at = next
    return number if number else libc.errno


def is_current(worker, node, name):
    # Whether what stands there was modified no earlier than what would be copied.
    task: cython.pointer(CopyTask) = task_of(worker)
    st: libc.stat_t
    there: libc.stat_t
    way: cython.int = 0 if task.keep.follow_links else libc.AT_SYMLINK_NOFOLLOW
    if (
        libc.fstatat(node.fd[0], name, cython.address(st), way) < 0
        or libc.fstatat(
            node.fd[1], target_of(worker, name), cython.address(there), libc.AT_SYMLINK_NOFOLLOW
        )
        < 0
        or there.st_mode & libc.S_IFMT == libc.S_IFDIR
        or there.st_mtim.tv_sec < st.st_mtim.tv_sec
        or (
            there.st_mtim.tv_sec == st.st_mtim.tv_sec and there.st_mtim.tv_nsec < st.st_mtim.tv_nsec
        )
    ):
        return False
    if st.st_nlink > 1 and task.keep.hard_links:
        # Its other names are linked to the one that is there.
        libc.pthread_mutex_lock(cython.address(task.seen.lock))
        slot = inodes_find(cython.address(task.seen), st.st_dev, st.st_ino)
        if slot != cython.NULL and slot.path == cython.NULL:
            slot.path = below_root(task, node, name)
            if slot.path != cython.NULL:
                slot.dev = st.st_dev
                slot.ino = st.st_ino
                slot.names = 1
                slot.links = st.st_nlink
                task.seen.used += 1
        libc.pthread_mutex_unlock(cython.address(task.seen.lock))
    return True


def follow_directory(worker, node, name):
    # An empty directory for what a link leads to, and a note of it.
    task: cython.pointer(CopyTask) = task_of(worker)
    further: cython.pointer(Name)
    fd: cython.int
    made: cython.int = libc.mkdirat(node.fd[1], name, 0o700)
    if made < 0 and not (libc.errno == libc.EEXIST and task.keep.merge):
        return report(worker, node, name, libc.errno, b"mkdir")
    if made == 0 and not task.keep.modes:
        fd = open_directory(worker, node.fd[1], name)
        if fd < 0:
            return report(worker, node, name, libc.errno, b"open")
        libc.fchmod(fd, fresh_mode(fd, 0o777, task.umask) | 0o700)
        libc.close(fd)
    further = cython.cast(cython.pointer(Name), libc.calloc(1, cython.sizeof(Name)))
    if further == cython.NULL:
        return report(worker, node, name, libc.ENOMEM, b"mkdir")
    further.path = below_root(task, node, name)
    if further.path == cython.NULL:
        libc.free(further)
        return report(worker, node, name, libc.ENOMEM, b"mkdir")
    further.ino = made == 0
    libc.pthread_mutex_lock(cython.address(task.seen.lock))
    further.next = task.followed
    task.followed = further
    libc.pthread_mutex_unlock(cython.address(task.seen.lock))
    return 0
