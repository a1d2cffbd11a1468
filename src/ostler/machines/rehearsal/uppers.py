"""Uppers: directories in which the changes of a rehearsal are kept, to be taken up later.

What stands in one decides what is mounted, removed and committed: it is taken up only where nobody
but the reader can have made it (see trust.py), and its state is read strictly. A store is named by
a number and nothing else; what is done in one is done through its descriptor.
"""

from __future__ import annotations

import errno
import stat

from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal import begun
from ostler.machines.rehearsal.begun import AUTHORS as AUTHORS
from ostler.machines.rehearsal.begun import LAYERS as LAYERS
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.state_files import STATE, Extent, lines
from ostler.points.amended import Amended
from ostler.points.written import Malformed, is_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeGuard

    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.kind import Rehearsal

    State = dict[str, Any]  # what stands in the file STATE

VERSION = 3  # of the state, since a first point was made; before, it says none
_BEFORE = 2  # the version that had no records
_LARGEST = 1 << 28  # bytes of state
_DIGITS = frozenset("0123456789")
_NO_UPPER = "it is not empty, and no rehearsal is kept there"
_ONLY_THE_OWNER = "; only who has made an upper can take it up"


def opened(upper: StrOrBytesPath, base: bytes | None = None) -> tuple[int, bytes]:
    """(descriptor of an upper, its path, bytes); PermissionError when others could change it.

    OSError when it is none, or `base` (bytes) lies in it.
    """
    fd = host.open(upper, host.O_RDONLY | host.O_DIRECTORY | host.O_CLOEXEC)
    try:
        path = host.path.realpath(host.fsencode(upper))
        if base is not None and (base + b"/").startswith(path + b"/") and base != b"/":
            raise OSError(errno.EINVAL, "base lies within upper", host.fsdecode(path))
        names = host.listdir(fd)
        if STATE not in names and not begun.may_be(names):
            raise OSError(errno.ENOTEMPTY, _NO_UPPER, host.fsdecode(path))
    finally:
        host.close(fd)
    path = host.path.abspath(host.fsencode(upper))
    try:
        # It is opened once, and what is in it must be the reader's own, wherever it lies.
        fd = trust.directory(path, anywhere=True)
    except trust.Refused as error:
        raise trust.Refused(error.filename, error.why + _ONLY_THE_OWNER) from None
    return fd, host.readlink(b"/proc/self/fd/%d" % fd)


def state_of(fd: int, upper: StrOrBytesPath) -> State | None:
    """What an earlier rehearsal left in an open upper: a dict; None when it is empty."""
    return state_in(fd, upper)[0]


def state_in(
    fd: int, upper: StrOrBytesPath, is_ours: bool = False
) -> tuple[State | None, Extent | None]:
    """The same, and what its file is known to be; None where that can't be added to.

    `is_ours`: whether it is locked for us; then what was only begun is removed.
    """
    shown = host.path.join(host.fsdecode(upper), STATE)
    try:
        file = open(trust.own_file(STATE.encode(), fd, shown), "rb")  # noqa: SIM115
    except FileNotFoundError:
        if not begun.may_be(host.listdir(fd)) or (is_ours and not begun.emptied(fd)):
            raise OSError(errno.ENOTEMPTY, _NO_UPPER, host.fsdecode(upper)) from None
        return None, None
    except trust.Refused as error:
        raise trust.Refused(shown, error.why + _ONLY_THE_OWNER) from None
    with file:
        status = host.fstat(file.fileno())
        if status.st_size > _LARGEST:
            raise ValueError(f"{shown} is larger than any that was written here")
        text = file.read(_LARGEST)
    try:
        state, whole, length = _read(text)
    except _Later as error:
        problem = f"{shown} was written by a later ostler: its version is {error}, and {VERSION} is"
        raise ValueError(f"{problem} the latest that this one reads") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        said = str(error) if isinstance(error, (_NoState, Malformed)) else ""
        raise damaged(shown, said) from None
    if state.get("version") != VERSION:
        return state, None
    return state, Extent((status.st_dev, status.st_ino), whole, length)


def _read(text: bytes) -> tuple[State, int, int]:
    # (the state, how long it is as a whole, with all that was added to it)
    import json  # when it is needed: it brings much along

    first = text.partition(b"\n")[0]
    state: State = json.loads(first.decode())
    _check(state)
    if state.get("version") != VERSION:
        if first != text.rstrip(b"\n"):
            raise _NoState("something follows it")
        return state, 0, 0
    _, records, length = lines(text)
    if records:
        _amend(state, [json.loads(record) for record in records])
        _check(state)
    return state, len(first) + 1, length


def _amend(state: State, records: list[Any]) -> None:
    history = None
    for record in records:
        if not isinstance(record, dict) or not set(record) < set(state):
            raise _NoState("it has other parts")
        if "history" in record:
            history = Amended(state["history"]) if history is None else history
            history.amend(record["history"])
        state.update((key, record[key]) for key in record if key != "history")
    if history is not None:
        state["history"] = history.data()


def damaged(path: StrOrBytesPath, reason: str) -> ValueError:
    """What is raised for a state that can't be read."""
    reason = f": {reason}" if reason else ""
    return ValueError(f"{host.fsdecode(path)} is damaged, or of a later version{reason}")


class _NoState(ValueError):
    """The state says what none says."""


class _Later(ValueError):
    """The state is of a later version."""


def _check(state: Any) -> None:
    known = {"base", "started", "overlays", "own", "marks"}
    needed = {"base", "started", "overlays"}
    version = state.get("version") if isinstance(state, dict) else None
    if type(version) is int and version > VERSION:
        raise _Later(version)
    if version is not None:
        if type(version) is not int or version not in (_BEFORE, VERSION):
            raise _NoState("its version is none")
        needed = known = {*known, "version", "looks", "history"}
    if not isinstance(state, dict) or not needed <= set(state) <= known:
        raise _NoState("it has other parts")
    if not _is_text(state["base"]) or not state["base"].startswith("/"):
        raise _NoState("its base is no absolute path")
    if not _are_counts([state["started"]]):
        raise _NoState("it has no beginning")
    if state.get("marks") not in (None, "root", "user"):
        raise _NoState("its marks are not known")
    if not _are_pairs(state["overlays"]) or not _are_pairs(state.get("own", [])):
        raise _NoState("something is no list")
    targets = [target for target, _ in state["overlays"]]
    stores = [store for _, store in state["overlays"]]
    if not all(is_target(target) for target in targets):
        raise _NoState("it is about a directory elsewhere")
    if not all(is_store(store) if version is None else is_layer(store) for store in stores):
        raise _NoState("it names a store that is none")
    if len(set(targets)) < len(targets) or len(set(stores)) < len(stores):
        raise _NoState("it names something twice")
    if not all(map(_are_counts, state.get("own", []))):
        raise _NoState("what is its own are no numbers")
    if version is not None and not (
        _are_pairs(state["looks"]) and all(map(_is_look, state["looks"]))
    ):
        raise _NoState("how something looked is none")


def is_store(name: object) -> TypeGuard[str]:
    """Whether this is a name, a str, as stores have them."""
    return _is_text(name) and 0 < len(name) < 10 and set(name) <= _DIGITS


def _is_text(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and "\0" not in text


def is_layer(name: object) -> TypeGuard[str]:
    """Whether this is the path of a store, a str: of one as they are without points, or a layer."""
    if is_store(name):
        return True
    parts = name.split("/") if _is_text(name) else []
    return len(parts) == 3 and parts[0] == "layers" and is_store(parts[1]) and is_store(parts[2])


def _is_look(pair: Any) -> bool:
    target, look = pair
    if not _is_text(target):
        return False
    if look is None:
        return True
    numbers, attributes = look
    return (
        isinstance(numbers, list)
        and len(numbers) == 4
        and all(type(number) is int for number in numbers)
        and isinstance(attributes, dict)
        and all(
            isinstance(value, str) and bytes.fromhex(value) is not None
            for value in attributes.values()
        )
    )


def _are_pairs(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(p, list) and len(p) == 2 for p in found)


def _are_counts(numbers: Iterable[object]) -> bool:
    return all(type(number) is int and 0 <= number < 1 << 64 for number in numbers)


def check_marks(state: State | None, as_root: bool, upper: StrOrBytesPath) -> None:
    """Refused when the files in an upper were marked in another way than they would be read."""
    marks = None if state is None else state.get("marks")
    if marks is not None and marks != name_of_marks(as_root):
        who = "root's" if marks == "root" else "an ordinary user's"
        raise trust.Refused(upper, f"its files have {who} marks, which are not read here")


def name_of_marks(as_root: bool) -> str:
    """The word for an overlay's marks in a state."""
    return "root" if as_root else "user"


def prefix_of_marks(as_root: bool) -> bytes:
    """What the names of an overlay's marks begin with."""
    return b"trusted.overlay." if as_root else b"user.overlay."


def check_store(fd: int, store: bytes, upper: StrOrBytesPath) -> None:
    """Refused unless the directories of a store, which are there, are the reader's own."""
    shown = host.path.join(host.fsdecode(upper), host.fsdecode(store))
    inside = trust.own_directory(store, fd, shown)
    try:
        _check_inside(inside, shown)
    finally:
        host.close(inside)


def _check_inside(store: int, shown: str) -> None:
    for name in (b"upper", b"work"):
        try:
            status = host.stat(name, dir_fd=store, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if not stat.S_ISDIR(status.st_mode):
            raise trust.Refused(f"{shown}/{name.decode()}", "it is no directory")


def remove(machine: Rehearsal) -> None:
    """Drop all that is kept of a rehearsal, and remove its upper, but for what else is in that.

    It needs no room on the disk; where it is killed, what is left counts for nothing.
    """
    if machine._history is not None:
        machine._history.background.drop()
    assert machine._directory is not None and machine._keeper is not None
    with machine._keeper:
        removed(machine._stores, machine._directory, machine._keeper.sync)


def removed(upper: int, directory: StrOrBytesPath, sync: bool = False) -> None:
    """Drop and remove what is kept in an open upper, which is locked for us."""
    with OwnTree(host.open(b".", host.O_PATH | host.O_DIRECTORY, dir_fd=upper)) as place:
        begun.drop(place)
        if sync:
            host.fsync(upper)  # before anything is removed
        if place.status(begun.COMMITTING) is not None:
            from ostler.machines.rehearsal import fates

            fates.over(upper)
        begun.remove_dropped(place)
    there = host.stat(directory)
    here = host.fstat(upper)
    if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
        try:
            host.rmdir(directory)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def base_of(upper: StrOrBytesPath) -> str:
    """The base of the rehearsal that is kept in a directory, a str."""
    fd, place = opened(upper)
    try:
        state = state_of(fd, place)
    finally:
        host.close(fd)
    if state is None:
        raise FileNotFoundError(errno.ENOENT, "nothing is kept there", host.fsdecode(upper))
    return str(state["base"])
