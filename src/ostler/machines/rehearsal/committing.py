"""Committing: what an upper says of a commit that has renamed something, until that is settled.

Root's overlays keep of a renamed directory or file where in the base its content is, and those of
an ordinary user that it was there. When a commit has renamed that in the base, it is elsewhere:
what is kept has to be written anew, or dropped.
Who is killed between the two has left this note, which was written before anything was renamed. It
says what is to be renamed, and which journal the commit has: so who takes the upper up finds out
whether the commit was done, after recover() has finished it or taken it back, and settles what is
kept. A commit that renames nothing leaves a note, too: of what it has changed in the base nobody
else would know whose work that is.

What is kept is dropped, or led on, only where the journal says that the commit was done. The
journal is removed when that is written down, and then the note: alone it tells nothing.
"""

from __future__ import annotations

import contextlib
import errno
import stat
from functools import partial

from ostler.core import mounts
from ostler.core.status import file_handle
from ostler.machine import host
from ostler.machines.rehearsal import begun, fates, layers, points, state_files, uppers
from ostler.machines.rehearsal.begun import COMMITTING as NOTE
from ostler.machines.rehearsal.hard_links import LED, MOVED
from ostler.machines.rehearsal.kept_points import FULL, Keeper, history_in
from ostler.machines.rehearsal.layered import upper_tree
from ostler.machines.rehearsal.places import HeldTree, OwnTree
from ostler.machines.rehearsal.state_files import StateFile
from ostler.points.stack import child_of, named_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ostler.machines.rehearsal.fates import Note
    from ostler.machines.rehearsal.journals import Journal
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.plan import Plan
    from ostler.machines.rehearsal.uppers import State

    _Moves = dict[bytes, bytes]  # {path in the base before the commit: path after it}

_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


def note(machine: Rehearsal, journal: Journal, plans: Iterable[Plan], every: bool) -> bool:
    """Write the note of a commit that is about to be done; whether one is there.

    On a full disk it has the room that is kept for what is written down. Where there is none, that
    is an OSError if anything is renamed.
    """
    keeper = machine._keeper
    if keeper is None:
        return False
    _check_earlier(machine)
    moved = list(_moved(plans))
    import json  # when it is needed: it brings much along

    started = machine._started if every else None
    names = [] if every else [name for plan in plans for name in _other_names(plan)]
    said = {
        "journal": [journal.place, journal.name],
        "started": started,
        "moved": moved,
        "names": names,
    }
    text = json.dumps(said).encode()
    try:
        try:
            state_files.put(machine._stores, NOTE, text, keeper.sync)
        except OSError as error:
            if error.errno not in FULL:
                raise
            keeper.give_room()
            state_files.put(machine._stores, NOTE, text, keeper.sync)
    except OSError as error:
        if error.errno not in FULL:
            raise
        if not moved or not machine._has_roots_marks:  # whose layers have no data of the base
            return False
        raise OSError(error.errno, error.strerror, machine._directory) from None
    return True


def _check_earlier(machine: Rehearsal) -> None:
    # The note of one that could neither be finished nor taken back is not replaced.
    try:
        found = fates.noted(machine._stores, host.fsdecode(NOTE))
        if found is not None:
            fates.settled(found, fates.known(found.place, found.name))
    except fates.Unknown as error:
        said = f"what became of an earlier commit of it is not known, as {error}"
        raise OSError(errno.ESTALE, said, machine._directory) from None
    except (ValueError, TypeError, KeyError):
        pass  # it is none, and tells nothing


def _other_names(plan: Plan) -> Iterator[list[Any]]:
    for path, status in plan.other_names():
        place = [host.fsdecode(plan.walk.overlay.target), host.fsdecode(path)]
        yield [*place, status.st_ino, status.st_size, status.st_mtime_ns]


def _moved(plans: Iterable[Plan]) -> Iterator[list[str]]:
    for plan in plans:
        for change in plan.selection.chosen:
            found = change._found
            if change.kind != "renamed" or found.lower is None:
                continue
            now = plan.selection.after(found.lower)
            if now is not None:
                names = (plan.walk.overlay.target, found.lower, now)
                yield [host.fsdecode(name) for name in names]


def forget(machine: Rehearsal) -> None:
    """Remove the note: what is kept is settled, or nothing was committed."""
    with contextlib.suppress(FileNotFoundError):
        host.unlink(NOTE, dir_fd=machine._stores)


def settle(stores: int, directory: bytes) -> None:
    """Settle what is kept in a directory, which is locked for us, where there is a note.

    ValueError where that is none. OSError (ESTALE) where it is not known whether the commit was
    done: everything is left as it is then, as after any other error.
    """
    found = _read(stores, directory)
    if found is None:
        return
    from ostler.machines.rehearsal import recovery

    recovery.recover()
    try:
        written = fates.known(found.place, found.name)
    except fates.Unknown as error:
        raise _in_doubt(error, directory) from None
    if written is not None:
        state = uppers.state_in(stores, directory)[0]
        done = "done" in written.notes
        if state is not None and done and found.started == state["started"]:
            with OwnTree(host.open(b".", _OPEN, dir_fd=stores)) as place:
                begun.drop(place)
            host.fsync(stores)
        elif state is not None and (found.started is None or not done):
            _Rest(stores, directory, state).settle(found, fates.own(written), done)
        fates.settled(found, written)
    with contextlib.suppress(FileNotFoundError):
        host.unlink(NOTE, dir_fd=stores)


def _in_doubt(error: fates.Unknown, directory: bytes) -> OSError:
    said = (
        f"a commit of what is kept there was interrupted, and whether it was done is not known, as "
        f"{error}; all that is kept is left as it is; if nothing was committed, remove "
        f"{host.fsdecode(NOTE)} there"
    )
    return OSError(errno.ESTALE, said, host.fsdecode(directory))


def _read(stores: int, directory: bytes) -> Note | None:
    shown = host.path.join(host.fsdecode(directory), host.fsdecode(NOTE))
    try:
        return fates.noted(stores, shown)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        raise uppers.damaged(shown, "") from None


class _Rest:
    """What is kept of a rehearsal of which a part was committed, or nothing after all."""

    def __init__(self, stores: int, directory: bytes, state: State) -> None:
        self.stores = stores
        self.directory = directory
        self.state = state
        self.marks = uppers.prefix_of_marks(state.get("marks") != "user").decode()
        self._made: list[bytes] = []

    def settle(self, found: Note, own: dict[int, int], done: bool) -> None:
        """Write down what of the base is ours, and where what was renamed is now.

        `done`: whether the commit was; else the base is as before, but for times of changes.

        After an OSError everything is as it was. On a full disk it takes the room that is kept.
        """
        try:
            try:
                self._settle(found, own, done)
            except OSError as error:
                if error.errno not in FULL or not StateFile(None, True).give_room(self.stores):
                    raise
                self._remove()
                self._settle(found, own, done)
        except BaseException as error:
            self._remove()
            if isinstance(error, OSError) and error.errno in FULL:
                where = host.fsdecode(self.directory)
                raise OSError(error.errno, error.strerror, where) from None
            raise

    def _remove(self) -> None:
        layers.remove_stores(self.stores, self._made)
        self._made.clear()

    def _settle(self, found: Note, own: dict[int, int], done: bool) -> None:
        if done:
            own = {**dict(self._own_names(found)), **own}
        state = {**self.state, "own": self._with_own(own)}
        if done and found.moved:
            self._lead_all_on(found, state)
        file = StateFile(None, True)
        try:
            file.replace(self.stores, state)
        finally:
            if file.is_new:
                self._made.clear()  # they are what is kept now

    def _with_own(self, own: dict[int, int]) -> list[list[int]]:
        known = {inode: time for inode, time in self.state.get("own", ())}
        return [list(pair) for pair in {**known, **own}.items()]

    def _own_names(self, found: Note) -> Iterator[tuple[int, int]]:
        # Of files of which the commit has changed another name, and nobody the content since.
        base = host.fsencode(self.state["base"]).rstrip(b"/")
        for target, path, *look in found.names:
            above = b"/".join(part for part in (base, target) if part)
            with contextlib.suppress(OSError), HeldTree(host.open(above or b"/", _OPEN)) as lower:
                status = lower.status(path)
                if status and look == [status.st_ino, status.st_size, status.st_mtime_ns]:
                    yield status.st_ino, status.st_ctime_ns

    def _lead_all_on(self, found: Note, state: State) -> None:
        # With points it is one store afterwards, as it is where nobody is killed.
        history = history_in(self.state, self.stores, self.directory, Keeper(False, True))
        base = host.fsencode(state["base"]).rstrip(b"/")
        pairs = []
        for target, store in state["overlays"]:
            target_, now = host.fsencode(target), host.fsencode(store)
            moves = {before: after for where, before, after in found.moved if where == target_}
            with HeldTree(host.open(base + b"/" + target_, _OPEN)) as lower:
                if history is not None:
                    paths = [now, *history.stores_of(history.chain(history.at), target_)]
                    now = layers.new_name(self.stores)
                    self._made.append(now)
                    open_below = partial(_open_moved, lower, moves)
                    points.squash_into(self.stores, paths, now, self.marks, open_below)
                with upper_tree(self.stores, [now], self.marks) as tree:
                    _lead_on(tree, self.marks, lower, moves, found.name.encode())
            pairs.append([target, host.fsdecode(now)])
        if history is not None:
            mounts.sync_filesystem(self.stores)
            looks = [[target, None] for target, _ in pairs]
            state.update(overlays=pairs, history=None, looks=looks)


def _open_moved(lower: HeldTree, moves: _Moves, path: bytes) -> int:
    return lower.open(_after(moves, path))


def _lead_on(tree: OwnTree, marks: str, lower: HeldTree, moves: _Moves, commit: bytes) -> None:
    # Each mark of where something was in the base says where it is now; one that does so already,
    # as the commit has noted, or the object that is there tells, stays.
    waiting = [(b"", b"")]
    while waiting:
        path, at = waiting.pop()
        for name, status in tree.entries(path):
            child, below = child_of(path, name), child_of(at, name)
            led = _led_by(tree, marks, child, commit)
            for kind in ("redirect", MOVED):
                mark = tree.xattr(child, marks + kind)
                if mark is None or not (mark.startswith(b"/") or kind == "redirect"):
                    continue
                was = mark.strip(b"/") if mark.startswith(b"/") else child_of(at, mark)
                now = _after(moves, was) if led is None else led
                if now != was and not (led is None and _is_there(tree, marks, lower, child, was)):
                    if led is None:
                        led = now
                        tree.put_xattr(child, marks + LED, commit + b" /" + now)
                    tree.put_xattr(child, marks + kind, b"/" + now)
                    was = now
                if kind == "redirect":
                    below = was
            if stat.S_ISDIR(status.st_mode):
                waiting.append((child, below))


def _led_by(tree: OwnTree, marks: str, path: bytes, commit: bytes) -> bytes | None:
    # Where this commit has led the marks of an object on to, or was about to.
    name, _, place = (tree.xattr(path, marks + LED) or b"").partition(b" /")
    return place if name == commit else None


def _after(moves: _Moves, path: bytes) -> bytes:
    at, rest = path, b""
    while at and at not in moves:
        at, _, last = at.rpartition(b"/")
        rest = b"/" + last + rest
    return moves[at] + rest if at else path


def _is_there(tree: OwnTree, marks: str, lower: HeldTree, path: bytes, below: bytes) -> bool:
    origin = tree.xattr(path, marks + "origin")
    if not origin:
        return False
    try:
        return file_handle(*lower.parent(below)) == named_by(origin)
    except OSError:
        return False
