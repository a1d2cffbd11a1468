"""Linked: files of the base that have several names, which an overlay copies name by name.

Of such a copy it keeps no mark that says of which file it is, but for root's overlay while there
was no need to copy the data. So what stands at a renamed or new name is noted in the upper layer.
"""

from __future__ import annotations

import contextlib
import errno
import stat

from ostler.machine import host
from ostler.machines.rooted import Rooted, staying
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal, Self

    from _typeshed import FileDescriptorOrPath, StrOrBytesPath

    from ostler.core.records import stat_result
    from ostler.machines.rehearsal.changes import Change, Record
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.places import AnyStatus, HeldTree
    from ostler.machines.rehearsal.walk import Walk

    Source = tuple[OverlayMount, bytes, stat_result]  # where the base has a file, and its lstat

# After the prefix of the overlay's own marks, none of which is called so:
MOVED = "moved"
LED = "led"  # which commit has led on the other marks, and where to; see committing.py


class Name:
    """One name in a rehearsal, in an open directory.

    `overlay`: the OverlayMount that it lies in, or None; `path`: where, below that.
    """

    def __init__(self, machine: Rehearsal, path: StrOrBytesPath, dir_fd: int | None) -> None:
        path = machine.fsencode(path)
        bare = path.rstrip(b"/")
        above, name = machine.path.split(bare)
        self.machine = machine
        self.name = name + path[len(bare) :]  # a slash at the end is the kernel's to refuse
        self.fd = machine.open(above or b".", host.O_PATH | host.O_DIRECTORY, dir_fd=dir_fd)
        try:
            where = host.readlink(b"/proc/self/fd/%d" % self.fd)[1:]
        except BaseException:
            host.close(self.fd)
            raise
        self.overlay, inside = overlay_at(machine, where)
        self.path = child_of(inside, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        host.close(self.fd)

    def stands_for(self) -> Source | None:
        """(overlay, path, lstat) of a file of the base with several names; or None."""
        if self.overlay is None:
            return None
        with self.machine._walk(self.overlay) as walk:
            found = stands_for(walk, self.path)
        return None if found is None else (self.overlay, *found)

    def is_copied_with(self, other: Name) -> bool:
        """Whether both are names of one file in the upper layer, which the kernel may miss."""
        if self.overlay is None or self.overlay is not other.overlay:
            return False
        with self.machine._walk(self.overlay) as walk:
            here, there = walk.upper.status(self.path), walk.upper.status(other.path)
        return here is not None and there is not None and here.st_ino == there.st_ino

    def note(self, origin: bytes) -> None:
        """Write down that this is what the base has at a path, as far as that can be."""
        assert self.overlay is not None
        with self.machine._walk(self.overlay) as walk:
            write_note(walk.upper, self.path, walk.marks, origin)


def overlay_at(machine: Rehearsal, where: bytes) -> tuple[OverlayMount | None, bytes]:
    """(the OverlayMount that a directory of the machine lies in, or None; its path below that)."""
    best = None
    for overlay in machine._overlays:
        target = overlay.target
        if (where == target or not target or where.startswith(target + b"/")) and (
            best is None or len(target) > len(best.target)
        ):
            best = overlay
    return best, where if best is None else where[len(best.target) :].lstrip(b"/")


def write_note(store: HeldTree, path: bytes, marks: str, origin: bytes) -> None:
    """Note what the base has at `origin` as that for which an object of an upper layer stands."""
    above, name = store.parent(path)
    status = host.stat(name, dir_fd=above, follow_symlinks=False)
    locked = not stat.S_ISLNK(status.st_mode) and not status.st_mode & 0o200
    try:
        if locked:
            host.chmod(name, stat.S_IMODE(status.st_mode) | 0o200, dir_fd=above)
        host.setxattr(store.name(path), marks + MOVED, b"/" + origin, follow_symlinks=False)
    except OSError as error:
        # Then it is listed as removed and created.
        if error.errno not in (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSPC):
            raise
    finally:
        if locked:
            host.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=above)


@staying
def renamed(
    machine: Rehearsal,
    how: str,
    src: StrOrBytesPath,
    dst: StrOrBytesPath,
    src_dir_fd: int | None,
    dst_dir_fd: int | None,
) -> bool:
    """Carry out "rename", "rename_noreplace" or "exchange" for names of files.

    Two names of one file of the base stay, as they do outside; what the new names stand for is
    noted. Always True.
    """
    try:
        with Name(machine, src, src_dir_fd) as one, Name(machine, dst, dst_dir_fd) as two:
            source, target = one.stands_for(), two.stands_for()
            if how != "rename_noreplace" and (
                _is_one_file(source, target) or one.is_copied_with(two)
            ):
                return True
            _call(how, one, two)
            if source is not None and source[0] is two.overlay:
                two.note(source[1])
            if how == "exchange" and target is not None and target[0] is one.overlay:
                one.note(target[1])
    except OSError as error:
        raise OSError(error.errno, error.strerror, src, None, dst) from None
    return True


def _call(how: str, one: Name, two: Name) -> None:
    if how == "exchange":
        host.exchange(one.name, two.name, first_dir_fd=one.fd, second_dir_fd=two.fd)
    else:
        getattr(host, how)(one.name, two.name, src_dir_fd=one.fd, dst_dir_fd=two.fd)


def _has_several(
    machine: Rehearsal, path: StrOrBytesPath, dir_fd: int | None, follow: bool
) -> bool:
    """Whether a file has several names, here or in the base; `path` as `note_link` has it.

    What can't be looked at the real call refuses.
    """
    if not isinstance(path, (str, bytes)) and not hasattr(path, "__fspath__"):
        return False
    try:
        status = Rooted.stat(machine, path, dir_fd=dir_fd, follow_symlinks=follow)
        if stat.S_ISDIR(status.st_mode) or status.st_nlink > 1:
            return not stat.S_ISDIR(status.st_mode)
        where = machine._base.rstrip(b"/") + _path_of(machine, path, dir_fd, follow)
        return host.lstat(where).st_nlink > 1
    except (OSError, OverflowError, TypeError, ValueError):
        return False


def _path_of(machine: Rehearsal, path: StrOrBytesPath, dir_fd: int | None, follow: bool) -> bytes:
    # Where on the machine that is what a path leads to.
    flags = host.O_PATH if follow else host.O_PATH | host.O_NOFOLLOW
    fd = Rooted.open(machine, path, flags, dir_fd=dir_fd)
    try:
        return host.readlink(b"/proc/self/fd/%d" % fd)
    finally:
        host.close(fd)


@contextlib.contextmanager
def noting(
    machine: Rehearsal,
    src: StrOrBytesPath,
    dst: StrOrBytesPath,
    src_dir_fd: int | None,
    dst_dir_fd: int | None,
    follow: bool,
) -> Iterator[None]:
    """While a file gets another name; the arguments are those of link()."""
    follow = follow and (src_dir_fd is not None or dst_dir_fd is not None)
    several = machine._overlaid and _has_several(machine, src, src_dir_fd, follow)
    yield
    if several:
        note_link(machine, src, dst, src_dir_fd, dst_dir_fd, follow)


@staying
def note_link(
    machine: Rehearsal,
    src: StrOrBytesPath,
    dst: StrOrBytesPath,
    src_dir_fd: int | None,
    dst_dir_fd: int | None,
    follow: bool,
) -> None:
    """Note at a new name of a file for what it stands; `src` as link() has it."""
    path = _path_of(machine, src, src_dir_fd, follow)
    with Name(machine, path, None) as one, Name(machine, dst, dst_dir_fd) as two:
        source = one.stands_for()
        if source is not None and source[0] is two.overlay:
            two.note(source[1])


def _is_one_file(source: Source | None, target: Source | None) -> bool:
    return (
        source is not None
        and target is not None
        and (source[2].st_dev, source[2].st_ino) == (target[2].st_dev, target[2].st_ino)
    )


def stands_for(walk: Walk, path: bytes) -> tuple[bytes, stat_result] | None:
    """(path, lstat) in the base of the file with several names that one here is; or None."""
    status = walk.upper.status(path)
    origin = None if status is None else noted(walk, path, status)
    if origin is None:
        origin = _in_base(walk, path)
    if origin is None:
        return None
    below = walk.lower.status(origin)
    if below is None or stat.S_ISDIR(below.st_mode) or below.st_nlink == 1:
        return None
    if status is not None and not is_as_it_was(walk, path, status, origin, below):
        return None
    return origin, below


def _in_base(walk: Walk, path: bytes) -> bytes | None:
    # Where the base has what stands at a path, unless something is put there; None: nowhere.
    above, _, last = path.rpartition(b"/")
    found = directory_in_base(walk, above)
    return None if found is None else child_of(found, last)


def directory_in_base(walk: Walk, path: bytes) -> bytes | None:
    """Where the base has the directory that stands at a path; None: it is new."""
    at: bytes = b""
    lower: bytes | None = b""
    for name in path.split(b"/") if path else ():
        at = child_of(at, name)
        lower = next_in_base(walk, at, lower)
    return lower


def next_in_base(walk: Walk, path: bytes, above: bytes | None) -> bytes | None:
    """The same, where it is known what the base has in place of the directory above it."""
    lower = None if above is None else child_of(above, path.rpartition(b"/")[2])
    status = walk.upper.status(path)
    if status is None:
        return lower
    origin = walk.origin(path, status, b"" if above is None else above)
    if origin is not None or lower is None:
        return origin
    if walk.mark(path, status, "opaque") == b"y" and (
        not walk.lower.is_directory(lower) or walk.is_moved(lower)
    ):
        return None
    return lower


def noted(walk: Walk, path: bytes, status: AnyStatus) -> bytes | None:
    """Where the base has the file for which one of the upper layer stands, as noted; or None."""
    mark = walk.mark(path, status, MOVED)
    if mark is None and not walk.ordinary and walk.mark(path, status, "origin") is None:
        mark = walk.mark(path, status, "redirect")  # of a file with several names from the top
    return mark.strip(b"/") if mark is not None and mark.startswith(b"/") else None


def is_as_it_was(
    walk: Walk, path: bytes, status: AnyStatus, lower: bytes, below: AnyStatus
) -> bool:
    """Whether an object of the upper layer is as the base's at `lower`."""
    if stat.S_IFMT(status.st_mode) != stat.S_IFMT(below.st_mode):
        return False
    before, after = walk.before(lower, below), walk.after(path, status)
    return is_alike(before, after) and (
        before.type != "file" or walk.same_content(path, lower, below, status)
    )


def is_alike(before: Record, after: Record) -> bool:
    """Whether two Records differ in nothing but the access time and the number of names."""
    return (
        before.size == after.size
        and before.target == after.target
        and (
            (before.type, before.device) == (after.type, after.device)
            and before.has_metadata(after)
        )
    )


class Pairs:
    """What is new in a walk, and the names of the base, with others, that it has instead.

    `take(source, change)` makes a pair of two changes, and tells whether it may be one.
    """

    def __init__(
        self, walk: Walk, gone: Sequence[Change], take: Callable[[Change | None, Change], bool]
    ) -> None:
        self.walk = walk
        self.take = take
        self.gone = [change for change in gone if change._old.links > 1]
        self._by_path = {change._found.base(): change for change in self.gone}
        # Of what is removed: (device, inode) of the base, [changes]; and by (size, time).
        self._inodes: dict[tuple[int, int], list[Change]] = {}
        self._looks: dict[tuple[int, int], list[Change]] = {}
        for change in self.gone:
            if change.kind == "removed":
                status = walk.lower.there(change._found.base())
                self._inodes.setdefault((status.st_dev, status.st_ino), []).append(change)
                self._looks.setdefault(size_and_time(change._old), []).append(change)

    def needed(self) -> bool:
        """Whether any file with several names has to do with what was changed."""
        return bool(self.gone) or any(
            found.own().st_nlink > 1 and not stat.S_ISDIR(found.own().st_mode)
            for found in self.walk.unchanged
        )

    def find(self, new: Sequence[Change]) -> None:
        """Find them for these changes."""
        later, unnoted = [], []
        for change in new:
            found = change._found
            origin = noted(self.walk, found.path, found.own())
            if origin is None:
                unnoted.append(change)
                continue
            source = self._by_path.get(origin)
            if source is None or self._is_there(source, change) or not self.take(source, change):
                later.append((change, origin))
        for change, origin in later:
            self._by_inode(change, origin)
        for change in unnoted:
            self._by_look(change)

    def _is_there(self, source: Change, change: Change) -> bool:
        # Whether it is only one more name.
        status = source._found.status
        return status is not None and status.st_ino == change._found.own().st_ino

    def _by_inode(self, change: Change, origin: bytes) -> None:
        found, walk = change._found, self.walk
        below = walk.lower.status(origin)
        if below is None or stat.S_ISDIR(below.st_mode):
            return
        if not is_as_it_was(walk, found.path, found.own(), origin, below):
            return
        sources = self._inodes.get((below.st_dev, below.st_ino), ())
        if not any(self.take(source, change) for source in sources):
            found.twin = origin

    def _by_look(self, change: Change) -> None:
        # A program's rename of an ordinary user's leaves no mark: but that the directory was
        # given a copy of something the kernel notes, which a copy made by a program doesn't do.
        found, walk = change._found, self.walk
        if not walk.ordinary and change._new.type == "file":
            return
        for source in self._looks.get(size_and_time(change._new), ()):
            lower = source._found.base()
            if (
                is_alike(source._old, change._new)
                and (
                    self._was_copied_from(lower)
                    or (change._new.type == "link" and self._was_moved(lower))
                )
                and is_as_it_was(walk, found.path, found.own(), lower, walk.lower.there(lower))
                and self.take(source, change)
            ):
                return

    def _was_copied_from(self, lower: bytes) -> bool:
        above = lower.rpartition(b"/")[0]
        place = now_at(self.walk, above)
        status = self.walk.upper.status(place)
        return status is not None and self.walk.mark(place, status, "impure") == b"y"

    def _was_moved(self, lower: bytes) -> bool:
        # By rename.py, which can't note at a symbolic link what it was.
        place = now_at(self.walk, lower.rpartition(b"/")[0])
        status = self.walk.upper.status(place)
        return status is not None and self.walk.mark(place, status, MOVED) is not None


def now_at(walk: Walk, lower: bytes) -> bytes:
    """Where a directory of the base is in the rehearsal."""
    names = []
    while lower and lower not in walk.moved:
        lower, _, name = lower.rpartition(b"/")
        names.append(name)
    return b"/".join([walk.moved.get(lower, b""), *reversed(names)]).lstrip(b"/")


def size_and_time(record: Record) -> tuple[int, int]:
    """By which a file of the base is looked for that nothing else tells."""
    return record.size, record.times[1]
