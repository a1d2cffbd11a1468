"""Looks: what an object was when a commit was prepared, as a short text for its journal.

After a crash nobody knows what was done to the files meanwhile. Where an object still looks as it
did, a recovery may move it; where it does not, somebody has worked on it since.

A file's look is its inode number, size and modification time, and its change time where nothing
that the commit itself does touches that. A directory's is its inode number and a sum over all
that is below it: names, kinds, and of files with one name their sizes and modification times.
"""

from __future__ import annotations

import stat

from ostler.machine import host
from ostler.points.stack import child_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ostler.machines.rehearsal.places import AnyStatus, HeldTree
    from ostler.machines.rehearsal.plan import Plan
    from ostler.machines.rehearsal.steps import Pair
    from ostler.machines.rehearsal.work import Work

_TREE = "tree"
_MODULUS = 1 << 128


def look(
    place: HeldTree, path: bytes, changed: int | None = None, without: Collection[bytes] = ()
) -> str | None:
    """How an object looks, a str; None when it isn't there.

    `changed`: the change time that is to count, too; `without`: paths below that do not count.
    """
    status = place.status(path)
    if status is None:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return _plain(status) if changed is None else f"{_plain(status)} {changed}"
    if stat.S_IMODE(status.st_mode) & 0o500 != 0o500 and host.geteuid() != 0:
        return f"{_TREE} {status.st_ino}"  # what is in it is seen only when it has been opened up
    return f"{_TREE} {status.st_ino} {_sum(place, path, without):x}"


def fits(place: HeldTree, path: bytes, known: str) -> bool:
    """Whether what is at a path still looks so."""
    status = place.status(path)
    if status is None or known.startswith(_TREE) != stat.S_ISDIR(status.st_mode):
        return False
    if not known.startswith(_TREE):
        plain = _plain(status)
        return known in (plain, f"{plain} {status.st_ctime_ns}")
    _, inode, *below = known.split()
    if str(status.st_ino) != inode:
        return False
    return not below or f"{_sum(place, path):x}" == below[0]


def without_change(known: str) -> str:
    """A look in which the change time doesn't count, as of what the commit itself has moved."""
    return known if known.startswith(_TREE) else " ".join(known.split()[:3])


def changed_since(work: Work, pairs: Iterable[Pair]) -> Iterator[tuple[int, bytes, bytes]]:
    """What steps have put into a stash and somebody has changed since: (top, slot, path) each.

    `work`: the Work, all done; `pairs`: what `of_steps` has found of them.
    """
    for step, (leaves, _) in zip(work.steps, pairs, strict=True):
        if leaves is None or step.keeps is None:
            continue
        place = work.place(step.top)
        status = place.status(step.keeps)
        if status is None or (step.kind == "move" and status.st_ino != step.inode):
            continue
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            continue  # it stays at its other names
        if not fits(place, step.keeps, without_change(leaves)):
            yield step.top, step.keeps, step.leaves


def of_steps(
    plan: Plan, paths: Iterable[bytes | None], anchors: Collection[int]
) -> Iterator[list[str | None]]:
    """Of what `looks` of a Plan is; `paths`: what its steps take away, in the base, or None.

    `anchors`: the inodes of files that get new names.
    """
    stashes, moved = plan.stashes.paths(), plan.selection.moved
    # Other metadata by a step.
    given = {step.inode for step in plan.steps if step.kind == "meta"}
    for step, path, old in zip(plan.steps, paths, plan.old, strict=True):
        leaves = comes = None
        if step.brings is not None:
            if path is not None and (old is None or old[0] not in given):
                leaves = look(plan.walk.lower, path, old and old[1], moved)
            # A new name of a file that has others is no work of anybody's.
            if step.brings.startswith(stashes) and step.inode not in anchors:
                comes = look(plan.place, step.brings)
        yield [leaves, comes]


def is_look(text: object) -> bool:
    """Whether this is a look, as `look` gives it."""
    if not isinstance(text, str):
        return False
    kind, *rest = text.split(" ")
    if kind != _TREE:
        return 2 <= len(rest) <= 3 and all(_is_number(part) for part in (kind, *rest))
    return 1 <= len(rest) <= 2 and _is_number(rest[0]) and all(_is_hex(p) for p in rest[1:])


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 32 and not text.strip("0123456789abcdef")


def _plain(status: AnyStatus) -> str:
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _sum(place: HeldTree, top: bytes, without: Collection[bytes] = ()) -> int:
    """A number for all that is below a directory, in whatever order it is found."""
    from hashlib import blake2b  # when it is needed: it brings much along

    total = 0
    waiting = [b""]
    while waiting:
        at = waiting.pop()
        for name, status in place.entries(top + b"/" + at if at else top, quiet=True):
            below = child_of(at, name)
            if (top + b"/" + below if top else below) in without:
                continue
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFDIR:
                waiting.append(below)
            text = f"{kind:o}"
            if kind != stat.S_IFDIR and status.st_nlink == 1:
                text += f" {status.st_size} {status.st_mtime_ns}"
            part = blake2b(below + b"\0" + text.encode(), digest_size=16).digest()
            total += int.from_bytes(part, "big")
    return total % _MODULUS
