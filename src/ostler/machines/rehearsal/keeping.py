"""Keeping: the changes of a rehearsal copied to a directory, where they can be taken up later."""

from __future__ import annotations

import errno
import stat

from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.steps import copy_data, give_metadata, metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.kind import Rehearsal

_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW | host.O_CLOEXEC


def copied(machine: Rehearsal, directory: StrOrBytesPath) -> int:
    """Copy what a rehearsal keeps aside into a new or empty directory; a descriptor of that."""
    fd = made(directory)
    try:
        _copy_into(machine, fd)
    except BaseException:
        host.close(fd)
        raise
    return fd


def made(directory: StrOrBytesPath) -> int:
    """A descriptor of a new or empty directory, in which only the reader can write."""
    fd = _made(host.path.abspath(host.fsencode(directory)))
    if host.listdir(fd):
        host.close(fd)
        raise OSError(errno.ENOTEMPTY, host.strerror(errno.ENOTEMPTY), host.fsdecode(directory))
    return fd


def _made(path: bytes) -> int:
    """The directory at a path, made if it isn't there, in which only the reader can write."""
    above, _, name = path.rpartition(b"/")
    fd = trust.shared_directory(above)
    try:
        try:
            host.mkdir(name, 0o700, dir_fd=fd)
        except FileExistsError:
            kind = stat.S_IFMT(host.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
            if kind not in (stat.S_IFDIR, stat.S_IFLNK):
                said = "there is something already, which is no directory"
                raise FileExistsError(errno.EEXIST, said, host.fsdecode(path)) from None
        made: int = trust.own_directory(name, fd, path)
        return made
    finally:
        host.close(fd)


def _copy_into(machine: Rehearsal, fd: int) -> None:
    stores = b"/proc/self/fd/%d" % machine._stores
    with OwnTree(host.open(b".", host.O_PATH | host.O_DIRECTORY, dir_fd=fd)) as target:
        try:
            with OwnTree(host.open(stores, host.O_PATH | host.O_DIRECTORY)) as source:
                _copy_stores(machine, source, target)
        except BaseException:
            _empty(target)
            raise


def _copy_stores(machine: Rehearsal, source: OwnTree, target: OwnTree) -> None:
    for overlay in machine._overlays:
        for name in (overlay.store, overlay.store + b"/work"):
            above, new = target.parent(name)
            host.mkdir(new, 0o700, dir_fd=above)
        copy_whole(source, target, overlay.store + b"/upper")


def _empty(tree: OwnTree) -> None:
    for name, _ in tree.entries(b""):
        tree.remove(name)


def copy_whole(source: OwnTree, target: OwnTree, top: bytes) -> None:
    """Copy an upper layer: all at once, or where that may not read everything, one by one."""
    from ostler import trees

    try:
        trees.copy(source.name(top), target.name(top), owners=True)
    except OSError as error:
        # Modes that keep its owner out, whom an OwnTree lets in all the same; or marks of removal,
        # one file with very many names, which the other file system won't have.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EMLINK):
            raise
        target.remove(top)
        _copy(source, target, top)


def _copy(source: OwnTree, target: OwnTree, top: bytes) -> None:
    links: dict[int, bytes] = {}
    finished = []
    waiting = [top]
    while waiting:
        path = waiting.pop()
        status = source.there(path)
        kind = stat.S_IFMT(status.st_mode)
        above, name = target.parent(path)
        known = links.get(status.st_ino)
        if known is not None:
            there, old = target.parent(known)
            there = host.dup(there)
            try:
                above, name = target.parent(path)
                host.link(old, name, src_dir_fd=there, dst_dir_fd=above, follow_symlinks=False)
            finally:
                host.close(there)
            continue
        whiteout = kind == stat.S_IFCHR and status.st_rdev == 0
        if kind == stat.S_IFDIR:
            host.mkdir(name, 0o700, dir_fd=above)
            finished.append((path, status))
            waiting += [path + b"/" + child for child, _ in source.entries(path)]
            continue
        if status.st_nlink > 1 and not whiteout:
            links[status.st_ino] = path
        if kind == stat.S_IFREG:
            data, file = source.open(path), host.open(name, _NEW, 0o600, dir_fd=above)
            try:
                copy_data(data, file, status.st_size)
            finally:
                host.close(file)
                host.close(data)
        elif kind == stat.S_IFLNK:
            host.symlink(host.fsencode(source.target(path)), name, dir_fd=above)
        else:
            host.mknod(name, kind | 0o600, status.st_rdev, dir_fd=above)
        if not whiteout:
            give_metadata(target, path, metadata(status, source.xattrs(path, "\0")))
    for path, status in reversed(finished):
        give_metadata(target, path, metadata(status, source.xattrs(path, "\0")))
