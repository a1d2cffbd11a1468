"""Authors: which program changed what in a rehearsal, as far as programs were recorded there.

When a recording ends, and whenever that is asked before, each path that its programs changed is
noted with the last of them that did, and with how the file looked then. It is noted for the layer
in which the change lies: so what is told is right after a rollback, from one point to another, and
in a branch. What looks otherwise now was changed by somebody who was not recorded, and has no
author. What is renamed keeps the authors of what is in it; what has the new name itself has the
author that renamed it.

Of a rehearsal with an `upper` all of this stands in a file beside its state.
"""

from __future__ import annotations

import json
import stat
from _thread import allocate_lock, get_ident
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal import state_files, uppers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.changes import Change, Record
    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.record.log import Event, RecordedProcess, Story
    from ostler.record.recorder import ProgramRecorder

_Told = tuple[tuple[str, ...], tuple[str, ...]]
VERSION = 1
_LARGEST = 1 << 28  # bytes of the file
_MAKE = frozenset(("create", "mkdir", "mknod", "symlink", "link"))  # what was not there before
_CHANGE = _MAKE | frozenset(
    ("write", "remove", "rmdir", "rename", "mode", "owner", "truncate", "times", "attribute")
)
_FIRST_LAYER = 0  # the number of what is changed where there is no point


class Author(NamedTuple):
    """The program that changed something.

    - `process`: its pid; `argv`: the words of its command, a tuple of str; `program`: the file
    - `cwd`: the directory in which it began; `uid`: its user
    - `point`: the name of the point upon which it ran, or None
    """

    process: int
    argv: tuple[str, ...]
    point: str | None
    program: str
    cwd: str
    uid: int

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return {**self._asdict(), "argv": list(self.argv)}


# How something looked: its mode, size and time of change; of a directory, where the latter change
# with what is in it, the mode alone; None: nothing was there.
_Look = tuple[int, ...] | None
_Noted = tuple[Author, _Look]


class Authors:
    """Of each layer, by its number: {path: (Author, how it looked)}; paths are the machine's.

    A path with "/" behind it stands for what was in a directory that was renamed: it is gone there.
    """

    def __init__(self) -> None:
        self.layers: dict[int, dict[str, _Noted]] = {}

    def of(self, layers: Sequence[int]) -> dict[str, _Noted]:
        """What is noted in these layers, of which the last is the uppermost."""
        found: dict[str, _Noted] = {}
        for layer in layers:
            found.update(self.layers.get(layer, ()))
        return found

    def flat(self, layers: Sequence[int]) -> Authors:
        """The same of a machine without points, whose one layer these are."""
        found, noted = Authors(), self.of(layers)
        if noted:
            found.layers[_FIRST_LAYER] = noted
        return found

    def copy(self) -> Authors:
        """The same, for a branch."""
        found = Authors()
        found.layers = {layer: dict(noted) for layer, noted in self.layers.items()}
        return found


def of(machine: Rehearsal) -> Authors:
    """The authors that are known of a machine."""
    if machine._authors is None:
        kept = None if machine._directory is None else _read(machine._stores, machine._directory)
        machine._authors = (
            kept[1] if kept is not None and kept[0] == machine._started else Authors()
        )
    return machine._authors


def kept_in(upper: StrOrBytesPath) -> Authors:
    """The authors of what is kept in a directory, which another one may have just now."""
    fd, path = uppers.opened(upper)
    try:
        state, kept = uppers.state_of(fd, path), _read(fd, path)
    finally:
        host.close(fd)
    if kept is None or state is None or kept[0] != state["started"]:
        return Authors()
    return kept[1]


def teller(
    machine: Rehearsal, layers: Sequence[int] | None = None
) -> Callable[[Iterable[Change]], None]:
    """What gives changes their authors: of all that is changed now, or what is in these layers."""
    authors = of(machine)
    noted = authors.of(present(machine) if layers is None else layers) if authors.layers else {}
    top = host.fsdecode(machine._base).rstrip("/")

    def tell(changes: Iterable[Change]) -> None:
        for change in changes if noted else ():
            path = change.path[len(top) :] or "/"
            found = noted.get(path)
            if found is None and change.after is None:
                found = _gone_with(noted, path)
            if found is not None and found[1] == _look_of(change.after):
                change.by = found[0]

    return tell


def brought(machine: Rehearsal, other: Rehearsal, changes: list[Change]) -> None:
    """Give what a merge has brought from another machine its authors, and note them here, too."""
    if not hasattr(machine, "_authors"):
        return  # of a scratch machine nobody notes them
    teller(other)(changes)
    top = host.fsdecode(machine._base).rstrip("/")
    noted: dict[str, _Noted] = {}
    for change in changes:
        if change.by is None:
            continue
        noted[change.path[len(top) :] or "/"] = change.by, _look_of(change.after)
        if change.kind == "renamed" and change.source is not None:
            gone = change.source[len(top) :]
            noted[gone] = noted[gone + "/"] = change.by, None
    if not noted:
        return
    of(machine).layers.setdefault(present(machine)[-1], {}).update(noted)
    # What was changed is there; who it was is at least known as long as we are.
    with suppress(OSError):
        write(machine)


def _gone_with(noted: dict[str, _Noted], path: str) -> _Noted | None:
    # Who has renamed a directory above.
    while path:
        path = path.rpartition("/")[0]
        found = noted.get(path + "/")
        if found is not None and path:
            return found
    return None


def present(machine: Rehearsal) -> list[int]:
    """The numbers of the layers that a machine is of, the uppermost last."""
    history = machine._history
    return [_FIRST_LAYER] if history is None else [*history.chain(history.at), history.top]


def between(machine: Rehearsal, since: object, until: object) -> list[int]:
    """The numbers of the layers that have what was changed from one point to another, or to now."""
    history = machine._history
    if history is None:
        return []

    def state(point: Any) -> list[int]:
        return history.chain(history.find(point)._layer)

    before = [] if since is None else state(since)
    after = present(machine) if until is None else state(until)
    return [layer for layer in after if layer not in set(before)]


def note(machine: Rehearsal, recorder: ProgramRecorder, settled: bool = False) -> None:
    """Note what recorded programs have changed until now, in the layer that is the top.

    `settled`: that layer is not changed any more. OSError where it can't be written down.
    """
    if not _noting.enter():
        return  # a signal's handler, which has interrupted this
    try:
        changed = _note(machine, recorder, settled)
    finally:
        _noting.leave()
    if changed:
        write(machine)


class _Noting:
    # A lock; who has it is not let in again.
    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._owner = 0, 0

    def enter(self) -> bool:
        here = host.getpid(), get_ident()
        if self._owner == here:
            return False
        if self._owner[0] not in (0, here[0]):
            self._lock = allocate_lock()  # nobody is inside, in a fork
        self._lock.acquire()
        self._owner = here
        return True

    def leave(self) -> None:
        self._owner = 0, 0
        self._lock.release()


_noting = _Noting()
# What programs may go on writing to without another call that is recorded: {path: the process}.
_unsettled: WeakKeyDictionary[ProgramRecorder, dict[str, RecordedProcess]] = WeakKeyDictionary()


def _note(machine: Rehearsal, recorder: ProgramRecorder, settled: bool) -> bool:
    events = [event for event in recorder.news(_CHANGE) if _is_change(event)]
    unsettled = _unsettled.setdefault(recorder, {})
    if not events and not unsettled:
        return False
    authors, layers = of(machine), present(machine)
    noted = authors.layers.setdefault(layers[-1], {})
    before = dict(noted)
    spots = _Spots(authors.of(layers))
    known: dict[int, Author] = {}
    processes: dict[Author, RecordedProcess] = {}
    for event in events:
        one = event.process
        if one.number not in known:
            known[one.number] = _author(one, _point_of(machine), recorder.told)
            processes[known[one.number]] = one
        spots.take(event, known[one.number])
    for path, author, look in spots.changed():
        now = _look_at(machine, path) if look is _UNKNOWN else look
        if not spots.was_made(path, now):
            noted[path] = author, now
        if author in processes:
            unsettled[path] = processes[author]
    for path, process in list(unsettled.items()):
        if path in noted and noted[path][0].process == process.pid:
            noted[path] = noted[path][0], _look_at(machine, path)
        if settled or process.ended is not None:
            del unsettled[path]
    if not noted:
        del authors.layers[layers[-1]]
    return noted != before


def _point_of(machine: Rehearsal) -> str | None:
    history = machine._history
    return None if history is None or history.present is None else history.present.name


def last_of(story: Story) -> dict[str, RecordedProcess]:
    """{path: the process that changed it last} in a recording; renames carry it along."""
    spots: _Spots = _Spots({})
    for event in story.events:
        if _is_change(event):
            spots.take(event, event.process)
    return {path: process for path, process, _ in spots.changed()}  # (some with "/" behind)


def _is_change(event: Event) -> bool:
    from ostler.record.log import is_change

    return event.kind in _CHANGE and is_change(event)


def _author(one: RecordedProcess, point: str | None, told: _Told | None) -> Author:
    program = one.program
    if program is None:
        return Author(one.pid, (), point, "", one.cwd, one.uid)
    words = program.arguments
    if told is not None and words[: len(told[0])] == told[0]:
        words = told[1]
    return Author(one.pid, words, point, program.path, one.cwd, one.uid)


def _look_at(machine: Rehearsal, path: str) -> _Look:
    try:
        status = machine.lstat(path)
    except (OSError, ValueError):  # it is not there, or the machine is closed
        return None
    return _look(status.st_mode, status.st_size, status.st_mtime_ns)


def _look_of(record: Record | None) -> _Look:
    if record is None:
        return None
    return _look(record._status.st_mode, record.size, record.times[1])


def _look(mode: int, size: int, time: int) -> tuple[int, ...]:
    return (mode,) if stat.S_ISDIR(mode) else (mode, size, time)


# ---- the paths of a recording, as a tree: so a directory is renamed with all that is in it


_UNKNOWN: Any = ("it is to be looked at",)


class _Spot:
    __slots__ = ("author", "below", "gone", "look", "made", "moved")

    def __init__(self) -> None:
        self.below: dict[str, _Spot] = {}
        self.author: Any = None
        self.look: Any = None  # _UNKNOWN: what was changed in this recording
        self.gone: Any = None  # (who has renamed the directory that was there, or None; whether
        # that was in this recording)
        self.moved = False  # and with it all that is below it
        self.made = False  # by this recording: nothing was there before


class _Spots:
    def __init__(self, noted: dict[str, _Noted]) -> None:
        self._top = _Spot()
        self._made: set[str] = set()
        for path, (author, look) in noted.items():
            spot = self._at(path)
            if path.endswith("/") and path != "/":
                spot.gone = author, False
            else:
                spot.author, spot.look = author, look

    def _at(self, path: str) -> _Spot:
        spot = self._top
        for name in path.split("/"):
            if name:
                spot = spot.below.setdefault(name, _Spot())
        return spot

    def take(self, event: Event, author: Any) -> None:
        """Note what was done."""
        if event.outcome is None and event.kind in _MAKE:
            # It was tried, and who tries it again for what is there already (mkdir -p) fails.
            if self._at(event.path).look is _UNKNOWN:
                return
        spot = self._at(event.path)
        if event.kind == "rename":
            self._rename(event.path, event.other, author)
            spot = self._at(event.path)  # what is left there
        elif spot.author is None:
            spot.made = event.kind in _MAKE and event.outcome is True
        spot.author, spot.look = author, _UNKNOWN

    def _rename(self, path: str, other: str, author: Any) -> None:
        above, _, name = path.rstrip("/").rpartition("/")
        new_above, _, new = other.rstrip("/").rpartition("/")
        if not name or not new or path == other:
            return
        moved = self._at(path)
        self._at(above).below[name] = left = _Spot()
        left.made, left.gone = moved.made, (author, True)
        there = self._at(new_above).below
        if new in there:
            _bring_together(moved, there[new])
        there[new] = moved
        moved.author, moved.look = author, _UNKNOWN
        moved.moved, moved.made = True, False

    def changed(self) -> Iterator[tuple[str, Any, Any]]:
        """(path, author, how it looked or _UNKNOWN) of what this recording has changed."""
        waiting = [(self._top, "", False)]
        while waiting:
            spot, path, moved = waiting.pop()
            moved = moved or spot.moved
            if spot.author is not None and (moved or spot.look is _UNKNOWN):
                if spot.made:
                    self._made.add(path)
                yield path or "/", spot.author, spot.look
            if spot.gone is not None and (moved or spot.gone[1]):
                yield path + "/", spot.gone[0], None
            waiting += [(below, f"{path}/{name}", moved) for name, below in spot.below.items()]

    def was_made(self, path: str, look: _Look) -> bool:
        """Whether it was there for a while only: then nothing can differ by it."""
        return look is None and path in self._made


def _bring_together(spot: _Spot, old: _Spot) -> None:
    # What was removed in a directory is not known less when another one comes into its spot.
    waiting = [(spot, old)]
    while waiting:
        new, known = waiting.pop()
        new.gone = known.gone if new.gone is None else new.gone
        for name, below in known.below.items():
            if name in new.below:
                waiting.append((new.below[name], below))
            else:
                new.below[name] = below


# ---- the file


def write(machine: Rehearsal) -> None:
    """Write down the authors of a kept machine."""
    if machine._directory is not None and machine._authors is not None:
        write_into(machine._stores, machine._authors, machine._started)


def write_into(stores: int, authors: Authors, started: int) -> None:
    """Write them down in a directory where something is kept; without any there is no file."""
    path = b"/proc/self/fd/%d/%s" % (stores, uppers.AUTHORS)
    if not authors.layers:
        try:
            host.unlink(path)
        except FileNotFoundError:
            pass
        return
    numbers: dict[Author, int] = {}
    layers = [
        [
            layer,
            [
                [path, numbers.setdefault(author, len(numbers)), look]
                for path, (author, look) in noted.items()
            ],
        ]
        for layer, noted in authors.layers.items()
    ]
    found = {"version": VERSION, "started": started, "authors": list(numbers), "layers": layers}
    state_files.put(stores, uppers.AUTHORS, json.dumps(found).encode(), False)


def forget(machine: Rehearsal) -> None:
    """Remove what is written down of a machine's authors."""
    if machine._directory is not None:
        write_into(machine._stores, Authors(), 0)


def _read(stores: int, upper: StrOrBytesPath) -> tuple[int, Authors] | None:
    # (the beginning of the rehearsal that they are of, they).
    shown = host.path.join(host.fsdecode(upper), host.fsdecode(uppers.AUTHORS))
    try:
        fd = trust.own_file(uppers.AUTHORS, stores, shown)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        text = file.read(_LARGEST + 1)
    try:
        if len(text) > _LARGEST:
            raise ValueError
        return _parsed(json.loads(text.decode()))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise uppers.damaged(shown, "") from None


def _parsed(data: Any) -> tuple[int, Authors]:
    if data["version"] != VERSION:
        raise ValueError
    known = [_parsed_author(row) for row in data["authors"]]
    found = Authors()
    for layer, rows in data["layers"]:
        noted = found.layers[_number(layer)] = {}
        for path, number, look in rows:
            noted[_word(path)] = known[_number(number)], _parsed_look(look)
    return _number(data["started"]), found


def _parsed_author(row: Any) -> Author:
    pid, argv, point, program, cwd, uid = row
    words = tuple(map(_word, argv))
    name = None if point is None else _word(point)
    return Author(_number(pid), words, name, _word(program), _word(cwd), _number(uid))


def _parsed_look(look: Any) -> _Look:
    return None if look is None else tuple(map(_number, look))


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _word(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value
