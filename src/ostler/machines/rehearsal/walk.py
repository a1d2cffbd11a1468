"""Walks: the comparison of one overlay with the base, by which changes are found."""

from __future__ import annotations

import stat
from contextlib import suppress

from ostler.core.status import file_handle, kept
from ostler.machine import host
from ostler.machines.rehearsal import unmounted
from ostler.machines.rehearsal.changes import ACL, NARROWED, Change, Found, Record, real
from ostler.machines.rehearsal.hard_links import LED, MOVED, write_note
from ostler.machines.rehearsal.layered import upper_tree
from ostler.machines.rehearsal.layout import without_strangers
from ostler.machines.rehearsal.origins import find_renamed
from ostler.machines.rehearsal.places import HeldTree, OwnTree
from ostler.machines.rehearsal.writers import top_of
from ostler.points.stack import child_of, is_whiteout, named_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from typing import Self, TypeVar

    from ostler.core.status import Status
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.places import AnyStatus

    _R = TypeVar("_R")
    _Waiting = list[tuple[bytes, bytes | None, bool]]  # directories to compare: see _directory

_TRIES = 20  # to look at what others are changing


def listed(machine: Rehearsal) -> list[Change]:
    """The changes of a rehearsal, in the order of a walk."""

    def read(overlays: Sequence[OverlayMount]) -> list[Change]:
        found = []
        for overlay in unmounted.without_gone(machine, overlays):
            with machine._walk(overlay) as walk:
                found += walk.changes()
        return found

    return of_one_state(machine, read)


def of_one_state(machine: Rehearsal, read: Callable[[Sequence[OverlayMount]], _R]) -> _R:
    """What `read` finds in the overlays, again where another thread has put others there meanwhile.

    So a commit or a point of another thread is waited for only where they come without a pause.
    """
    for _ in range(_TRIES):
        overlays = machine._overlays
        try:
            found = read(overlays)
        except (FileNotFoundError, NotADirectoryError):
            if machine._overlays is overlays:
                raise
            continue
        if machine._overlays is overlays:
            return found
    with machine._busy:
        return read(machine._overlays)


class Walk:
    """The comparison of one overlay's upper layer with the base.

    The upper layer holds what was changed and nothing else, so what was not touched is never
    looked at.
    """

    one_device = False  # whether all that it is compared with is one file system to us
    kept_in: bytes | None = None  # where what is kept of it lies below the base
    commit: bytes | None = None  # the name of the commit's journal, if the upper has a note of it

    def __init__(self, machine: Rehearsal, overlay: OverlayMount) -> None:
        self._prepare(machine, overlay)
        self.upper = upper_tree(machine._stores, (overlay.store, *overlay.frozen), self.marks)
        try:
            self.lower = HeldTree(machine._open_base(self.top))
        except BaseException:
            self.upper.close()
            raise
        self._start()

    def _prepare(self, machine: Rehearsal, overlay: OverlayMount) -> None:
        self.overlay = overlay
        self.machine = machine
        self.marks = machine._prefix_of_marks.decode()
        self.ordinary = self.marks.startswith("user.")
        # The kernel's own mark, or ours where it makes none (see rename.py).
        self.redirect = MOVED if self.ordinary else "redirect"
        self.base = machine._base
        self.top = (machine._base.rstrip(b"/") + b"/" + overlay.target).rstrip(b"/") or b"/"
        self._merged: OwnTree | None = None
        self.kept_in = _below(getattr(machine, "_directory", None), self.top)

    def handle(self, lower: bytes) -> tuple[int, bytes] | None:
        """What the file system itself knows an object of the base by, if it tells."""
        return file_handle(*self.lower.parent(lower))

    def _start(self) -> None:
        # ACLs of the top that an ordinary user's overlay has in part
        self._narrowed: dict[str, bytes] = {}
        # Of the upper layer's directories, until they are compared.
        self._entries: dict[bytes, list[tuple[bytes, Status]]] = {}
        self.moved: dict[bytes, bytes] = {}  # path in the base: path now, of what was renamed
        self.unchanged: list[Found] = []  # copied up, but the same: Found
        self.found: list[Change] = []
        # {path: path in the base} of unchanged files whose data a mark names by another name
        self.borrowing: dict[bytes, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.upper.close()
        self.lower.close()
        if self._merged is not None:
            self._merged.close()

    @property
    def merged(self) -> OwnTree:
        """The overlay's directory as the rehearsal shows it: a HeldTree."""
        if self._merged is None:
            self._merged = OwnTree(top_of(self.machine, self.overlay))
        return self._merged

    def current(self, found: Found) -> tuple[HeldTree, bytes]:
        """(place, path) at which the content of an object can be read now."""
        if (
            not self.ordinary
            and found.status is not None
            and stat.S_ISREG(found.status.st_mode)
            and self.mark(found.path, found.status, "metacopy") is not None
        ):
            return self.merged, found.path
        return self.upper, found.path

    def real(self, path: bytes) -> str:
        """The path of the real file as os gives it."""
        return real(self.top, path)

    def changes(self) -> list[Change]:
        """The changes, in the order of a walk."""
        for _ in range(_TRIES):
            try:
                return self._changes()
            except (FileNotFoundError, NotADirectoryError):
                # Somebody changes the base, or the rehearsal, while it is looked at.
                self.lower.forget()
                self.upper.forget()
                self._start()
        return self._changes()

    def _changes(self) -> list[Change]:
        self.find_moved()
        self._compare_top()
        waiting: _Waiting = [(b"", b"", False)]
        while waiting:
            self._directory(waiting, *waiting.pop())
        find_renamed(self)
        self._leave_out_committed()
        self._leave_out_touched()
        self.found.sort(key=_in_order)
        return self.found

    def _leave_out_committed(self) -> None:
        """What the base has by now, though the mark of its data names another file there."""
        kept = []
        for change in self.found:
            if change.kind == "modified" and self._is_alike_below(change):
                self.borrowing[change._found.path] = change._found.base()
                if change._old.has_metadata(change._new):
                    continue
                change.kind = "metadata"
            kept.append(change)
        self.found = kept

    def _is_alike_below(self, change: Change) -> bool:
        # Whether the file that has the data is, in the base, another name of this one, or one like
        # it that an earlier commit has put there.
        found = change._found
        if self.ordinary or found.lower is None or change._new.type != "file":
            return False
        redirect = self.mark(found.path, found.own(), "redirect")
        if redirect is None or self.mark(found.path, found.own(), "metacopy") is None:
            return False
        if not redirect.startswith(b"/"):
            redirect = child_of(found.lower.rpartition(b"/")[0], redirect)
        source = redirect.strip(b"/")
        there, here = self.lower.status(source), self.lower.status(found.lower)
        if there is None or here is None or not stat.S_ISREG(here.st_mode):
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino) or (
            self.machine._own.get(here.st_ino) == here.st_ctime_ns
            and stat.S_ISREG(there.st_mode)
            and there.st_size == here.st_size
            and self.lower.same_content(source, self.lower, found.lower)
        )

    def own_data(self) -> None:
        """Have what is unchanged take its data from its own place, whatever becomes of others."""
        for path, lower in self.borrowing.items():
            mark = self.marks + "redirect"
            self.upper.put_xattr(path, mark, b"/" + lower)

    def _leave_out_touched(self) -> None:
        """A directory's own time says nothing when what was changed in it is listed."""
        touched = {change._found.path.rpartition(b"/")[0] for change in self.found}
        touched.update(origin.rpartition(b"/")[0] for origin in self.moved)
        kept = []
        for change in self.found:
            found = change._found
            if (
                change.kind == "metadata"
                and _only_time(change)
                and (found.path in touched or self._is_others(change))
            ):
                self.unchanged.append(found)
            else:
                kept.append(change)
        self.found = [change for change in kept if not self._is_of_upper(change)]

    def _is_of_upper(self, change: Change) -> bool:
        # What is kept of the rehearsal itself, in a directory that lies in what is rehearsed.
        upper = self.kept_in
        if upper is None:
            return False
        places = change._found.path, change._found.at, change._found.lower
        return any(p is not None and (p + b"/").startswith(upper + b"/") for p in places)

    def _is_others(self, change: Change) -> bool:
        # The base's has got another time since, and ours is one that it had before: at the start,
        # or when it was copied up.
        status = change._old._status
        if self.machine._own.get(status.st_ino) == status.st_ctime_ns:
            return False  # of a commit of this rehearsal's own
        now = change._old.times[1]
        return now >= self.machine._started and now > change._new.times[1]

    # What the upper layer's marks say

    def mark(self, path: bytes, status: AnyStatus, name: str) -> bytes | None:
        """A mark of the overlay's own on an upper object, or None."""
        if stat.S_ISLNK(status.st_mode) and self.ordinary:
            return None
        return self.upper.xattr(path, self.marks + name)

    def origin(self, path: bytes, status: AnyStatus, parent: bytes) -> bytes | None:
        """Where the base has the directory that one of the upper layer stands for; or None."""
        redirect = self.mark(path, status, self.redirect)
        if redirect is None:
            return None
        if redirect.startswith(b"/"):
            return redirect.strip(b"/")
        return parent + b"/" + redirect if parent else redirect

    def find_moved(self) -> None:
        """Find where the directories are now that were renamed: `moved`."""
        waiting: list[tuple[bytes, bytes | None]] = [(b"", b"")]
        while waiting:
            path, lower = waiting.pop()
            self._entries[path] = self.upper.entries(path)
            for name, status in self._entries[path]:
                if not stat.S_ISDIR(status.st_mode):
                    continue
                child = child_of(path, name)
                origin = self.origin(child, status, b"" if lower is None else lower)
                if origin is not None:
                    if lower is None or origin != child_of(lower, name):
                        self.moved[origin] = child
                    waiting.append((child, origin))
                elif lower is None or (
                    self.mark(child, status, "opaque") == b"y"
                    and not self.lower.is_directory(child_of(lower, name))
                ):
                    waiting.append((child, None))
                else:
                    waiting.append((child, child_of(lower, name)))
        if self.machine._history is not None or self.machine._share is not None:
            self._count_names()

    def is_moved(self, lower: bytes) -> bool:
        """Whether a directory of the base was renamed, for who has compared nothing yet."""
        if not self._entries:
            self.find_moved()
        return lower in self.moved

    def _count_names(self) -> None:
        # Layers that are squashed have the files of others, so the number of names that a file has
        # is what is found here.
        numbers: dict[int, int] = {}
        for entries in self._entries.values():
            for _, status in entries:
                if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                    numbers[status.st_ino] = numbers.get(status.st_ino, 0) + 1
        for entries in self._entries.values():
            for place, (name, status) in enumerate(entries):
                number = numbers.get(status.st_ino, status.st_nlink)
                if number != status.st_nlink and not stat.S_ISDIR(status.st_mode):
                    entries[place] = name, kept(status, st_nlink=number)

    def settle_places(self, after: Callable[[bytes], bytes | None]) -> None:
        """What stands for something of the base finds it where that is after a commit.

        Not only what was renamed since: of what an earlier commit has renamed a mark still says it.
        """
        done: set[int] = set()
        waiting = [b""]
        while waiting:
            path = waiting.pop()
            for name, status in self.upper.entries(path):
                child = child_of(path, name)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(child)
                elif not stat.S_ISREG(status.st_mode) or status.st_ino in done:
                    continue
                done.add(status.st_ino)
                self._settle_marks(child, status, after)

    def _settle_marks(
        self, path: bytes, status: Status, after: Callable[[bytes], bytes | None]
    ) -> None:
        for name in (MOVED,) if self.ordinary else ("redirect", MOVED):
            mark = self.mark(path, status, name)
            if mark is not None and mark.startswith(b"/"):
                now = after(mark.strip(b"/"))
                if now is not None and b"/" + now != mark:
                    self._lead(path, now, name)

    def _lead(self, path: bytes, place: bytes, name: str | None) -> None:
        # Where in the base is from now on what something stands for. First it is noted that it is
        # led there: who was killed in the middle can't lead it on from there once more.
        if self.commit is not None:
            with suppress(OSError):  # there is no room for it
                self.upper.put_xattr(path, self.marks + LED, b"%s /%s" % (self.commit, place))
        if name is not None:
            self.upper.put_xattr(path, self.marks + name, b"/" + place)

    def settle_shared(self, path: bytes) -> None:
        """A file with several names is another one in the base, too, than that it was copied from.

        So nothing says any more that it should be that one.
        """
        status = self.upper.status(path)
        if status is None or not stat.S_ISREG(status.st_mode) or status.st_nlink == 1:
            return
        mark = self.mark(path, status, "origin")
        if mark and self.mark(path, status, "metacopy") is None:
            if self.handle(path) != named_by(mark):
                self.upper.put_xattr(path, self.marks + "origin", None)

    def settle_origin(self, path: bytes) -> None:
        """What was renamed has its new name in the base too, from now on."""
        status = self.upper.there(path)
        if not self.ordinary:
            is_redirected = self.mark(path, status, "redirect") is not None
            self._lead(path, path, "redirect" if is_redirected else None)
        if not stat.S_ISDIR(status.st_mode):
            if self.mark(path, status, MOVED) is not None:
                write_note(self.upper, path, self.marks, path)
            return
        waiting = [path] if self.ordinary else []
        while waiting:
            path = waiting.pop()
            status = self.upper.there(path)
            if not stat.S_ISDIR(status.st_mode):
                continue
            if self.mark(path, status, MOVED) is not None:
                self.upper.put_xattr(path, self.marks + MOVED, None)
            waiting += [child_of(path, name) for name, _ in self.upper.entries(path)]

    # Comparing

    def _compare_top(self) -> None:
        before, after = self.lower.there(b""), kept(self.upper.there(b""))
        self._narrowed = self._narrowed_acls()
        if self.ordinary:  # the overlay's top shows the user as its owner
            after = kept(after, st_uid=before.st_uid, st_gid=before.st_gid)
        self._compare(b"", b"", before, after)

    def _directory(self, waiting: _Waiting, path: bytes, lower: bytes | None, opaque: bool) -> None:
        """Compare one directory of the upper layer with `lower` of the base, None: nothing."""
        names = set()
        for name, status, child, below in self._children(path, lower):
            names.add(name)
            number = len(self.found)
            try:
                self._child(waiting, child, below, status, lower, opaque)
            except FileNotFoundError:
                if self.upper.status(child) is not None:
                    raise
                del self.found[number:]  # it was removed meanwhile
        if opaque and lower is not None:
            for name, hidden in self.lower.entries(lower, quiet=True):
                below = child_of(lower, name)
                if name not in names and below not in self.moved:
                    self._removed(child_of(path, name), below, hidden)

    def _child(
        self,
        waiting: _Waiting,
        child: bytes,
        below: bytes | None,
        status: Status,
        lower: bytes | None,
        opaque: bool,
    ) -> None:
        old = None if below is None or below in self.moved else self.lower.status(below)
        if is_whiteout(status):
            if below is not None and old is not None:
                self._removed(child, below, old)
        elif stat.S_ISDIR(status.st_mode):
            self._subdirectory(waiting, child, below, old, status, lower, opaque)
        else:
            self._other(child, below, old, status)

    def _children(
        self, path: bytes, lower: bytes | None
    ) -> Iterator[tuple[bytes, Status, bytes, bytes | None]]:
        """(name, status, path, path in the base if any) of all in a directory of the upper."""
        for name, status in self._entries.pop(path):
            below = None if lower is None else child_of(lower, name)
            yield name, status, child_of(path, name), below

    def _subdirectory(
        self,
        waiting: _Waiting,
        child: bytes,
        below: bytes | None,
        old: AnyStatus | None,
        status: Status,
        lower: bytes | None,
        opaque: bool,
    ) -> None:
        origin = self.origin(child, status, b"" if lower is None else lower)
        if origin is not None and origin != below:
            before = self.lower.status(origin)
            if before is not None and stat.S_ISDIR(before.st_mode):
                if below is not None and old is not None:  # the name that it took had something
                    self._removed_below(child, below, old, True)
                found = Found(self.top, child, below, origin, status)
                self.add("renamed", found, before, status)
                waiting.append((child, origin, self.ordinary))
                return
        if below is not None and old is not None and stat.S_ISDIR(old.st_mode):
            if origin is not None and not self.ordinary:
                opaque = False  # root's shows what the base has there, whatever it lies in
            hides = opaque or self.mark(child, status, "opaque") == b"y"
            self._compare(child, below, old, status)
            waiting.append((child, below, hides))
            return
        if old is None:
            # What is new in a directory of the base bears the mark; else it stood for something.
            stale = not (below is None or opaque) and self.mark(child, status, "opaque") != b"y"
            self.add("created", Found(self.top, child, below, None, status, stale), None, status)
        else:
            self.add("retyped", Found(self.top, child, below, below, status), old, status)
        waiting.append((child, None, True))

    def _other(
        self, child: bytes, below: bytes | None, old: AnyStatus | None, status: Status
    ) -> None:
        if below is None or old is None:
            self.add("created", Found(self.top, child, below, None, status), None, status)
            return
        if stat.S_ISDIR(old.st_mode):
            self._removed_below(child, below, old, True)
        self._compare(child, below, old, status)

    def _compare(self, path: bytes, lower: bytes, old: AnyStatus, new: Status) -> None:
        found = Found(self.top, path, lower, lower, new)
        before, after = self.before(lower, old), self.after(path, new)
        if before.type != after.type:
            kind = "retyped"
        elif (
            before.target != after.target
            or before.device != after.device
            or (before.type == "file" and not self.same_content(path, lower, old, new))
        ):
            kind = "modified"
        elif not before.has_metadata(after):
            kind = "metadata"
        else:
            self.unchanged.append(found)
            return
        self.found.append(Change(kind, before, after, found))

    def same_content(self, path: bytes, lower: bytes, old: AnyStatus, new: AnyStatus) -> bool:
        """Whether a file has the content that the base's has."""
        if old.st_size != new.st_size:
            return False
        if not self.ordinary and self.mark(path, new, "metacopy") is not None:
            # The data are those of the base's file that the mark names, by default at this path.
            redirect = self.mark(path, new, "redirect")
            return redirect is None or redirect.strip(b"/") == lower
        return self.upper.same_content(path, self.lower, lower)

    def names_of(self, inodes: Collection[int]) -> Iterable[tuple[bytes, AnyStatus]]:
        """[(path in the base, lstat)] of the names of these files, where an overlay knew them."""
        return ()

    def _removed(self, path: bytes, lower: bytes, old: AnyStatus) -> None:
        self.add("removed", Found(self.top, path, lower, lower, None), old, None)
        if stat.S_ISDIR(old.st_mode):
            self._removed_below(path, lower, old)

    def _removed_below(
        self, path: bytes, lower: bytes, old: AnyStatus, whole: bool = False
    ) -> None:
        """List what was below a directory that is gone, and was not moved elsewhere."""
        if not stat.S_ISDIR(old.st_mode):
            return
        waiting = [(path, lower)]
        while waiting:
            path, lower = waiting.pop()
            for name, status in self.lower.entries(lower, quiet=True):
                child, below = child_of(path, name), child_of(lower, name)
                if below in self.moved:
                    continue
                found = Found(self.top, child, below, below, None, False, whole)
                self.add("removed", found, status, None)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((child, below))

    def before(self, path: bytes, status: AnyStatus) -> Record:
        """The Record of an object of the base."""
        return Record(
            status,
            self.lower.xattrs(path, self.marks),
            self.lower.target(path) if stat.S_ISLNK(status.st_mode) else None,
        )

    def _narrowed_acls(self) -> dict[str, bytes]:
        # Those of the top that are the base's own, but for what an overlay can't have of it.
        marks = [self.marks + NARROWED + ACL + name for name in ("access", "default")]
        names = [n for n in marks if self.ordinary and self.upper.xattr(b"", n) is not None]
        names = [name.removeprefix(self.marks + NARROWED) for name in names]
        found = {name: self.lower.xattr(b"", name) for name in names}
        now = {name: self.upper.xattr(b"", name) for name in names}
        return {n: v for n, v in found.items() if v is not None and without_strangers(v) == now[n]}

    def after(self, path: bytes, status: AnyStatus) -> Record:
        """The Record of an object of the upper layer."""
        xattrs = self.upper.xattrs(path, self.marks)
        if not path:
            xattrs.update(self._narrowed)
        return Record(
            status,
            xattrs,
            self.upper.target(path) if stat.S_ISLNK(status.st_mode) else None,
        )

    def add(
        self, kind: str, found: Found, before: AnyStatus | None, after: AnyStatus | None
    ) -> None:
        """Note a change; `before`, `after`: lstat of the two sides, or None."""
        old = None if before is None else self.before(found.base(), before)
        new = None if after is None else self.after(found.path, after)
        self.found.append(Change(kind, old, new, found))


def _below(directory: str | None, top: bytes) -> bytes | None:
    # The path of a directory below the top of an overlay; None where it does not lie there.
    path, above = b"" if directory is None else host.fsencode(directory), top.rstrip(b"/") + b"/"
    return path[len(above) :] if path.startswith(above) and path != above else None


def _in_order(change: Change) -> bytes:
    # As the list of its names, but in one piece: deep ones would take much memory.
    return change._found.path.replace(b"/", b"\0")


def _only_time(change: Change) -> bool:
    before, after = change._old, change._new
    return after.type == "directory" and before.has_metadata(after, False)
