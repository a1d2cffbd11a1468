"""Taking up: an upper that is begun, or that an earlier rehearsal has left, and who else uses it.

One rehearsal at a time has an upper, which a lock on its directory says: who holds it is told. What
a killed rehearsal has started may live on, and would write into the top that is taken up. The
kernel knows whether a directory is the top of an overlay that is still mounted, in whatever
namespace, and says so to who would mount one upon it exclusively: that is asked, with a mount that
can't succeed.
"""

from __future__ import annotations

import errno
import fcntl
import time

from ostler.core import mounts
from ostler.core.held import held
from ostler.machine import host
from ostler.machines.rehearsal import begun, journals, layers, uppers, writers
from ostler.machines.rehearsal.kept_points import Keeper, history_in, look_in, lost, sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import StrOrBytesPath

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.layers import Plan, Spaces
    from ostler.machines.rehearsal.layout import OverlayMount
    from ostler.machines.rehearsal.state_files import Extent
    from ostler.machines.rehearsal.uppers import State

_TRIES, _PAUSE = 40, 0.005  # until what a process had mounted is gone after its end


class TakenUp:
    """An upper that is locked for us: its `state`, None when it is empty, and its `history`.

    OSError (EBUSY), with who it is, where another rehearsal has it.
    """

    def __init__(
        self, stores: int, directory: bytes, base: bytes, upper: StrOrBytesPath, sync: bool
    ) -> None:
        self.stores = stores
        self.directory = directory
        self.upper = upper
        _lock(stores, upper)
        if layers.is_there(stores, begun.COMMITTING):
            from ostler.machines.rehearsal import committing

            committing.settle(stores, directory)
        elif journals.are_there():
            # Killed before it had a note: what it had prepared lies in the base, and would be seen.
            from ostler.machines.rehearsal import recovery

            recovery.recover()
        self.state, extent = _kept(stores, directory, base)
        has_rule = self.state is not None and "version" in self.state
        self.keeper = Keeper(sync, has_rule, extent)
        self.history = history_in(self.state, stores, directory, self.keeper)
        self._planned: set[bytes] = set()

    def check(self, as_root: bool, spaces: Spaces) -> None:
        """Refused where its marks are not read here, or somebody still writes to it."""
        uppers.check_marks(self.state, as_root, self.directory)
        if self.state is None:
            return
        for _, store in self.state["overlays"]:
            top = host.fsencode(store) + b"/upper"
            number_of_try = 0
            while _is_mounted(self.stores, self.directory, top, spaces):
                if number_of_try == _TRIES:
                    _refuse(self.stores, self.upper)
                number_of_try += 1
                time.sleep(_PAUSE)

    def check_plan(self, plan: Plan) -> None:
        """Refused where what is kept could not be shown."""
        planned = {target for target, _, overlaid, _ in plan if overlaid}
        lost(self.history, self.stores, self.state, planned)

    def furnish(self, overlay: OverlayMount) -> None:
        """Give an overlay the layers that it had, and how its top looked when it was new."""
        history = self.history
        if history is not None:
            overlay.frozen = tuple(history.stores_of(history.chain(history.at), overlay.target))
        look = look_in(self.state, overlay.target)
        if look is not None:
            overlay.look = look

    def by(self, machine: Rehearsal) -> None:
        """It is this machine's from now on."""
        state, keeper = self.state, self.keeper
        machine._keeper, machine._history = keeper, self.history
        keeper.of(machine, state)
        if state is not None:
            sweep(machine, state)
        if state is None or not _knows(state, machine._overlays):
            with keeper:
                keeper.write(True)


def _refuse(stores: int, upper: StrOrBytesPath) -> None:
    who = [f"process {pid} ({writers._program(pid)})" for pid in _living_on(stores)]
    said = who[0] if who else "something"
    said += " of an earlier rehearsal still runs on it"
    if len(who) > 1:
        said += f"; {len(who) - 1} more"
    raise OSError(errno.EBUSY, said, host.fsdecode(upper))


def _knows(state: State, overlays: tuple[OverlayMount, ...]) -> bool:
    known = {host.fsencode(target) for target, _ in state["overlays"]}
    return all(overlay.target in known for overlay in overlays)


def _kept(stores: int, directory: bytes, base: bytes) -> tuple[State | None, Extent | None]:
    """What an earlier rehearsal left here, None when the directory is empty; see state_in()."""
    state, extent = uppers.state_in(stores, directory, True)
    if state is not None and host.fsencode(state["base"]) != base:
        raise ValueError(f"upper belongs to a rehearsal of {state['base']!r}")
    return state, extent


def remove_dropped(upper: StrOrBytesPath) -> bool:
    """Remove what is left of an upper that was dropped; False where nothing was."""
    fd, path = uppers.opened(upper)
    try:
        if not begun.is_dropped(fd):
            return False
        _lock(fd, upper)
        uppers.removed(fd, path)
    finally:
        host.close(fd)
    return True


def remove_untaken(upper: StrOrBytesPath) -> None:
    """Drop and remove what is kept in an upper, without a mount: that needs no room.

    A commit of it that was interrupted is finished first, or taken back. OSError (EBUSY) where
    something has it, or still runs on it.
    """
    from ostler.machines.rehearsal import recovery

    fd, path = uppers.opened(upper)
    try:
        _lock(fd, upper)
        if _living_on(fd):
            _refuse(fd, upper)
        recovery.recover()
        uppers.removed(fd, path)
    finally:
        host.close(fd)


def _lock(stores: int, upper: StrOrBytesPath) -> None:
    """One rehearsal at a time in an upper, for as long as its descriptor is open."""
    # Twice: who waits until it is let go has it, too, for a moment, and then tries as we do.
    if _locked(stores):
        return
    time.sleep(_PAUSE)
    if _locked(stores):
        return
    said = "upper belongs to a rehearsal that is open"
    holders = [pid for pid in _having_open(stores) if pid != host.getpid()]
    if holders:
        said += f" in process {holders[0]} ({writers._program(holders[0])})"
    raise OSError(errno.EBUSY, said, upper)


def _locked(stores: int) -> bool:
    try:
        fcntl.flock(stores, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _having_open(stores: int) -> Iterator[int]:
    """The processes that have a directory open, as far as we may see that; the oldest first."""
    wanted = host.fstat(stores)
    for pid in writers._processes():
        try:
            names = host.listdir(b"/proc/%d/fd" % pid)
        except OSError:
            continue
        for name in names:
            try:
                status = host.stat(b"/proc/%d/fd/%s" % (pid, name))
            except OSError:
                continue
            if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                yield pid
                break


def _living_on(stores: int) -> list[int]:
    """The processes in whose mount namespace there are overlays of this upper."""
    wanted = b" - overlay %s " % layers.source_of(stores)
    return [
        pid
        for pid in writers._processes()
        if any(wanted in line for line in writers._lines(b"/proc/%d/mountinfo" % pid))
    ]


def _is_mounted(stores: int, directory: bytes, top: bytes, spaces: Spaces) -> bool:
    """Whether a directory is the top of an overlay that is mounted somewhere.

    Its work directory lies on another file system, so none is mounted here; but first the kernel
    looks whether somebody has that top.
    """
    options = b"index\0on\0" + (b"userxattr\0\0" if spaces[0] >= 0 else b"") + b"\0"
    with (
        mounts.build(
            -1, *spaces, [(mounts.NEW, None, b"tmpfs", None, None, b"mode\0000700\0\0", False)]
        ) as empty,
        held(host.dup, stores) as fd,
    ):
        if empty.number:
            raise OSError(empty.number, host.strerror(empty.number))
        inside = b"/proc/self/fd/%d/" % empty.root
        host.mkdir(inside + b"lower")
        host.mkdir(inside + b"work")
        upper = b"/proc/self/fd/%d/%s" % (fd, top)
        step = (
            mounts.OVERLAY_OVER, None, inside + b"lower\0", upper, inside + b"work", options, False,
        )  # fmt: skip
        place = fd, directory if spaces[0] >= 0 else None
        with mounts.build(-1, *spaces, [step], *place) as made:
            return made.number == errno.EBUSY
