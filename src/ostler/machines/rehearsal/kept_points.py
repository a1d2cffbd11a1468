"""Kept points: what a rehearsal with an upper on disk writes down, and takes up again.

All of it stands in one file, STATE, which is replaced as a whole or added to (state_files.py):
which stores are the layers, which is the top, and the points. What that names as a layer is never
changed again; what it does not name is garbage, which is removed when the upper is taken up. So the
order is always the same: what is new is made, then it is written down in one step, and only then is
removed what nothing names any more.
Whatever kills the process in between, one state or the other stands there whole. A machine that is
`sync` has what it names written to the disk before, and the same holds when the power goes.
"""

from __future__ import annotations

import contextlib
import errno
import weakref
from functools import partial

from ostler.core import mounts
from ostler.machine import host
from ostler.machines import trust
from ostler.machines.rehearsal import layers, unmounted, uppers
from ostler.machines.rehearsal.begun import is_of_state
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.state_files import StateFile
from ostler.points.amended import Written
from ostler.points.history import History
from ostler.points.unwritten import Unwritten
from ostler.points.written import Malformed, as_data, from_data, is_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.state_files import Extent
    from ostler.machines.rehearsal.uppers import State


FULL = (errno.ENOSPC, errno.EDQUOT)


class Keeper(Unwritten):
    """What writes down how a machine stands.

    - `sync`: whether that stands even when the power goes
    - `has_rule`: whether what the state does not name is garbage: since the first point
    """

    writes = True

    def __init__(self, sync: bool, has_rule: bool, extent: Extent | None = None) -> None:
        super().__init__()
        self.sync = sync
        self.has_rule = has_rule
        self._machine: weakref.ref[Rehearsal] | None = None
        self._file = StateFile(extent, sync)
        self._written: Written | None = None  # what stands there of the history
        self._parts: State = {}  # and of everything else

    def of(self, machine: Rehearsal, state: State | None) -> None:
        """It is this machine that is written down from now on; this is what stands there."""
        self._machine = weakref.ref(machine)
        if machine._history is not None and state is not None:
            self._written = Written(machine._history)
            self._parts = state

    def __enter__(self) -> None:
        super().__enter__()
        self._file.is_new = False

    def enter(self, seconds: float) -> bool:
        """As `with`, for who waits no longer than this; whether it is held now."""
        held = super().enter(seconds)
        if held:
            self._file.is_new = False
        return held

    def write(self, stores_are_new: bool = False) -> None:
        """Write down how everything stands, where that is not what is written already."""
        machine = None if self._machine is None else self._machine()
        if machine is None or machine._closed:
            raise OSError(errno.EBADF, "the machine is closed")
        parts, history, written = _parts_of(machine, self.has_rule), machine._history, self._written
        if (
            written is None
            or written.history is not history
            or history.changed.whole
            or self._file.is_grown()
            or not self._added(machine, parts, written, stores_are_new)
        ):
            grown = written
            anew = None if history is None else Written(history)  # before: it goes on
            self._settle(machine, stores_are_new)
            try:
                self._file.replace(machine._stores, state_of(machine, self.has_rule))
                self._written = written = anew
            except OSError as error:
                # A full disk has room for a record.
                if (
                    error.errno not in FULL
                    or grown is None
                    or history is None
                    or grown.history is not history
                    or history.changed.whole
                    or not self._added(machine, parts, grown, False)
                ):
                    raise
        self._parts = parts
        if written is not None:
            written.is_written()

    def give_room(self) -> bool:
        """Give back room on the disk that is kept for what is written; whether there was any."""
        machine = None if self._machine is None else self._machine()
        if machine is None:
            return False
        with self:
            return self._file.give_room(machine._stores)

    def _added(
        self, machine: Rehearsal, parts: State, written: Written, stores_are_new: bool
    ) -> bool:
        # What has changed is added to the file; whether that is the one that is known.
        record = {key: value for key, value in parts.items() if value != self._parts.get(key)}
        amendment = written.amendment()
        if amendment:
            record["history"] = amendment
        if not record:
            return True
        self._settle(machine, stores_are_new)
        return self._file.add(machine._stores, record)

    def _settle(self, machine: Rehearsal, stores_are_new: bool) -> None:
        # What is named is on the disk before its name is.
        if self.sync and stores_are_new:
            mounts.sync_filesystem(machine._stores)

    def wrote_back(self) -> bool:
        """Write down how everything stands again; whether what stands there is true now."""
        if not self._file.is_new:
            return True
        self._written = None
        try:
            self.write()
        except OSError:
            return False
        return True


def state_of(
    machine: Rehearsal, has_rule: bool, tops: Sequence[OverlayMount] | None = None
) -> State:
    """What is written down of a kept machine, as it stands, or with other overlays."""
    state = _parts_of(machine, has_rule, tops)
    if has_rule:
        state["history"] = None if machine._history is None else as_data(machine._history)
    return state


def _parts_of(
    machine: Rehearsal, has_rule: bool, tops: Sequence[OverlayMount] | None = None
) -> State:
    # All but the history.
    overlays = machine._overlays if tops is None else tops
    state: State = {
        "base": host.fsdecode(machine._base),
        "started": machine._started,
        "overlays": [[host.fsdecode(o.target), host.fsdecode(o.store)] for o in overlays],
        "own": [list(pair) for pair in machine._own.items()],
        "marks": uppers.name_of_marks(machine._has_roots_marks),
    }
    if has_rule:
        state["version"] = uppers.VERSION
        state["looks"] = [[host.fsdecode(o.target), _as_text(o.look)] for o in overlays]
    return state


def write_plainly(machine: Rehearsal, fd: int) -> None:
    """Write down what is kept of a machine in another directory: without points."""
    StateFile(None, False).replace(fd, state_of(machine, False))


def _as_text(look: Any) -> Any:
    if look is None:
        return None
    numbers, attributes = look
    return [list(numbers), {name: value.hex() for name, value in attributes.items()}]


def look_in(state: State | None, target: bytes) -> object:
    """How the top of an overlay looked when it was new, as far as a state says it."""
    for known, look in () if state is None else state.get("looks", ()):
        if host.fsencode(known) == target and look is not None:
            numbers, attributes = look
            return tuple(numbers), {k: bytes.fromhex(value) for k, value in attributes.items()}
    return None


def begin(machine: Rehearsal) -> History:
    """A new History of a kept machine."""
    keeper = machine._keeper
    assert keeper is not None
    keeper.has_rule = True
    return History(writer=keeper)


def check_command(machine: Rehearsal, command: object) -> None:
    """A TypeError for what can't be written down with a point."""
    if machine._keeper is not None and not is_command(command):
        kind = type(command).__name__
        raise TypeError(f"command should be a str or a list of str where it is kept, not {kind}")


def history_in(state: State | None, stores: int, upper: bytes, keeper: Keeper) -> History | None:
    """The History that a state tells of, where all that it names is there and the reader's own."""
    history = None if state is None else _read(state, upper, keeper)
    if state is not None and history is not None:
        tops = {host.fsencode(store) for _, store in state["overlays"]}
        check_stores(stores, history.paths() | tops, upper)
    return history


def _read(state: State, upper: bytes, keeper: Keeper) -> History | None:
    if state.get("history") is None:
        return None
    tops = [(target, store) for target, store in state["overlays"]]
    try:
        return from_data(state["history"], tops, uppers.is_layer, keeper)
    except Malformed as error:
        raise uppers.damaged(host.path.join(upper, uppers.STATE.encode()), str(error)) from None


def listed(upper: StrOrBytesPath) -> tuple[str, History | None]:
    """(the base, the History) of what is kept in a directory, which another one may have just now.

    Nothing is mounted, and nothing of the layers is looked at.
    """
    fd, path = uppers.opened(upper)
    try:
        state = uppers.state_of(fd, path)
    finally:
        host.close(fd)
    if state is None:
        raise FileNotFoundError(errno.ENOENT, "nothing is kept there", host.fsdecode(upper))
    return str(state["base"]), _read(state, path, Keeper(False, True))


def check_stores(stores: int, paths: Iterable[bytes], upper: bytes) -> None:
    """Refused unless each of these is there, reached through directories of the reader's own."""
    checked: set[bytes] = set()
    for path in sorted(paths):
        here = b""
        for name in path.split(b"/")[:-1]:
            here = here + b"/" + name if here else name
            if here not in checked:
                host.close(_own(stores, here, upper))
                checked.add(here)
        host.close(_own(stores, path, upper))
        uppers.check_store(stores, path, upper)
        if not layers.is_there(stores, path + b"/upper"):
            raise _missing(path + b"/upper", upper)


def _own(stores: int, path: bytes, upper: bytes) -> int:
    shown = host.path.join(host.fsdecode(upper), host.fsdecode(path))
    try:
        found: int = trust.own_directory(path, stores, shown)
    except FileNotFoundError:
        raise _missing(path, upper) from None
    return found


def _missing(path: bytes, upper: bytes) -> OSError:
    shown = host.path.join(host.fsdecode(upper), host.fsdecode(path))
    return FileNotFoundError(errno.ENOENT, "a layer that is kept there is missing", shown)


def lost(history: History | None, stores: int, state: State | None, planned: set[bytes]) -> None:
    """Refused where something was changed in a directory that is overlaid no more."""
    if state is None:
        return
    tops = {host.fsencode(target): host.fsencode(store) for target, store in state["overlays"]}
    changed = set()
    if history is not None:
        changed = {target for layer in history.layers.values() for target in layer.stores}
    for target in tops.keys() - planned:
        with contextlib.suppress(FileNotFoundError):  # killed before it was made
            if host.listdir(b"/proc/self/fd/%d/%s/upper" % (stores, tops[target])):
                changed.add(target)
    for target in sorted(changed - planned):
        raise OSError(errno.ESTALE, unmounted.NOT_MOUNTED, "/" + host.fsdecode(target))


def sweep(machine: Rehearsal, state: State) -> None:
    """Have what the state of a taken up machine does not name removed, in the background."""
    history = machine._history
    named = {overlay.store for overlay in machine._overlays}
    named.update(host.fsencode(store) for _, store in state["overlays"])  # not all are mounted
    if history is not None:
        named |= history.paths()
    with OwnTree(host.open(b".", host.O_PATH | host.O_DIRECTORY, dir_fd=machine._stores)) as place:
        gone = _not_named(place, named, "version" in state)
    if history is not None:
        tops = {overlay.store for overlay in machine._overlays}
        gone |= {store + b"/work" for store in history.paths() - tops}
    if history is None:
        layers.remove_stores(machine._stores, gone)
    elif gone:
        stores = mounts.duplicate(machine._stores)
        history.background.add(partial(remove, stores, gone))


def remove(stores: mounts.Made, names: Iterable[bytes]) -> None:
    """Remove stores, with a descriptor of where they are, which is closed then."""
    with stores:
        layers.remove_stores(stores.root, names)


def _not_named(place: OwnTree, named: set[bytes], has_rule: bool) -> set[bytes]:
    gone: set[bytes] = set()
    above = {path.rpartition(b"/")[0] for path in named}
    for name in host.listdir(b"/proc/self/fd/%d" % place.fd):
        if is_of_state(name) or (has_rule and _is_number(name) and name not in named):
            gone.add(name)
    if place.status(uppers.LAYERS) is None:
        return gone
    for name, _ in place.entries(uppers.LAYERS):
        path = uppers.LAYERS + b"/" + name
        if not _is_number(name):
            continue
        if path not in above:
            gone.add(path)
            continue
        inside = {path + b"/" + each for each, _ in place.entries(path) if _is_number(each)}
        gone |= inside - named
    return gone


def _is_number(name: bytes) -> bool:
    return uppers.is_store(name.decode("latin-1"))
