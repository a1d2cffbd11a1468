"""Steps: in which a commit becomes visible; each can be done again, and taken back.

A step names its objects by path and inode number, so that it is always plain whether it was
done: after a crash the journal's steps are gone through once more, or back, and what was done
already is passed over. A directory `top` holds all of its paths, those in the stash too.

A kind of step is a class: what it does in a commit, how that is taken back, how a recovery does
either, and what stands in the journal, which is what `pack` gives.
"""

from __future__ import annotations

import errno
import stat

from ostler.core.held import held
from ostler.machine import host
from ostler.machines.rehearsal.packed import Rows

_COPIED = 1 << 26
ACL = "system.posix_acl_access"


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Protocol, TypeAlias

    from ostler.machines.rehearsal.places import AnyStatus, HeldTree
    from ostler.machines.rehearsal.work import Work

    Metadata: TypeAlias = Mapping[str, Any]  # plain data: "mode", "owner", "times", "xattrs"
    Expected: TypeAlias = tuple[int, int | None] | None
    Pair: TypeAlias = Sequence[str | None]  # what it takes away, and what it puts there
    # Of a directory, whose times are set at the end: see Work.
    Times: TypeAlias = tuple[int, bytes, bytes, int, Sequence[int] | None, Sequence[int] | None]

    class Recovering(Protocol):
        """What a recovery tells a step, and does for it."""

        work: Work

        def see(self, top: int, path: bytes, look: str | None) -> None: ...
        def is_slot(self, top: int, path: bytes) -> bool: ...
        def changed(self, top: int, path: bytes) -> OSError: ...
        def give(self, step: Meta, wanted: Metadata) -> None: ...


class Lost(OSError):
    """An object of a step is no longer where the commit knows it: somebody took it away."""


class Step:
    """One step of a commit.

    - `top`: the number of the directory in which all its paths are
    - `inode`: of the object that is moved, or given metadata
    - `brings`: the path at which that is before; None where nothing is moved
    - `to`: the path at which it is after
    - `keeps`: the path at which there is afterwards what was at its place, or what was taken away
    - `leaves`: the path that this had before
    """

    __slots__ = ("inode", "top")
    kind: str  # as the journal has it
    top: int
    inode: int

    @property
    def brings(self) -> bytes | None:
        return None

    @property
    def to(self) -> bytes:
        raise NotImplementedError

    @property
    def keeps(self) -> bytes | None:
        return None

    @property
    def leaves(self) -> bytes:
        raise NotImplementedError

    def pack(self) -> tuple[Any, ...]:
        """The step as plain data, as it stands in the journal."""
        raise NotImplementedError

    def do(self, work: Work, expected: Expected) -> None:
        """Do it, of which nothing was done yet; Lost when its objects are not what they were.

        `expected`: (inode, ctime or None) of what it replaces, or None.
        """
        raise NotImplementedError

    def undo(self, work: Work) -> bool | None:
        """Take it back: whether it was done; None when its object is not to be found."""
        raise NotImplementedError

    def do_again(self, recovery: Recovering, passed: bool, pair: Pair) -> None:
        """Do it in a recovery, unless it was done; an OSError where somebody has changed something.

        `passed`: whether a later one was done; `pair`: its looks, as looks.py has them.
        """
        raise NotImplementedError

    def undo_again(self, recovery: Recovering, pair: Pair) -> None:
        """Take it back in a recovery, if it was done; an OSError as from `do_again`."""
        raise NotImplementedError

    def directories(self) -> list[bytes]:
        """The paths of what is to be synced when it is done."""
        raise NotImplementedError


class _Renaming(Step):
    """The object of this inode, which has the name `source`, gets the name `target`."""

    __slots__ = ("source", "target")

    def __init__(self, top: int, source: bytes, target: bytes, inode: int) -> None:
        self.top = top
        self.source = source
        self.target = target
        self.inode = inode

    def pack(self) -> tuple[Any, ...]:
        return self.kind, self.top, self.source, self.target, self.inode

    @property
    def brings(self) -> bytes:
        return self.source

    @property
    def to(self) -> bytes:
        return self.target

    def directories(self) -> list[bytes]:
        return [self.source.rpartition(b"/")[0], self.target.rpartition(b"/")[0]]


class Move(_Renaming):
    """Something gets another name: a new object its place, or an old one a name in the stash."""

    __slots__ = ()
    kind = "move"

    @property
    def keeps(self) -> bytes:
        return self.target

    @property
    def leaves(self) -> bytes:
        return self.source

    def do(self, work: Work, expected: Expected) -> None:
        if not work.is_at(self.top, self.source, self.inode):
            work.lose(self.top, self.source)
        work.check_unchanged(self.top, self.source, expected)
        work.begin()
        work.rename(self.top, self.source, self.target)

    def undo(self, work: Work) -> bool | None:
        if work.is_at(self.top, self.target, self.inode):
            work.rename(self.top, self.target, self.source)
            return True
        if work.is_at(self.top, self.source, self.inode):
            return False
        # Not done, or somebody has taken it away since.
        return False if work.place(self.top).status(self.target) is None else None

    def do_again(self, recovery: Recovering, passed: bool, pair: Pair) -> None:
        work, top = recovery.work, self.top
        leaves, comes = pair
        if work.is_at(top, self.source, self.inode):
            recovery.see(top, self.source, leaves)
            work.rename(top, self.source, self.target)
        elif not passed and not work.is_at(top, self.target, self.inode):
            if recovery.is_slot(top, self.source):
                if comes is None:  # what is renamed is on its way nowhere
                    raise recovery.changed(top, self.target)
            elif leaves is not None and work.place(top).status(self.source) is not None:
                raise recovery.changed(top, self.source)

    def undo_again(self, recovery: Recovering, pair: Pair) -> None:
        if recovery.work.is_at(self.top, self.target, self.inode):
            recovery.see(self.top, self.target, pair[1])
            recovery.work.rename(self.top, self.target, self.source)


class Swap(_Renaming):
    """A new object, in the stash, and what stands at its place exchange their names.

    `source`: the slot, in which the object of this inode is first; `target`: its place.
    """

    __slots__ = ()
    kind = "swap"

    @property
    def keeps(self) -> bytes:
        return self.source

    @property
    def leaves(self) -> bytes:
        return self.target

    def do(self, work: Work, expected: Expected) -> None:
        if not work.is_at(self.top, self.source, self.inode):
            work.lose(self.top, self.target)
        work.check_unchanged(self.top, self.target, expected)
        work.begin()
        work.exchange(self.top, self.source, self.target)

    def undo(self, work: Work) -> bool | None:
        if work.is_at(self.top, self.target, self.inode):
            work.exchange(self.top, self.source, self.target)
            return True
        return False if work.is_at(self.top, self.source, self.inode) else None

    def do_again(self, recovery: Recovering, passed: bool, pair: Pair) -> None:
        work, top = recovery.work, self.top
        if work.is_at(top, self.source, self.inode):
            recovery.see(top, self.target, pair[0])
            work.exchange(top, self.source, self.target)
        elif not passed and not work.is_at(top, self.target, self.inode):
            if work.place(top).status(self.source) is None:
                raise recovery.changed(top, self.source)

    def undo_again(self, recovery: Recovering, pair: Pair) -> None:
        work, top = recovery.work, self.top
        if work.is_at(top, self.target, self.inode):
            recovery.see(top, self.target, pair[1])
            work.exchange(top, self.source, self.target)
        elif not work.is_at(top, self.source, self.inode):
            if work.place(top).status(self.source) is not None:
                raise recovery.changed(top, self.target)


class Meta(Step):
    """Something in its place gets other metadata: `old` and `new` are what `metadata` gives."""

    __slots__ = ("new", "old", "path")
    kind = "meta"

    def __init__(self, top: int, path: bytes, inode: int, old: Metadata, new: Metadata) -> None:
        self.top = top
        self.path = path
        self.inode = inode
        self.old = old
        self.new = new

    def pack(self) -> tuple[Any, ...]:
        return self.kind, self.top, self.path, self.inode, self.old, self.new

    @property
    def to(self) -> bytes:
        return self.path

    @property
    def leaves(self) -> bytes:
        return self.path

    def do(self, work: Work, expected: Expected) -> None:
        if not work.is_at(self.top, self.path, self.inode):
            work.lose(self.top, self.path)
        work.check_unchanged(self.top, self.path, expected)
        work.begin()
        try:
            give_metadata(work.place(self.top), self.path, self.new, self.inode)
        except Lost:
            work.lose(self.top, self.path)

    def undo(self, work: Work) -> bool | None:
        if work.is_at(self.top, self.path, self.inode):
            give_metadata(work.place(self.top), self.path, self.old, self.inode)
            return True
        return None

    def do_again(self, recovery: Recovering, passed: bool, pair: Pair) -> None:
        recovery.give(self, self.new)

    def undo_again(self, recovery: Recovering, pair: Pair) -> None:
        recovery.give(self, self.old)

    def directories(self) -> list[bytes]:
        return [self.path]


_KINDS: dict[str, Callable[..., Step]] = {kind.kind: kind for kind in (Move, Swap, Meta)}


def unpack(row: Sequence[Any]) -> Step:
    """The step of which `pack` gave this."""
    return _KINDS[row[0]](*row[1:])


class StepRows(Rows):
    """Very many steps, of which each is unpacked when its turn comes."""

    __slots__ = ()

    def append(self, row: Step) -> None:
        super().append(row.pack())

    def __iter__(self) -> Iterator[Step]:
        return map(unpack, super().__iter__())

    def __getitem__(self, number: int) -> Step:
        return unpack(super().__getitem__(number))

    def packed(self) -> Iterator[tuple[Any, ...]]:
        return super().__iter__()


# What steps are made of


def copy_data(source: int, target: int, size: int) -> None:
    """Copy a file's data, and leave its holes holes."""
    at = 0
    while at < size:
        try:
            at = host.lseek(source, at, host.SEEK_DATA)
            end = host.lseek(source, at, host.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole
                break
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            end = size
        host.lseek(target, at, host.SEEK_SET)
        while at < end:
            sent = host.sendfile(target, source, at, min(end - at, _COPIED))
            if sent == 0:
                break
            at += sent
        if at < end:
            break
    host.ftruncate(target, size)


def metadata(status: AnyStatus, xattrs: Mapping[str, bytes]) -> Metadata:
    """What `give_metadata` gives: plain data, for the journal."""
    return {
        "mode": stat.S_IMODE(status.st_mode),
        "owner": [status.st_uid, status.st_gid],
        "times": [status.st_atime_ns, status.st_mtime_ns],
        "xattrs": {name: value.decode("latin-1") for name, value in xattrs.items()},
    }


def give_metadata(place: HeldTree, path: bytes, wanted: Metadata, inode: int | None = None) -> None:
    """Give an object mode, owner, times and xattrs, as far as they are in `wanted`.

    It is opened once, and all is given to what was opened: who can write to the directory that it
    is in could put a link, or another file, in its place in between. `inode`: the number that it
    must have, else it is Lost. What is given is a value, which may come from a journal;
    trees/_metadata.py, in C, copies from one open object to another.
    """
    above, name = place.parent(path)
    flags = host.O_PATH | host.O_NOFOLLOW | host.O_CLOEXEC
    with held(host.open, name, flags, dir_fd=above) as fd:
        status = host.fstat(fd)
        if inode is not None and status.st_ino != inode:
            raise Lost(errno.ESTALE, "changed while it was given metadata", host.fsdecode(path))
        # It leads to the object itself, also where that is a link.
        opened = b"/proc/self/fd/%d" % fd
        owner = wanted.get("owner")
        if owner is not None and tuple(owner) != (status.st_uid, status.st_gid):
            host.chown(opened, *owner)
        if "xattrs" in wanted:
            _give_xattrs(opened, place.xattrs(path, "\0", opened), wanted["xattrs"])
        if not stat.S_ISLNK(status.st_mode) and "mode" in wanted:
            host.chmod(opened, wanted["mode"])
        if "times" in wanted:
            host.utime(opened, ns=tuple(wanted["times"]))


def _stays() -> tuple[str, str]:
    # What a file system gives of itself, such as a security label, and the marks of an overlay that
    # has the directory as a layer: a rehearsal's own overlay shows none of these.
    marks = "trusted.overlay." if host.geteuid() == 0 else "user.overlay."
    return "security.", marks


def _close_to_the_group(opened: bytes) -> None:
    # While there is an ACL the group has less than the mode shows, and not for a moment more after.
    host.chmod(opened, stat.S_IMODE(host.stat(opened).st_mode) & ~0o070)


def _give_xattrs(opened: bytes, there: Mapping[str, bytes], wanted: Mapping[str, str]) -> None:
    for attribute, text in wanted.items():
        value = text.encode("latin-1")
        if there.get(attribute) != value:
            host.setxattr(opened, attribute, value)
    for attribute in there:
        if attribute not in wanted and not attribute.startswith(_stays()):
            if attribute == ACL:
                _close_to_the_group(opened)
            host.removexattr(opened, attribute)
