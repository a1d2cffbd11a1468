"""Changes: in what the tree of a rehearsal differs from the base, path by path."""

import stat

from ostler.core.status import kept
from ostler.machine import host
from ostler.machines.rehearsal.hard_links import MOVED, write_note
from ostler.machines.rehearsal.layout import without_strangers
from ostler.machines.rehearsal.origins import find_renamed
from ostler.machines.rehearsal.places import HeldTree, OwnTree, child_of
from ostler.machines.rehearsal.writers import top_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TRIES = 20  # to look at what others are changing

KINDS = ("created", "modified", "removed", "renamed", "retyped", "metadata")

ACL = "system.posix_acl_"
NARROWED = "narrowed."  # then an ACL's name: on an overlay's top that could not be given all of it

_NAMES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


class Record:
    """What one side of a change is.

    - `type`: "file", "directory", "link", "fifo", "socket", "character device", "block device"
    - `size` in bytes; `mode`, the permission bits; `owner`, (uid, gid)
    - `times`, (access, modification) in nanoseconds
    - `xattrs`, a dict of str to bytes; `target` of a link, a str, else None
    - `links`, how many names the file has; `device`, the number of a device, else 0
    """

    __slots__ = ("_status", "_xattrs", "target")

    target: str | None

    def __init__(self, status, xattrs, target):
        self._status = kept(status)
        self._xattrs = xattrs or None  # most have none
        self.target = target

    @property
    def type(self) -> str:
        return _NAMES.get(stat.S_IFMT(self._status.st_mode), "unknown")

    @property
    def size(self) -> int:
        return self._status.st_size

    @property
    def mode(self) -> int:
        return stat.S_IMODE(self._status.st_mode)

    @property
    def owner(self) -> tuple[int, int]:
        return self._status.st_uid, self._status.st_gid

    @property
    def times(self) -> tuple[int, int]:
        return self._status.st_atime_ns, self._status.st_mtime_ns

    @property
    def xattrs(self) -> dict[str, bytes]:
        return {} if self._xattrs is None else self._xattrs

    @property
    def links(self) -> int:
        return self._status.st_nlink

    @property
    def device(self) -> int:
        return self._status.st_rdev if self.type.endswith("device") else 0

    def as_dict(self) -> "dict[str, Any]":
        """The record as plain data; xattrs as text with the escapes of repr for other bytes."""
        return {
            "type": self.type,
            "size": self.size,
            "mode": self.mode,
            "owner": list(self.owner),
            "times": list(self.times),
            "xattrs": {
                name: value.decode("utf-8", "backslashreplace")
                for name, value in self.xattrs.items()
            },
            "target": self.target,
            "links": self.links,
            "device": self.device,
        }

    def has_metadata(self, other: "Record", time: bool = True) -> bool:
        """Whether another one has the same mode, owner, attributes and time of modification."""
        return (
            self.mode == other.mode
            and self.owner == other.owner
            and self.xattrs == other.xattrs
            and (not time or self.times[1] == other.times[1])
        )

    def __eq__(self, other):
        if not isinstance(other, Record):
            return NotImplemented
        return self.as_dict() == other.as_dict() and self.xattrs == other.xattrs

    __hash__ = None

    def __repr__(self):
        return f"<{self.type}, {self.size} bytes, mode {self.mode:o}>"


class Change:
    """One path at which the rehearsal and the base differ.

    - `path`: of the real file, a str as os gives paths
    - `kind`: "created", "modified" (content), "removed", "renamed" (from `source`, and perhaps
      changed, too; below a renamed directory only what differs from its old content is listed),
      "retyped" (a file became a directory, say) or "metadata" (mode, owner, times or xattrs)
    - `before`, `after`: a Record, or None where there is nothing
    - `source`: of a renamed one the path that it had, else None
    - `base`: the path at which the base has it, which is another one for all that lies below a
      renamed directory, too; None for what is new
    - `parts`: whether it was one file with other names in the base, which do not change with it
    """

    __slots__ = ("_found", "after", "before", "kind")
    kind: str
    before: Record | None
    after: Record | None

    def __init__(self, kind, before, after, found):
        self.kind = kind
        self.before = before
        self.after = after
        self._found = found

    @property
    def _old(self) -> Record:
        # `before` of what the base has.
        assert self.before is not None
        return self.before

    @property
    def _new(self) -> Record:
        # `after` of what is there.
        assert self.after is not None
        return self.after

    @property
    def path(self) -> str:
        return real(self._found.top, self._found.path)

    @property
    def source(self) -> str | None:
        return real(self._found.top, self._found.lower) if self.kind == "renamed" else None

    @property
    def base(self) -> str | None:
        return None if self.before is None else real(self._found.top, self._found.lower)

    @property
    def parts(self) -> bool:
        if self.before is None or self.before.type == "directory" or self.before.links == 1:
            return False
        if self.kind == "renamed":
            return not self._found.same or not self.before.has_metadata(self.after)
        return self.kind in ("modified", "metadata")

    def as_dict(self) -> "dict[str, Any]":
        """The change as plain data, for JSON."""
        return {
            "path": self.path,
            "kind": self.kind,
            "source": self.source,
            "base": self.base,
            "parts": self.parts,
            "before": self.before and self.before.as_dict(),
            "after": self.after and self.after.as_dict(),
        }

    def __repr__(self):
        source = f" from {self.source!r}" if self.source is not None else ""
        return f"<Change {self.kind} {self.path!r}{source}>"


class Found:
    """Where a change was found; paths are bytes below the overlay's directory."""

    __slots__ = ("at", "lower", "path", "same", "stale", "status", "top", "twin", "whole")

    def __init__(self, top, path, at, lower, status, stale=False, whole=False):
        self.top = top  # the overlay's directory in the host
        self.path = path
        # There are very many, whose places are mostly the same.
        at = path if at == path else at
        self.at = at  # the same place in the base, or None when its directory is new
        self.lower = at if lower == at else lower  # where the base has what it is compared with
        self.status = status  # a Status: of the upper layer's own, or None
        self.same = True  # a renamed one has the content that it had
        self.twin = None  # where the base has the file that this is one more name of
        self.stale = stale  # the base had something here, and it is gone
        self.whole = whole  # gone with the directory above it, whose name something else has

    def base(self):
        """`lower`, of something that the base has."""
        assert self.lower is not None
        return self.lower

    def own(self):
        """`status`, of something that the upper layer has."""
        assert self.status is not None
        return self.status


def listed(machine) -> "list[Change]":
    """The changes of a rehearsal, in the order of a walk."""
    found = []
    for overlay in machine._overlays:
        with machine._walk(overlay) as walk:
            found += walk.changes()
    return found


class Walk:
    """The comparison of one overlay's upper layer with the base.

    The upper layer holds what was changed and nothing else, so what was not touched is never
    looked at.
    """

    def __init__(self, machine, overlay):
        self.overlay = overlay
        self.machine = machine
        self.marks = machine._prefix_of_marks.decode()
        self.ordinary = self.marks.startswith("user.")
        # The kernel's own mark, or ours where it makes none (see rename.py).
        self.redirect = MOVED if self.ordinary else "redirect"
        self.base = machine._base
        self.top = (machine._base.rstrip(b"/") + b"/" + overlay.target).rstrip(b"/") or b"/"
        self.upper = OwnTree(host.open(
            overlay.store + b"/upper", host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW,
            dir_fd=machine._stores,
        ))  # fmt: skip
        try:
            self.lower = HeldTree(host.open(self.top, host.O_PATH | host.O_DIRECTORY))
        except BaseException:
            self.upper.close()
            raise
        self._merged = None
        self._start()

    def _start(self):
        self._narrowed = {}  # ACLs of the top that an ordinary user's overlay has in part
        self._entries = {}  # of the upper layer's directories, until they are compared
        self.moved = {}  # path in the base: path now, of what was renamed
        self.unchanged = []  # copied up, but the same: Found
        self.found = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.upper.close()
        self.lower.close()
        if self._merged is not None:
            self._merged.close()

    @property
    def merged(self):
        """The overlay's directory as the rehearsal shows it: a HeldTree."""
        if self._merged is None:
            self._merged = OwnTree(top_of(self.machine, self.overlay))
        return self._merged

    def current(self, found):
        """(place, path) at which the content of an object can be read now."""
        if (
            not self.ordinary
            and found.status is not None
            and stat.S_ISREG(found.status.st_mode)
            and self.mark(found.path, found.status, "metacopy") is not None
        ):
            return self.merged, found.path
        return self.upper, found.path

    def real(self, path):
        """The path of the real file as os gives it."""
        return real(self.top, path)

    def changes(self):
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

    def _changes(self):
        self.find_moved()
        self._compare_top()
        waiting = [(b"", b"", False)]
        while waiting:
            self._directory(waiting, *waiting.pop())
        find_renamed(self)
        self._leave_out_touched()
        self.found.sort(key=_in_order)
        return self.found

    def _leave_out_touched(self):
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
        self.found = kept

    def _is_others(self, change):
        # The base's has got another time since, and ours is one that it had before: at the start,
        # or when it was copied up.
        now = change.before.times[1]
        return now >= self.machine._started and now > change.after.times[1]

    # What the upper layer's marks say

    def mark(self, path, status, name):
        """A mark of the overlay's own on an upper object, or None."""
        if stat.S_ISLNK(status.st_mode) and self.ordinary:
            return None
        return self.upper.xattr(path, self.marks + name)

    def origin(self, path, status, parent):
        """Where the base has the directory that one of the upper layer stands for; or None."""
        redirect = self.mark(path, status, self.redirect)
        if redirect is None:
            return None
        if redirect.startswith(b"/"):
            return redirect.strip(b"/")
        return parent + b"/" + redirect if parent else redirect

    def find_moved(self):
        """Find where the directories are now that were renamed: `moved`."""
        waiting = [(b"", b"")]
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
                    and self.lower.status(child_of(lower, name)) is None
                ):
                    waiting.append((child, None))
                else:
                    waiting.append((child, child_of(lower, name)))

    def settle_origin(self, path):
        """What was renamed has its new name in the base too, from now on."""
        status = self.upper.status(path)
        if not self.ordinary and self.mark(path, status, "redirect") is not None:
            name = self.upper.name(path)
            host.setxattr(name, self.marks + "redirect", b"/" + path, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            if self.mark(path, status, MOVED) is not None:
                write_note(self.upper, path, self.marks, path)
            return
        waiting = [path] if self.ordinary else []
        while waiting:
            path = waiting.pop()
            status = self.upper.status(path)
            if not stat.S_ISDIR(status.st_mode):
                continue
            if self.mark(path, status, MOVED) is not None:
                host.removexattr(self.upper.name(path), self.marks + MOVED)
            waiting += [child_of(path, name) for name, _ in self.upper.entries(path)]

    # Comparing

    def _compare_top(self):
        before, after = self.lower.status(b""), self.upper.status(b"")
        self._narrowed = self._narrowed_acls()
        if self.ordinary:  # the overlay's top shows the user as its owner
            after = kept(after, st_uid=before.st_uid, st_gid=before.st_gid)
        self._compare(b"", b"", before, kept(after))

    def _directory(self, waiting, path, lower, opaque):
        """Compare one directory of the upper layer with `lower` of the base, None: nothing."""
        names = set()
        for name, status in self._entries.pop(path):
            names.add(name)
            child = child_of(path, name)
            below = None if lower is None else child_of(lower, name)
            old = None if below is None or below in self.moved else self.lower.status(below)
            if _is_whiteout(status):
                if old is not None:
                    self._removed(child, below, old)
            elif stat.S_ISDIR(status.st_mode):
                self._subdirectory(waiting, child, below, old, status, lower, opaque)
            else:
                self._other(child, below, old, status)
        if opaque and lower is not None:
            for name, old in self.lower.entries(lower, quiet=True):
                below = child_of(lower, name)
                if name not in names and below not in self.moved:
                    self._removed(child_of(path, name), below, old)

    def _subdirectory(self, waiting, child, below, old, status, lower, opaque):
        origin = self.origin(child, status, b"" if lower is None else lower)
        if origin is not None and origin != below:
            before = self.lower.status(origin)
            if before is not None and stat.S_ISDIR(before.st_mode):
                if old is not None:  # the name that it took had something else
                    self._removed_below(child, below, old, True)
                found = Found(self.top, child, below, origin, status)
                self.add("renamed", found, before, status)
                waiting.append((child, origin, self.ordinary))
                return
        if old is not None and stat.S_ISDIR(old.st_mode):
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

    def _other(self, child, below, old, status):
        if old is None:
            self.add("created", Found(self.top, child, below, None, status), None, status)
            return
        if stat.S_ISDIR(old.st_mode):
            self._removed_below(child, below, old, True)
        self._compare(child, below, old, status)

    def _compare(self, path, lower, old, new):
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

    def same_content(self, path, lower, old, new):
        """Whether a file has the content that the base's has."""
        if old.st_size != new.st_size:
            return False
        if not self.ordinary and self.mark(path, new, "metacopy") is not None:
            # The data are those of the base's file that the mark names, by default at this path.
            redirect = self.mark(path, new, "redirect")
            return redirect is None or redirect.strip(b"/") == lower
        return self.upper.same_content(path, self.lower, lower)

    def names_of(self, inodes):
        """[(path in the base, lstat)] of the names of these files, where an overlay knew them."""
        return ()

    def _removed(self, path, lower, old):
        self.add("removed", Found(self.top, path, lower, lower, None), old, None)
        if stat.S_ISDIR(old.st_mode):
            self._removed_below(path, lower, old)

    def _removed_below(self, path, lower, old, whole=False):
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

    def before(self, path, status):
        """The Record of an object of the base."""
        return Record(
            status,
            self.lower.xattrs(path, self.marks),
            self.lower.target(path) if stat.S_ISLNK(status.st_mode) else None,
        )

    def _narrowed_acls(self):
        # Those of the top that are the base's own, but for what an overlay can't have of it.
        marks = [self.marks + NARROWED + ACL + name for name in ("access", "default")]
        names = [n for n in marks if self.ordinary and self.upper.xattr(b"", n) is not None]
        names = [name.removeprefix(self.marks + NARROWED) for name in names]
        found = {name: self.lower.xattr(b"", name) for name in names}
        now = {name: self.upper.xattr(b"", name) for name in names}
        return {n: v for n, v in found.items() if v is not None and without_strangers(v) == now[n]}

    def after(self, path, status):
        """The Record of an object of the upper layer."""
        xattrs = self.upper.xattrs(path, self.marks)
        if not path:
            xattrs.update(self._narrowed)
        return Record(
            status,
            xattrs,
            self.upper.target(path) if stat.S_ISLNK(status.st_mode) else None,
        )

    def add(self, kind, found, before, after):
        """Note a change; `before`, `after`: lstat of the two sides, or None."""
        if before is not None:
            before = self.before(found.lower, before)
        if after is not None:
            after = self.after(found.path, after)
        self.found.append(Change(kind, before, after, found))


def real(top, path) -> str:
    """The path of a real file, below the directory `top`, as os gives it."""
    top = top.rstrip(b"/")
    return host.fsdecode(top + b"/" + path if path else top or b"/")


def _in_order(change):
    # As the list of its names, but in one piece: deep ones would take much memory.
    return change._found.path.replace(b"/", b"\0")


def _only_time(change):
    before, after = change.before, change.after
    return after.type == "directory" and before.has_metadata(after, False)


def _is_whiteout(status):
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
