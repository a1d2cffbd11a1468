"""Changes: in what the tree of a rehearsal differs from the base, path by path."""

from __future__ import annotations

import stat

from ostler.core.status import kept
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ostler.core.status import Status
    from ostler.machines.rehearsal.authors import Author
    from ostler.machines.rehearsal.places import AnyStatus

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

    def __init__(
        self, status: AnyStatus, xattrs: dict[str, bytes] | None, target: str | None
    ) -> None:
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

    def as_dict(self) -> dict[str, Any]:
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

    def has_metadata(self, other: Record, time: bool = True) -> bool:
        """Whether another one has the same mode, owner, attributes and time of modification."""
        return (
            self.mode == other.mode
            and self.owner == other.owner
            and self.xattrs == other.xattrs
            and (not time or self.times[1] == other.times[1])
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        return self.as_dict() == other.as_dict() and self.xattrs == other.xattrs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
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
    - `by`: the Author, the last program that changed it: `process` (its pid), `argv`, `point` (the
      name of that upon which it ran, or None), `program`, `cwd` and `uid`; None where programs were
      not recorded, or it was changed since by one that was not
    """

    __slots__ = ("_found", "after", "before", "by", "kind")
    kind: str
    before: Record | None
    after: Record | None

    def __init__(
        self, kind: str, before: Record | None, after: Record | None, found: Found
    ) -> None:
        self.kind = kind
        self.by: Author | None = None
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
        return real(self._found.top, self._found.base()) if self.kind == "renamed" else None

    @property
    def base(self) -> str | None:
        return None if self.before is None else real(self._found.top, self._found.base())

    @property
    def parts(self) -> bool:
        if self.before is None or self.before.type == "directory" or self.before.links == 1:
            return False
        if self.kind == "renamed":
            return not self._found.same or not self.before.has_metadata(self._new)
        return self.kind in ("modified", "metadata")

    def as_dict(self) -> dict[str, Any]:
        """The change as plain data, for JSON."""
        return {
            "path": self.path,
            "kind": self.kind,
            "source": self.source,
            "base": self.base,
            "parts": self.parts,
            "before": self.before and self.before.as_dict(),
            "after": self.after and self.after.as_dict(),
            "by": self.by and self.by.as_dict(),
        }

    def __repr__(self) -> str:
        source = f" from {self.source!r}" if self.source is not None else ""
        return f"<Change {self.kind} {self.path!r}{source}>"


class Found:
    """Where a change was found; paths are bytes below the overlay's directory."""

    __slots__ = ("at", "lower", "path", "same", "stale", "status", "top", "twin", "whole")

    def __init__(
        self,
        top: bytes,
        path: bytes,
        at: bytes | None,
        lower: bytes | None,
        status: Status | None,
        stale: bool = False,
        whole: bool = False,
    ) -> None:
        self.top = top  # the overlay's directory in the host
        self.path = path
        # There are very many, whose places are mostly the same.
        at = path if at == path else at
        self.at = at  # the same place in the base, or None when its directory is new
        self.lower = at if lower == at else lower  # where the base has what it is compared with
        self.status = status  # a Status: of the upper layer's own, or None
        self.same = True  # a renamed one has the content that it had
        self.twin: bytes | None = None  # where the base has the file that this is one more name of
        self.stale = stale  # the base had something here, and it is gone
        self.whole = whole  # gone with the directory above it, whose name something else has

    def base(self) -> bytes:
        """`lower`, of something that the base has."""
        assert self.lower is not None
        return self.lower

    def own(self) -> Status:
        """`status`, of something that the upper layer has."""
        assert self.status is not None
        return self.status


def real(top: bytes, path: bytes) -> str:
    """The path of a real file, below the directory `top`, as os gives it."""
    top = top.rstrip(b"/")
    return host.fsdecode(top + b"/" + path if path else top or b"/")
