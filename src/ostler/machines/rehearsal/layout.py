"""Layout: which mounts a machine over the real files is made of."""

from __future__ import annotations

import errno
import struct

from ostler.core.procfs import mount_table
from ostler.machine import MachineUnavailable, host
from ostler.machines.mount_points import mounts_below, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.layers import Place
    from ostler.machines.rehearsal.places import AnyStatus


class OverlayMount:
    """One directory of the base over which changes are kept, and where.

    - `identity`: of that directory (see new_mounts.py), which may get another one's name
    - `store`: where what is changed now is kept; `frozen`: what was, before points, and lies below
      it, the uppermost first
    - `apart`: whether the base is shown to it by an overlay of its own (see layers.py)
    - `shown`: a descriptor of its top, where that is not the one that the machine has; else None
    - `look`: of the top of the store's upper when it was new (see layers.py), or None
    - `place`: the path at which it was mounted (see whereabouts.py); None: it has none
    - `device`: of the file system that it is, where there are several, as far as that is known
    """

    __slots__ = (
        "apart", "device", "frozen", "identity", "look", "place", "shown", "store", "target",
    )  # fmt: skip

    def __init__(self, target: bytes, store: bytes, directory: bytes | None) -> None:
        self.target = target
        self.store = store
        self.frozen: tuple[bytes, ...] = ()
        self.look: object = None
        self.apart = False
        self.shown: int | None = None
        self.place: bytes | None = target
        self.device: int | None = None
        if directory is not None:
            self.identity = identity(host.stat(directory))

    def upon(self, store: bytes, frozen: Iterable[bytes]) -> OverlayMount:
        """The same directory's, with other layers."""
        other = OverlayMount(self.target, store, None)
        other.frozen = tuple(frozen)
        other.identity = self.identity
        other.apart = self.apart
        return other

    def __repr__(self) -> str:
        return f"OverlayMount({self.target!r}, {self.store!r})"


def identity(status: AnyStatus) -> tuple[int, int]:
    """By which a directory is known again, as long as somebody holds it."""
    return status.st_dev, status.st_ino


def planned(
    base: bytes, as_root: bool, left: list[bytes], targets: Iterable[bytes], upper: bytes | None
) -> list[Place]:
    """What a rehearsal is mounted of: see Plan in layers.py; `left` gets what can't be overlaid.

    `targets`: where changes are kept already; `upper`: the directory in which they are, or None.
    """
    within_it = base.rstrip(b"/") + b"/"
    plan = _plan(base, not as_root, left, [within_it + target for target in targets if target])
    if upper is not None and upper.startswith(within_it):
        plan.append((upper[len(within_it) :], b"", False, True))
    return plan


def _plan(base: bytes, ordinary: bool, left: list[bytes], known: Sequence[bytes]) -> list[Place]:
    """[(target, lower, overlaid?, read-only?)], the root first, in mount order.

    `known`: directories below the base in which changes may be kept already.
    """
    below = mounts_below(base)
    root = b"" if base == b"/" else base
    if not ordinary:
        return [(b"", base, True, False), *(_over(root + b"/", *point) for point in below)]
    simple = not below and not known and is_one_top(base)
    tops, blocked = ([base], []) if simple else writable_tops(base, known)
    if base in blocked and base != b"/":
        raise MachineUnavailable(
            f"a rehearsal can't be made: something is mounted below {host.fsdecode(base)}, which "
            "only root may overlay",
            "a smaller base, or root",
            errno.EINVAL,
        )
    left.extend(blocked)
    over = base in tops
    return [
        (b"", base, over, not over),
        *((top[len(root) + 1 :], top, True, False) for top in tops if top != base),
    ]


def _over(above: bytes, point: bytes, has_files: bool, is_read_only: bool) -> Place:
    # Nothing can be laid over a file of its own mount, such as the /etc/hosts of a container.
    overlaid = has_files and not is_read_only and host.path.isdir(above + point)
    return point, above + point, overlaid, is_read_only or not overlaid


def writable_tops(base: bytes, extra: Iterable[bytes] = ()) -> tuple[list[bytes], list[bytes]]:
    """The directories at and below `base` (bytes, resolved) that an ordinary user may change.

    The user's own directories and the shared ones for temporary files, with `extra`; from each it
    is climbed while the parent is the user's too. One lies within another only where the outer
    one's overlay could not change anything in it, since the way there leads through a directory
    of somebody else's. Also those, as a second list, that can't be overlaid, because something is
    mounted below them; those within are.
    """
    table = mount_table()
    tops, blocked = set(), set()
    for candidate in _candidates(base, extra):
        top = host.path.realpath(host.fsencode(candidate))
        if not within(top, base) or not _may_write(top):
            continue
        if mounts_below(top, table):
            blocked.add(top)
            continue
        while top != base and _is_mine(top):
            above = host.path.dirname(top)
            if not owned(above):
                break
            if mounts_below(above, table):
                blocked.add(above)
                break
            top = above
        tops.add(top)
    return (
        sorted(t for t in tops if not any(t != o and _reaches(o, t) for o in tops)),
        sorted(b for b in blocked if not any(b != o and within(b, o) for o in blocked)),
    )


def _candidates(base: bytes, extra: Iterable[bytes]) -> Iterator[StrOrBytesPath]:
    environ = host.environ
    yield base
    for name in ("HOME", "XDG_RUNTIME_DIR", "TMPDIR"):
        if environ.get(name):
            yield environ[name]
    yield from ("/tmp", "/var/tmp", "/dev/shm")
    try:
        yield host.getcwdb()
    except OSError:
        pass
    yield from extra


def is_one_top(base: bytes) -> bool:
    """Whether a user's overlay over `base` alone reaches the working directory, if it is there."""
    if not owned(base):
        return False
    try:
        here = host.path.realpath(host.getcwdb())
    except OSError:
        return True
    return not within(here, base) or _reaches(base, here) or not _may_write(here)


def owned(directory: bytes) -> bool:
    """Whether an overlay's top may stand for this directory: it is the user's own."""
    return host.stat(directory).st_uid == host.geteuid()


def _is_mine(directory: bytes) -> bool:
    # Only such a directory can be copied into an overlay: no other user or group is known there.
    status = host.stat(directory)
    return (status.st_uid, status.st_gid) == (host.geteuid(), host.getegid())


def _reaches(top: bytes, path: bytes) -> bool:
    # Whether the overlay over `top` can change what is in a directory.
    while within(path, top):
        if path == top:
            return True
        if not _is_mine(path):
            return False
        path = host.path.dirname(path)
    return False


def without_strangers(acl: bytes) -> bytes:
    """An ACL without the users and groups that an ordinary user's overlay can't name."""
    mine = {2: host.geteuid(), 8: host.getegid()}  # the tags of a named user, a named group
    kept = [acl[:4]]
    for entry in struct.iter_unpack("<HHI", acl[4:]):
        if mine.get(entry[0], entry[2]) == entry[2]:
            kept.append(struct.pack("<HHI", *entry))
    return b"".join(kept)


def _may_write(directory: bytes) -> bool:
    return host.path.isdir(directory) and host.access(directory, host.W_OK | host.X_OK)
