"""Making: the new objects of a commit, whole, in the stash from which they are moved."""

import errno
import stat

from ostler.core.held import held
from ostler.machine import host
from ostler.machines.rehearsal.journals import sync_one
from ostler.machines.rehearsal.steps import Lost, Meta, copy_data, give_metadata, metadata

_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW | host.O_CLOEXEC


class Making:
    """The part of a Plan that makes what a change leaves behind."""

    def _make(self, change, slot):
        """Make the object that a change leaves behind, with all below it; its inode number."""
        top = self._make_one(change, slot)
        if change.after.type != "directory":
            return top
        directories = []
        waiting = [(change, slot, top)]
        while waiting:
            change, slot, inode = waiting.pop()
            directories.append((change, slot, inode))
            for child in self._below.get(change._found.path, ()):
                if child.kind == "created":
                    place = slot + b"/" + child._found.path.rpartition(b"/")[2]
                    inode = self._make_one(child, place)
                    if child.after.type == "directory":
                        waiting.append((child, place, inode))
        # A mode may keep everybody out, and a time tells of what was done in it last.
        for directory in reversed(directories):
            self._complete(*directory)
        return top

    def _make_one(self, change, slot):
        # A directory is still to be given its metadata.
        found, status = change._found, change._found.status
        above, name = self.place.parent(slot)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            host.mkdir(name, 0o700, dir_fd=above)
            inode = self._staged[found.path] = self.place.status(slot).st_ino
            return inode
        if not self._is_linked(status, slot):
            if kind == stat.S_IFREG:
                self._copy(found, slot, status.st_size)
            elif kind == stat.S_IFLNK:
                host.symlink(host.fsencode(change.after.target), name, dir_fd=above)
            else:
                host.mknod(name, kind | 0o600, status.st_rdev, dir_fd=above)
            self._complete(change, slot, None)
        return self.place.status(slot).st_ino

    def _complete(self, change, slot, inode):
        # What it is to have, but for a mode with which nothing could be done in a directory.
        status = change._found.status
        wanted = metadata(status, change.after.xattrs)
        if stat.S_ISDIR(status.st_mode) and wanted["mode"] & 0o300 != 0o300:
            if host.geteuid() != 0:
                new = {"mode": wanted["mode"]}
                wanted = {**wanted, "mode": wanted["mode"] | 0o700}
                path = change._found.path
                step = Meta(self.number, path, inode, {"mode": wanted["mode"]}, new)
                self._ends.append((path, step, None))
        give_metadata(self.place, slot, wanted)
        if self.few and stat.S_IFMT(status.st_mode) in (stat.S_IFDIR, stat.S_IFREG):
            sync_one(self.place, slot)

    def _is_linked(self, status, slot):
        # Whether a name is made as one more of a file that is there already.
        if status.st_nlink == 1 and status.st_ino not in self._links:
            return False
        known = self._links.setdefault(status.st_ino, slot)
        if known == slot:
            return False
        if self._linked(known, slot):
            return True
        self._links[status.st_ino] = slot
        return False

    def _linked(self, known, slot):
        source, name = self.place.parent(known)
        try:
            with held(host.dup, source) as source:
                target, new = self.place.parent(slot)
                before = self.place.status(known)
                host.link(name, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
            return False
        self._anchors.add(before.st_ino)
        if not self._changed(before):
            now = self.place.status(known)
            self._mine[now.st_ino] = now.st_ctime_ns
        return True

    def _copy(self, found, slot, size):
        above, name = self.place.parent(slot)
        source, path = self.walk.current(found)
        try:
            data = held(source.open, path)
        except OSError as error:
            if error.errno != errno.EIO or not self._is_without_data(found):
                raise
            where = self.walk.real(path)
            raise Lost(errno.ESTALE, "changed while it was committed", where) from None
        with data as old, held(host.open, name, _NEW, 0o600, dir_fd=above) as new:
            copy_data(old, new, size)
