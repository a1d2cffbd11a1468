"""Squashing: several layers made into one, which means the same to the kernel.

Files and whiteouts get one more name, directories are made anew. What is linked so is still part
of the old layers, whose content and metadata must not change: where the one layer needs other
marks, a file is made anew. Only the mark of a file's origin is set right on the file itself, since
it says the same to all who read it then.
"""

import contextlib
import errno

import cython
from cython.cimports.ostler.points.stack import Layered, Stack, child_of

from ostler.machine import host

_KIND, _DIRECTORY, _FILE = 0o170000, 0o040000, 0o100000
_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW | host.O_CLOEXEC
# Of the marks of a directory: these are the whole's.
_NOT_COPIED = frozenset(("opaque", "redirect", "origin", "impure"))


def squash(stack, target, copy_data, open_below=None):
    """Fill the empty directory `target`, a tree of our own, with what the layers of a stack are.

    `copy_data` copies the content of one open file into another one. `open_below` opens a file of
    what lies below all layers, by its path there, and is given where nothing else will lie between
    that and the target.
    """
    _Squash(stack, target, copy_data, open_below).run()


def _is_elsewhere(pair):
    # What is where it was below comes first, and then what a walk comes to first.
    path, seen = pair
    return path != seen.below, path.replace(b"/", b"\0")


@cython.cclass
class _Squash:
    def __init__(self, stack, target, copy_data, open_below):
        self.stack = stack
        self.target = target
        self.copy_data = copy_data
        self.open_below = open_below
        self.made = {}  # {(layer, inode): path} of the files that had to be made anew
        self.copies = {}  # {path below all layers: (layer, inode)} of what has its data from there
        self.later = []  # [(path, Layered)] of files that may not be the only such ones
        self.waiting = [b""]

    def run(self):
        directories = []
        top = self.stack.seen(b"")
        directories.append((b"", top))
        while self.waiting:
            path = self.waiting.pop()
            for name, seen in self.stack.entries(path):
                child = child_of(path, name)
                if seen.parts is None:
                    self.other(child, seen)
                    continue
                above, last = self.target.parent(child)
                host.mkdir(last, 0o700, dir_fd=above)
                directories.append((child, seen))
                self.waiting.append(child)
        self.later.sort(key=_is_elsewhere)
        for path, seen in self.later:
            self.copy_of_below(path, seen)
        while directories:
            path, seen = directories.pop()
            self.finish(path, seen)

    def other(self, path: bytes, seen: Layered):
        tree = self.stack.trees[seen.layer]
        if seen.status.st_mode & _KIND == _FILE and self.stack.redirects:
            metacopy = tree.xattr(seen.path, self.stack.marks + "metacopy")
            if metacopy is not None and seen.data is not None:
                self.anew(path, seen, metacopy)
                return
            if metacopy is not None and seen.below is not None and self.open_below is not None:
                origin = tree.xattr(seen.path, self.stack.marks + "origin")
                if origin is None or seen.status.st_nlink > 1:
                    self.later.append((path, seen))
                    return
                self.copies[seen.below] = seen.layer, seen.status.st_ino
            if metacopy is not None and not self.is_right(path, seen):
                self.anew(path, seen, metacopy)
                return
        if seen.status.st_mode & _KIND == _FILE:
            self.lead_to_first(path, seen)
        self.link(path, seen)

    def copy_of_below(self, path: bytes, seen: Layered):
        # Two copies of one file, as its two names are that were copied up each for itself after a
        # point: upon what they are copies of the kernel takes one alone, and for the other, as long
        # as it knows the first, there is ESTALE. So the other gets the data.
        key = seen.layer, seen.status.st_ino
        metacopy = self.stack.trees[seen.layer].xattr(seen.path, self.stack.marks + "metacopy")
        if key in self.made:
            self.anew(path, seen, metacopy)
        elif self.copies.setdefault(seen.below, key) != key:
            data = self.data_below(seen.below)
            try:
                self.anew(path, seen, metacopy, data)
            finally:
                if data is not None:
                    host.close(data)
        elif self.is_right(path, seen):
            self.lead_to_first(path, seen)
            self.link(path, seen)
        else:
            self.anew(path, seen, metacopy)

    def data_below(self, path: bytes):
        # Somebody may have removed it, or have put something else there: then there are none.
        try:
            data = self.open_below(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
                return None
            raise
        if host.fstat(data).st_mode & _KIND == _FILE:
            return data
        host.close(data)
        return None

    def link(self, path: bytes, seen: Layered):
        tree = self.stack.trees[seen.layer]
        above, name = self.target.parent(path)
        tree.link(seen.path, above, name)

    def lead_to_first(self, path: bytes, seen: Layered):
        # Of a copy of a copy: what below all layers it is of; of one that was new, that it is new.
        tree, mark = self.stack.trees[seen.layer], self.stack.marks + "origin"
        origin = tree.xattr(seen.path, mark)
        if origin is None:
            return
        first = self.stack.mark(path, "origin")
        if first is None:
            # An ordinary user can't where the file may not be written: then it is taken for a copy
            # of what may have been below all layers, and a commit may see a conflict in that.
            with contextlib.suppress(PermissionError):
                tree.put_xattr(seen.path, mark, None)
        elif first != origin:
            tree.put_xattr(seen.path, mark, first)

    def is_right(self, path: bytes, seen: Layered):
        # Whether the mark that a metacopy has leads to its data from the one layer, too.
        redirect = self.stack.trees[seen.layer].xattr(seen.path, self.stack.marks + "redirect")
        if redirect is None:
            return self.stack.redirect(path, seen) is None
        if redirect.startswith(b"/"):
            return redirect.strip(b"/") == seen.below
        up = self.stack.seen(path.rpartition(b"/")[0])
        if up.below is None:
            return False
        return seen.below == child_of(up.below, redirect)

    def anew(self, path: bytes, seen: Layered, metacopy: bytes, below=None):
        # A file of which only the metadata were copied: with its data where one of the layers has
        # them, or where they are given as an open file, `below`, else with a mark that leads to
        # them.
        key = seen.layer, seen.status.st_ino
        known = self.made.get(key)
        if known is not None:
            there, old = self.target.parent(known)
            there = host.dup(there)
            try:
                above, name = self.target.parent(path)
                host.link(old, name, src_dir_fd=there, dst_dir_fd=above, follow_symlinks=False)
            finally:
                host.close(there)
            return
        marks = self.stack.marks
        tree = self.stack.trees[seen.layer]
        status = seen.status
        xattrs = dict(tree.xattrs(seen.path, "\0"))
        for mark in ("metacopy", "redirect", "origin"):
            xattrs.pop(marks + mark, None)
        origin = self.stack.mark(path, "origin") if below is None else None
        if origin is not None:
            xattrs[marks + "origin"] = origin
        above, name = self.target.parent(path)
        file = host.open(name, _NEW, 0o600, dir_fd=above)
        try:
            if below is not None:
                self.copy_data(below, file, status.st_size)
            elif seen.data is None:
                host.ftruncate(file, status.st_size)
                xattrs[marks + "metacopy"] = metacopy
                redirect = self.stack.redirect(path, seen)
                if redirect is None and status.st_nlink > 1 and seen.below is not None:
                    redirect = b"/" + seen.below  # for its other names, whose way is not this one
                if redirect is not None:
                    xattrs[marks + "redirect"] = redirect
            else:
                layer, at = seen.data
                data = self.stack.trees[layer].open(at)
                try:
                    self.copy_data(data, file, host.fstat(data).st_size)
                finally:
                    host.close(data)
            self.give(file, status, xattrs)
        finally:
            host.close(file)
        self.made[key] = path

    def finish(self, path: bytes, seen: Layered):
        # Everything that a new directory is to be, when all is in it.
        marks = self.stack.marks
        tree = self.stack.trees[seen.layer]
        xattrs = {}
        for name, value in tree.xattrs(seen.path, "\0").items():
            if not (name.startswith(marks) and name[len(marks) :] in _NOT_COPIED):
                xattrs[name] = value
        if path:
            if seen.below is None:
                xattrs[marks + "opaque"] = b"y"
            elif self.stack.redirects:
                redirect = self.stack.redirect(path, seen)
                if redirect is not None:
                    xattrs[marks + "redirect"] = redirect
            moved = self.stack.mark(path, "moved")
            if moved is not None:
                xattrs[marks + "moved"] = moved
        layer, at = seen.parts[len(seen.parts) - 1]
        origin = self.stack.trees[layer].xattr(at, marks + "origin")
        if origin is not None:
            xattrs[marks + "origin"] = origin
        for layer, at in seen.parts:
            impure = self.stack.trees[layer].xattr(at, marks + "impure")
            if impure is not None:
                xattrs[marks + "impure"] = impure
                break
        fd = self.target.open(path, host.O_RDONLY | host.O_DIRECTORY | host.O_CLOEXEC)
        try:
            self.give(fd, seen.status, xattrs)
        finally:
            host.close(fd)

    def give(self, fd, status, xattrs):
        # Owner, attributes, mode and times, in the order in which none undoes another.
        now = host.fstat(fd)
        if (now.st_uid, now.st_gid) != (status.st_uid, status.st_gid):
            host.fchown(fd, status.st_uid, status.st_gid)
        for name in host.listxattr(fd):
            if name not in xattrs:
                host.removexattr(fd, name)  # of the directory in which it was made
        for name, value in xattrs.items():
            host.setxattr(fd, name, value)
        host.fchmod(fd, status.st_mode & 0o7777)
        host.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
