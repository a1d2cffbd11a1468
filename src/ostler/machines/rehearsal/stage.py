"""Stage: where a commit makes its new objects, whole, in the stash from which they are moved."""

from __future__ import annotations

import errno
import stat

from ostler.core.held import held
from ostler.machine import host
from ostler.machines.rehearsal.journals import sync_one
from ostler.machines.rehearsal.steps import Lost, Meta, copy_data, give_metadata, metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.core.status import Status
    from ostler.machines.rehearsal.changes import Change, Found
    from ostler.machines.rehearsal.check import Check
    from ostler.machines.rehearsal.places import HeldTree
    from ostler.machines.rehearsal.selection import Selection

_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW | host.O_CLOEXEC


class Stage:
    """What the chosen changes of one overlay leave behind, being made.

    - `anchors`: the inodes of files of the base that get new names
    - `made`: {path of a new directory: its inode}
    - `ends`: steps for the end of the commit, which may take rights away
    """

    def __init__(self, place: HeldTree, check: Check, selection: Selection, number: int) -> None:
        """`place`: the overlay's directory; `number`: of that, among the tops of the commit."""
        self.anchors: set[int] = set()
        self.made: dict[bytes, int] = {}
        self.ends: list[Meta] = []
        self._place = place
        self._check = check
        self._selection = selection
        self._number = number
        self._links: dict[int, bytes] = {}  # inode in the upper layer: a path that has it already
        self._homes: dict[int, int] = {}  # the same: the inode in the base that stays
        self._find_anchors()

    def _find_anchors(self) -> None:
        """Which files of the base stay, so that new names can be links to them."""
        walk, check, chosen = self._check.walk, self._check, self._selection.chosen
        stays = [found for found in walk.unchanged if found.lower is not None]
        stays += [c._found for c in chosen if c.kind == "renamed" and c._found.same and not c.parts]
        stays += [c._found for c in chosen if c.kind == "metadata" and c._old.links == 1]
        for found in stays:
            status = found.own()
            if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
                lower = found.base()
                if self._links.setdefault(status.st_ino, lower) == lower:
                    self._homes[status.st_ino] = check.there(lower).st_ino
        for change in chosen:
            twin = change._found.twin
            if twin is not None:
                below = walk.lower.status(twin)
                if below is not None and not check.changed(below):
                    self._links.setdefault(change._found.own().st_ino, twin)

    def is_elsewhere(self, change: Change) -> bool:
        """Whether a file that could stay is one name of another that does, in the rehearsal."""
        inode = change._found.own().st_ino
        return inode in self._homes and self._homes[inode] != self._check.old(change).st_ino

    def make(self, change: Change, slot: bytes) -> int:
        """Make the object that a change leaves behind, with all below it; its inode number."""
        top = self._make_one(change, slot)
        if change._new.type != "directory":
            return top
        directories = []
        waiting = [(change, slot, top)]
        while waiting:
            change, slot, inode = waiting.pop()
            directories.append((change, slot, inode))
            for child in self._selection.below.get(change._found.path, ()):
                if child.kind == "created":
                    path = slot + b"/" + child._found.path.rpartition(b"/")[2]
                    inode = self._make_one(child, path)
                    if child._new.type == "directory":
                        waiting.append((child, path, inode))
        # A mode may keep everybody out, and a time tells of what was done in it last.
        for directory in reversed(directories):
            self._complete(*directory)
        return top

    def _make_one(self, change: Change, slot: bytes) -> int:
        # A directory is still to be given its metadata.
        found = change._found
        status = found.own()
        above, name = self._place.parent(slot)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            host.mkdir(name, 0o700, dir_fd=above)
            inode = self.made[found.path] = self._place.there(slot).st_ino
            return inode
        if not self._is_linked(status, slot):
            if kind == stat.S_IFREG:
                self._copy(found, slot, status.st_size)
            elif kind == stat.S_IFLNK:
                host.symlink(host.fsencode(change._new.target or ""), name, dir_fd=above)
            else:
                host.mknod(name, kind | 0o600, status.st_rdev, dir_fd=above)
            self._complete(change, slot, None)
        return self._place.there(slot).st_ino

    def _complete(self, change: Change, slot: bytes, inode: int | None) -> None:
        # What it is to have, but for a mode with which nothing could be done in a directory.
        status = change._found.own()
        wanted = metadata(status, change._new.xattrs)
        if inode is not None and wanted["mode"] & 0o300 != 0o300 and host.geteuid() != 0:
            new = {"mode": wanted["mode"]}
            wanted = {**wanted, "mode": wanted["mode"] | 0o700}
            old = {"mode": wanted["mode"]}
            self.ends.append(Meta(self._number, change._found.path, inode, old, new))
        give_metadata(self._place, slot, wanted)
        if self._selection.few and stat.S_IFMT(status.st_mode) in (stat.S_IFDIR, stat.S_IFREG):
            sync_one(self._place, slot)

    def _is_linked(self, status: Status, slot: bytes) -> bool:
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

    def _linked(self, known: bytes, slot: bytes) -> bool:
        above, name = self._place.parent(known)
        try:
            with held(host.dup, above) as source:
                target, new = self._place.parent(slot)
                before = self._place.there(known)
                host.link(name, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
            return False
        self.anchors.add(before.st_ino)
        if not self._check.changed(before):
            self._check.know(self._place.there(known))
        return True

    def _copy(self, found: Found, slot: bytes, size: int) -> None:
        above, name = self._place.parent(slot)
        walk = self._check.walk
        source, path = walk.current(found)
        try:
            data = held(source.open, path)
        except OSError as error:
            if error.errno != errno.EIO or not self._check.is_without_data(found):
                raise
            where = walk.real(path)
            raise Lost(errno.ESTALE, "changed while it was committed", where) from None
        with data as old, held(host.open, name, _NEW, 0o600, dir_fd=above) as new:
            copy_data(old, new, size)
