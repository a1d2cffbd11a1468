"""Copies: a point of a machine whose programs go on, and which is left as it is.

What was changed since the last layer is copied into a new one. It takes as long as the copying of
these files does, and what is written meanwhile may be in it, or not, or in part.
"""

from __future__ import annotations

import errno
import stat
from functools import partial

from ostler.machine import host
from ostler.machines.rehearsal import layers, points
from ostler.machines.rehearsal.kept_points import check_command
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.steps import copy_data, give_metadata, metadata
from ostler.points.stack import child_of, is_whiteout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.places import AnyStatus
    from ostler.points.history import History, Point, Stores

_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_NOFOLLOW | host.O_CLOEXEC
_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


def checkpoint(machine: Rehearsal, name: str | None, command: object) -> Point:
    """Make a point of a copy of what is changed now."""
    with machine._busy:
        history = points.history_of(machine, "refuse")
        check_command(machine, command)
        name = history.named(name)
        if points.is_clean(machine):
            return history.change(partial(history.note, name, history.at, command))
        return _copied(machine, history, name, command)


def _copied(machine: Rehearsal, history: History, name: str, command: object) -> Point:
    above = points.new_directory(machine, history)
    number = int(above.rpartition(b"/")[2])
    try:
        stores = _copy(machine, above)
        with history.writer:
            return _noted(history, number, stores, name, command)
    except BaseException:
        layers.remove_stores(machine._stores, [above])
        raise


def _noted(history: History, number: int, stores: Stores, name: str, command: object) -> Point:
    standing = history.standing()
    try:
        history.add_layer(number, stores)
        point = history.note(name, number, command)
        history.writer.write(True)
    except BaseException:
        history.stand_again(standing)
        history.remove_layer(number)
        history.writer.wrote_back()
        raise
    return point


def _copy(machine: Rehearsal, above: bytes) -> Stores:
    found: Stores = {}
    for place, overlay in enumerate(machine._overlays):
        if layers.is_clean(machine._stores, overlay):
            continue
        store = b"%s/%d" % (above, place)
        for name in (store, store + b"/upper"):
            layers.make_directory(machine._stores, name)
        with (
            OwnTree(host.open(overlay.store + b"/upper", _OPEN, dir_fd=machine._stores)) as source,
            OwnTree(host.open(store + b"/upper", _OPEN, dir_fd=machine._stores)) as target,
        ):
            _Copying(source, target).run()
        found[overlay.target] = store
    return found


class _Copying:
    """An upper layer being copied, whatever its files' modes, while others write to it.

    What is gone before its turn comes is left out.
    """

    def __init__(self, source: OwnTree, target: OwnTree) -> None:
        self.source = source
        self.target = target
        self._links: dict[int, bytes] = {}
        self._ends: list[tuple[bytes, AnyStatus, dict[str, bytes]]] = []

    def run(self) -> None:
        """Copy all of it."""
        self._ends.append((b"", self.source.there(b""), self.source.xattrs(b"", "\0")))
        waiting = [b""]
        while waiting:
            path = waiting.pop()
            try:
                entries = self.source.entries(path)
            except OSError as error:
                self._is_gone(error, path)
                continue
            for name, status in entries:
                child = child_of(path, name)
                if self._one(child, status):
                    waiting.append(child)
        for path, known, xattrs in reversed(self._ends):
            give_metadata(self.target, path, metadata(known, xattrs))

    def _is_gone(self, error: OSError, path: bytes) -> None:
        # Something else may be there by now: what is known of it is known no more.
        if error.errno not in _GONE:
            raise error
        self.source.forget_below(path)

    def _one(self, path: bytes, status: AnyStatus) -> bool:
        # Whether it is a directory.
        try:
            xattrs = {} if is_whiteout(status) else self.source.xattrs(path, "\0")
            if stat.S_ISDIR(status.st_mode):
                above, name = self.target.parent(path)
                host.mkdir(name, 0o700, dir_fd=above)
                self._ends.append((path, status, xattrs))
                return True
            if not self._is_linked(path, status):
                self._make(path, status)
                if not is_whiteout(status):
                    give_metadata(self.target, path, metadata(status, xattrs))
        except OSError as error:
            self._is_gone(error, path)
        return False

    def _is_linked(self, path: bytes, status: AnyStatus) -> bool:
        if status.st_nlink == 1 or is_whiteout(status):
            return False
        known = self._links.setdefault(status.st_ino, path)
        if known == path or self.target.status(known) is None:
            return False
        there, old = self.target.parent(known)
        with OwnTree(host.dup(there)) as held:
            above, name = self.target.parent(path)
            host.link(old, name, src_dir_fd=held.fd, dst_dir_fd=above, follow_symlinks=False)
        return True

    def _make(self, path: bytes, status: AnyStatus) -> None:
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            self._copy_file(path)
            return
        above, name = self.target.parent(path)
        if kind == stat.S_IFLNK:
            host.symlink(host.fsencode(self.source.target(path)), name, dir_fd=above)
        else:
            host.mknod(name, kind | 0o600, status.st_rdev, dir_fd=above)

    def _copy_file(self, path: bytes) -> None:
        source = self.source.open(path)
        try:
            above, name = self.target.parent(path)
            target = host.open(name, _NEW, 0o600, dir_fd=above)
            try:
                copy_data(source, target, host.fstat(source).st_size)
            finally:
                host.close(target)
        finally:
            host.close(source)
