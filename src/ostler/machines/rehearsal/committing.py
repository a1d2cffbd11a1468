"""Committing: what an upper says of a commit that has renamed something, until that is settled.

Root's overlays keep of a renamed directory or file where in the base its content is. When a commit
has renamed that in the base, it is elsewhere: what is kept has to be written anew, or dropped.
Who is killed between the two has left this note, which was written before anything was renamed. It
says what is to be renamed, with the inode numbers: so who takes the upper up finds out whether the
commit was done, after recover() has finished it or taken it back, and settles what is kept.
"""

from __future__ import annotations

import contextlib
import stat

from ostler.core import mounts
from ostler.core.status import file_handle
from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal import begun, layers, points, uppers
from ostler.machines.rehearsal.begun import COMMITTING as NOTE
from ostler.machines.rehearsal.kept_points import Keeper, history_in
from ostler.machines.rehearsal.layered import upper_tree
from ostler.machines.rehearsal.places import HeldTree, OwnTree
from ostler.machines.rehearsal.state_files import StateFile
from ostler.points.stack import child_of, named_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.plan import Plan
    from ostler.machines.rehearsal.uppers import State

    _Moves = dict[bytes, bytes]  # {path in the base before the commit: path after it}

_MARKS = "trusted.overlay."  # an ordinary user's overlays don't keep where anything was
_LARGEST = 1 << 28
_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


def note(machine: Rehearsal, plans: Iterable[Plan], every: bool) -> bool:
    """Write the note of a commit that is about to be done; whether there is anything to say."""
    keeper = machine._keeper
    if keeper is None or not machine._has_roots_marks:
        return False
    moved = list(_moved(plans))
    if not moved:
        return False
    import json  # when it is needed: it brings much along

    text = json.dumps({"every": every, "moved": moved}).encode()
    path = b"/proc/self/fd/%d/%s" % (machine._stores, NOTE)
    host.write_atomic(path, text, mode=0o600, durable=keeper.sync)
    return True


def _moved(plans: Iterable[Plan]) -> Iterator[list[Any]]:
    for plan in plans:
        for change in plan.selection.chosen:
            found = change._found
            if change.kind != "renamed" or found.lower is None:
                continue
            now = plan.selection.after(found.lower)
            status = plan.walk.lower.status(found.lower)
            if now is not None and status is not None:
                names = (plan.walk.overlay.target, found.lower, now)
                yield [*map(host.fsdecode, names), status.st_ino]


def forget(machine: Rehearsal) -> None:
    """Remove the note: what is kept is settled, or nothing was committed."""
    with contextlib.suppress(FileNotFoundError):
        host.unlink(NOTE, dir_fd=machine._stores)


def settle(stores: int, directory: bytes, base: bytes) -> None:
    """Settle what is kept in a directory, which is locked for us, where there is a note.

    ValueError where that is none.
    """
    shown = host.path.join(host.fsdecode(directory), host.fsdecode(NOTE))
    try:
        file = open(trust.own_file(NOTE, stores, shown), "rb")  # noqa: SIM115
    except FileNotFoundError:
        return
    with file:
        every, moved = _read(file.read(_LARGEST), shown)
    from ostler.machines.rehearsal import recovery

    recovery.recover()
    if _is_done(base, moved):
        if every:
            with OwnTree(host.open(b".", _OPEN, dir_fd=stores)) as place:
                begun.drop(place)
        else:
            _settle_rest(stores, directory, base, moved)
    with contextlib.suppress(FileNotFoundError):
        host.unlink(NOTE, dir_fd=stores)


def _read(text: bytes, shown: str) -> tuple[bool, list[tuple[bytes, bytes, bytes, int]]]:
    import json

    try:
        said = json.loads(text)
        every, rows = said["every"], _rows(said["moved"])
        good = type(every) is bool and all(map(_is_row, rows))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        raise uppers.damaged(shown, "") from None
    if not good:
        raise uppers.damaged(shown, "")
    return every, rows


def _rows(moved: Any) -> list[tuple[bytes, bytes, bytes, int]]:
    return [(*map(host.fsencode, row[:3]), row[3]) for row in moved]


def _is_row(row: tuple[Any, ...]) -> bool:
    paths = [part for path in row[:3] for part in path.split(b"/")]
    return type(row[3]) is int and not any(b"\0" in part or part in (b".", b"..") for part in paths)


def _is_done(base: bytes, moved: list[tuple[bytes, bytes, bytes, int]]) -> bool:
    # All are renamed, or none is.
    for target, before, now, number in moved:
        top = base.rstrip(b"/") + b"/" + target
        if _number(top, now) == number != _number(top, before):
            return True
    return False


def _number(top: bytes, path: bytes) -> int | None:
    try:
        return host.lstat(top + b"/" + path).st_ino
    except OSError:
        return None


def _settle_rest(
    stores: int, directory: bytes, base: bytes, moved: list[tuple[bytes, bytes, bytes, int]]
) -> None:
    # What was not committed is one store afterwards, as it is where nobody is killed.
    state = uppers.state_in(stores, directory)[0]
    if state is None:
        return
    history = history_in(state, stores, directory, Keeper(False, True))
    pairs = []
    for target, store in state["overlays"]:
        target_, now = host.fsencode(target), host.fsencode(store)
        if history is not None:
            paths = [now, *history.stores_of(history.chain(history.at), target_)]
            now = layers.new_name(stores)
            points.squash_into(stores, paths, now, _MARKS)
        moves = {before: after for where, before, after, _ in moved if where == target_}
        with (
            upper_tree(stores, [now], _MARKS) as tree,
            HeldTree(host.open(base.rstrip(b"/") + b"/" + target_, _OPEN)) as lower,
        ):
            _lead_on(tree, lower, moves)
        pairs.append([target, host.fsdecode(now)])
    if history is not None:
        mounts.sync_filesystem(stores)
        _write(stores, state, pairs)


def _write(stores: int, state: State, pairs: list[list[str]]) -> None:
    state.update(overlays=pairs, history=None, looks=[[target, None] for target, _ in pairs])
    StateFile(None, True).replace(stores, state)


def _lead_on(tree: OwnTree, lower: HeldTree, moves: _Moves) -> None:
    # Each mark of where something was in the base says where it is now; one that does so already,
    # as the object that is there tells, stays.
    waiting = [(b"", b"")]
    while waiting:
        path, at = waiting.pop()
        for name, status in tree.entries(path):
            child, below = child_of(path, name), child_of(at, name)
            if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
                continue
            mark = tree.xattr(child, _MARKS + "redirect")
            if mark is not None:
                below = mark.strip(b"/") if mark.startswith(b"/") else child_of(at, mark)
                now = _after(moves, below)
                if now != below and not _is_there(tree, lower, child, below):
                    place = tree.name(child)
                    host.setxattr(place, _MARKS + "redirect", b"/" + now, follow_symlinks=False)
                    below = now
            if stat.S_ISDIR(status.st_mode):
                waiting.append((child, below))


def _after(moves: _Moves, path: bytes) -> bytes:
    at, rest = path, b""
    while at and at not in moves:
        at, _, last = at.rpartition(b"/")
        rest = b"/" + last + rest
    return moves[at] + rest if at else path


def _is_there(tree: OwnTree, lower: HeldTree, path: bytes, below: bytes) -> bool:
    origin = tree.xattr(path, _MARKS + "origin")
    if not origin:
        return False
    try:
        return file_handle(*lower.parent(below)) == named_by(origin)
    except OSError:
        return False
