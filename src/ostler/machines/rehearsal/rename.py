"""Renaming: a directory of the base that the kernel won't rename in a rehearsal.

An overlay of an ordinary user has no redirected directories: there rename(2) fails with EXDEV. So
it is done name by name, and where the directory comes from is noted in the upper layer.
"""

from __future__ import annotations

import errno
import stat

from ostler.machine import host
from ostler.machines.rehearsal.hard_links import (
    Name,
    directory_in_base,
    next_in_base,
    renamed,
    stands_for,
    write_note,
)
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.steps import give_metadata, metadata
from ostler.machines.rooted import staying
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.steps import Metadata
    from ostler.machines.rehearsal.walk import Walk

    _At = tuple[StrOrBytesPath, int | None]  # a path, and the dir_fd that it begins at

_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


@staying
def moved(
    machine: Rehearsal,
    src: StrOrBytesPath,
    dst: StrOrBytesPath,
    src_dir_fd: int | None,
    dst_dir_fd: int | None,
    replace: bool = True,
) -> bool:
    """Move a directory as the kernel's rename would, name by name; False: not our affair.

    On an error all is moved back, and everything is as it was.
    """
    status = machine.stat(src, dir_fd=src_dir_fd, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        how = "rename" if replace else "rename_noreplace"
        return renamed(machine, how, src, dst, src_dir_fd, dst_dir_fd)
    overlay, origin = _place(machine, src, src_dir_fd)
    other, place = _place(machine, dst, dst_dir_fd)
    if overlay is None or overlay is not other:  # where the real rename would not have worked
        return False
    above = machine.path.dirname(machine.fsencode(dst).rstrip(b"/")) or b"."
    before = machine.stat(above, dir_fd=dst_dir_fd)
    covered = _make_room(machine, src, dst, dst_dir_fd, replace)
    try:
        with (
            OwnTree(machine.open(src, _OPEN, dir_fd=src_dir_fd)) as source,
            OwnTree(machine.open(dst, _OPEN, dir_fd=dst_dir_fd)) as target,
        ):
            move = _Renamed(machine, overlay, source, target, origin, place)
            try:
                move.go()
                move.finish()
            except BaseException:
                move.back()
                raise
        machine.rmdir(src, dir_fd=src_dir_fd)
    except BaseException as error:
        _name(error, src, dst)
        machine.rmdir(dst, dir_fd=dst_dir_fd)
        if covered is not None:
            machine.mkdir(dst, 0o700, dir_fd=dst_dir_fd)
            with OwnTree(machine.open(dst, _OPEN, dir_fd=dst_dir_fd)) as again:
                give_metadata(again, b"", covered)
        times = before.st_atime_ns, before.st_mtime_ns
        machine.utime(b"%s/." % above, ns=times, dir_fd=dst_dir_fd)
        raise
    return True


@staying
def exchanged(
    machine: Rehearsal,
    first: StrOrBytesPath,
    second: StrOrBytesPath,
    first_dir_fd: int | None,
    second_dir_fd: int | None,
) -> bool:
    """Exchange two names, one of them a directory's, by three renames; False: not our affair."""
    if not _is_directory(machine, first, first_dir_fd) and not _is_directory(
        machine, second, second_dir_fd
    ):
        return renamed(machine, "exchange", first, second, first_dir_fd, second_dir_fd)
    # The way to both is looked for once: it may lead through the other name.
    with Name(machine, first, first_dir_fd) as one, Name(machine, second, second_dir_fd) as two:
        if one.overlay is None or one.overlay is not two.overlay:
            return False
        if _lies_in(one.path, two.path) or _lies_in(two.path, one.path):
            problem = machine.strerror(errno.EINVAL)
            raise OSError(errno.EINVAL, problem, first, None, second)
        token = host.urandom(8).hex().encode()
        here, there = (one.name, one.fd), (two.name, two.fd)
        aside = b".%s.%s~" % (one.name.rstrip(b"/")[:200], token), one.fd
        done: list[tuple[_At, _At]] = []
        try:
            _rename_all(machine, ((here, aside), (there, here), (aside, there)), done)
        except BaseException as error:
            _rename_all(machine, _back(done), [])
            _name(error, first, second)
            raise
    return True


def _name(error: BaseException, one: StrOrBytesPath, other: StrOrBytesPath) -> None:
    # The names that were asked for; but for what is somebody else's, which it says.
    if isinstance(error, OSError) and error.errno != errno.EOVERFLOW:
        error.filename, error.filename2 = one, other


def _lies_in(path: bytes, other: bytes) -> bool:
    return path.startswith(other + b"/")


def _rename_all(
    machine: Rehearsal, pairs: Iterable[tuple[_At, _At]], done: list[tuple[_At, _At]]
) -> None:
    for src, dst in pairs:
        machine.rename_noreplace(src[0], dst[0], src_dir_fd=src[1], dst_dir_fd=dst[1])
        done.append((src, dst))


def _back(done: list[tuple[_At, _At]]) -> list[tuple[_At, _At]]:
    # The renames that undo these.
    return [(dst, src) for src, dst in reversed(done)]


def _is_directory(machine: Rehearsal, path: StrOrBytesPath, dir_fd: int | None) -> bool:
    return stat.S_ISDIR(machine.stat(path, dir_fd=dir_fd, follow_symlinks=False).st_mode)


def _make_room(
    machine: Rehearsal,
    src: StrOrBytesPath,
    dst: StrOrBytesPath,
    dst_dir_fd: int | None,
    replace: bool,
) -> Metadata | None:
    # Make the directory to move to; what stood there, an empty one, or None.
    try:
        machine.mkdir(dst, 0o700, dir_fd=dst_dir_fd)
        return None
    except FileExistsError:
        if not replace:
            raise
    there = machine.stat(dst, dir_fd=dst_dir_fd, follow_symlinks=False)
    if not stat.S_ISDIR(there.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, machine.strerror(errno.ENOTDIR), src, None, dst)
    with OwnTree(machine.open(dst, _OPEN, dir_fd=dst_dir_fd)) as place:
        covered = metadata(there, place.xattrs(b"", "\0"))
    machine.rmdir(dst, dir_fd=dst_dir_fd)
    machine.mkdir(dst, 0o700, dir_fd=dst_dir_fd)
    return covered


class _Renamed:
    """What is below one directory being moved into another one, new and empty."""

    def __init__(
        self,
        machine: Rehearsal,
        overlay: OverlayMount,
        source: OwnTree,
        target: OwnTree,
        origin: bytes,
        place: bytes,
    ) -> None:
        self.machine = machine
        self.overlay = overlay
        self.source = source
        self.target = target
        self.origin = origin  # where the two are now, below the overlay's top
        self.place = place
        self.renamed: list[bytes] = []  # paths below both
        # (path, where the base has it, metadata of the old one), each after the one it lies in
        self.directories: list[tuple[bytes, bytes | None, Metadata]] = []
        # (path, where the base has it) of files that have other names there
        self.linked: list[tuple[bytes, bytes]] = []

    def go(self) -> None:
        """Move everything; what can't be renamed, a directory, is made anew and waits."""
        with self.machine._walk(self.overlay) as walk:
            self._go(walk)

    def _go(self, walk: Walk) -> None:
        waiting = [(b"", directory_in_base(walk, self.origin))]
        homes: set[bytes | None] = set()
        while waiting:
            path, origin = waiting.pop()
            if origin in homes:
                origin = None  # that was renamed before, and this one is new in its place
            homes.add(origin)
            self._begin(path, origin)
            for name, status in self.source.entries(path):
                child = child_of(path, name)
                if not stat.S_ISDIR(status.st_mode):
                    self._see_names(walk, child, origin)
                try:
                    _rename(self.source, self.target, child)
                    self.renamed.append(child)
                except OSError as error:
                    if error.errno != errno.EXDEV or not stat.S_ISDIR(status.st_mode):
                        raise
                    now = child_of(self.origin, child)
                    waiting.append((child, next_in_base(walk, now, origin)))

    def _see_names(self, walk: Walk, path: bytes, above: bytes | None) -> None:
        # The copy that the overlay makes of a file with other names does not tell of which.
        if above is None:
            return
        below = walk.lower.status(child_of(above, path.rpartition(b"/")[2]))
        if below is not None and below.st_nlink > 1:
            found = stands_for(walk, self.origin + b"/" + path)
            if found is not None:
                self.linked.append((path, found[0]))

    def _begin(self, path: bytes, origin: bytes | None) -> None:
        status = self.source.there(path)
        if (status.st_uid, status.st_gid) != (host.geteuid(), host.getegid()):
            raise OSError(errno.EOVERFLOW, host.strerror(errno.EOVERFLOW), host.fsdecode(path))
        old = metadata(status, self.source.xattrs(path, "\0"))
        if path:
            above, name = self.target.parent(path)
            host.mkdir(name, 0o700, dir_fd=above)
        self.directories.append((path, origin, old))
        if stat.S_IMODE(status.st_mode) & 0o700 != 0o700:
            give_metadata(self.source, path, {"mode": old["mode"] | 0o700})

    def finish(self) -> None:
        """Give the new directories what the old ones had, and remove those but the top."""
        with self.machine._walk(self.overlay) as walk:
            self._note(walk)
        for path, _, _ in reversed(self.directories):
            if path:
                self.source.forget_below(path)
                above, name = self.source.parent(path)
                host.rmdir(name, dir_fd=above)

    def _note(self, walk: Walk) -> None:
        for path, origin in self.linked:
            write_note(walk.upper, self.place + b"/" + path, walk.marks, origin)
        for path, home, old in reversed(self.directories):
            place = self.place + b"/" + path if path else self.place
            if home is not None:
                write_note(walk.upper, place, walk.marks, home)
            give_metadata(self.target, path, old)

    def back(self) -> None:
        """Everything as it was, but for the new directory at the top."""
        for path, _, old in self.directories:
            if self.source.status(path) is None:
                above, name = self.source.parent(path)
                host.mkdir(name, 0o700, dir_fd=above)
            if path == b"" or self.target.status(path) is not None:
                give_metadata(self.target, path, {"mode": old["mode"] | 0o700})
        for path in reversed(self.renamed):
            _rename(self.target, self.source, path)
        for path, _, old in reversed(self.directories):
            if path and self.target.status(path) is not None:
                self.target.forget_below(path)
                above, name = self.target.parent(path)
                host.rmdir(name, dir_fd=above)
            give_metadata(self.source, path, old)


def _rename(source: OwnTree, target: OwnTree, path: bytes) -> None:
    src_dir, name = source.parent(path)
    dst_dir, _ = target.parent(path)
    host.rename_noreplace(name, name, src_dir_fd=src_dir, dst_dir_fd=dst_dir)


def _place(
    machine: Rehearsal, path: StrOrBytesPath, dir_fd: int | None
) -> tuple[OverlayMount | None, bytes]:
    """(the OverlayMount that a name lies in, or None; its path below that)."""
    with Name(machine, path, dir_fd) as name:
        return name.overlay, name.path
