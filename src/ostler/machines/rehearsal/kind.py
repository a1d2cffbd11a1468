"""Rehearsal: the real files, and everything that is changed kept aside (overlayfs)."""

from __future__ import annotations

import errno
import sys
import time
from contextlib import suppress

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.between import THIS
from ostler.machines.mount_points import any_below
from ostler.machines.refusals import given
from ostler.machines.rehearsal import (
    begun,
    clock,
    kept_points,
    layers,
    taking_up,
    uppers,
    walk,
    writers,
)
from ostler.machines.rehearsal.hard_links import noting
from ostler.machines.rehearsal.layout import OverlayMount
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.rename import exchanged, moved
from ostler.machines.rehearsal.with_points import WithPoints
from ostler.machines.rooted import Rooted, staying
from ostler.points.busy import Busy

# What applies, keeps, recovers and shows the changes is loaded when it is asked for: more than
# half of all this.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self, TypeVar, overload

    from _typeshed import StrOrBytesPath

    from ostler.machines.read_only import ReadOnly
    from ostler.machines.rehearsal.authors import Authors
    from ostler.machines.rehearsal.changes import Change
    from ostler.machines.rehearsal.flat import Flat
    from ostler.machines.rehearsal.kept_points import Keeper
    from ostler.machines.rehearsal.layers import Plan
    from ostler.machines.rehearsal.recovery import Outcome
    from ostler.machines.rehearsal.selection import Chosen
    from ostler.machines.rehearsal.uppers import State
    from ostler.machines.rehearsal.walk import Walk
    from ostler.machines.rehearsal.writers import Quiet
    from ostler.points.family import Member
    from ostler.points.history import History, Point
    from ostler.record.recorder import ProgramRecorder

    _R = TypeVar("_R", bound="Rehearsal")
    _Path = StrOrBytesPath
    _Fd = int | None  # of a directory


class Rehearsal(WithPoints, Rooted):
    """The files below `base` (default "/"), where every change is kept aside.

    `upper` is a directory in which the changes are kept on disk and can be taken up later;
    without it they are in memory and gone at close. For the part that lists and applies them:

    - `_authors`: who changed what, an Authors (see authors.py); None: that was not read yet.
    - `_base`: the base, bytes, absolute and resolved; the machine's "/" is this directory.
    - `_overlays`: tuple of OverlayMount: `target`, the directory's path below the base (b"" for the
      base itself), `store`, its name in `_stores`: `store`/b"upper" there holds what changed.
    - `_stores`: a descriptor of the directory that holds the stores.
    - `_prefix_of_marks`: b"trusted.overlay." or, for an ordinary user, b"user.overlay.".
    - `_started`: CLOCK_REALTIME_COARSE in nanoseconds at its beginning: what has a later ctime
      in the base was changed by somebody else;
    - `_own`: {inode: ctime} of what was changed there by this rehearsal's own commits.
    - `_directory`: the `upper` that was given, or None.
    - `_plan`: what it is mounted of, see layers.py.
    - `_keeper`: what writes down how it stands, of one with an `upper`; see kept_points.py.
    - `_history`: the History by which it has points (see points.py); None: it has had none.
    - `_busy`: held by who commits, discards or keeps the changes, or makes or goes to a point.
    - `_share`: what it has in common with its branches, a Member (see shares.py); None: nothing.
    """

    __slots__ = (
        "_authors",
        "_base",
        "_busy",
        "_directory",
        "_history",
        "_keeper",
        "_overlays",
        "_own",
        "_plan",
        "_prefix_of_marks",
        "_share",
        "_started",
    )
    _kind = "rehearsal"
    _authors: Authors | None
    _base: bytes
    _busy: Busy
    _directory: str | None
    _history: History | None
    _keeper: Keeper | None
    _overlays: tuple[OverlayMount, ...]
    _own: dict[int, int]
    _plan: Plan
    _prefix_of_marks: bytes
    _share: Member | None
    _started: int

    @classmethod
    def _over(
        cls, base: _Path | None = None, upper: _Path | None = None, sync: bool = False
    ) -> Self:
        """The machine over a directory, or MachineUnavailable."""
        return _rehearse(cls, base, upper, sync)

    @classmethod
    def _empty(cls) -> Self:
        machine = Rooted.__new__(cls)
        machine._busy = Busy()
        machine._authors = None
        return machine

    @property
    def _has_roots_marks(self) -> bool:
        return self._prefix_of_marks.startswith(b"trusted.")

    def _walk(self, overlay: OverlayMount) -> Walk:
        return walk.Walk(self, overlay)

    @staying
    def changes(
        self, since: Point | str | None = None, until: Point | str | None = None
    ) -> list[Change]:
        """In what the files here differ from the real ones: a list of Change, as a walk goes.

        `since`: a Point, or its name: from that on; `until`: up to that one, and not to now.
        """
        if since is not None or until is not None:
            from ostler.machines.rehearsal import moments

            found = moments.changes(self, since, until)
        else:
            found = walk.listed(self)
        self._tell_authors(since, until)(found)
        return found

    def _tell_authors(
        self, since: Point | str | None = None, until: Point | str | None = None
    ) -> Callable[[list[Change]], None]:
        self._catch_up()
        if self._authors is None and self._directory is None:
            return _tell_nothing  # no program was ever recorded here
        from ostler.machines.rehearsal import authors

        plain = since is None and until is None
        return authors.teller(self, None if plain else authors.between(self, since, until))

    def _note_recorded(self, recorder: ProgramRecorder) -> None:
        """A recording of what runs here is at its end: its changes have authors from now on."""
        from ostler.machines.rehearsal import authors

        if not self._closed:
            authors.note(self, recorder)

    def _catch_up(self, settled: bool = False) -> None:
        # Note what was recorded until now; what can't be written down now is at the end.
        recorders = sys.modules.get("ostler.record.recorder")
        for recorder in () if recorders is None else recorders.open_on(self):
            from ostler.machines.rehearsal import authors

            with suppress(OSError):
                authors.note(self, recorder, settled)

    @staying
    def diff(self, since: Point | str | None = None, until: Point | str | None = None) -> str:
        """The differences in text files, as a unified diff (str); binary files and directories that
        were created or removed are named.

        `since` and `until`, as for changes().
        """
        if since is not None or until is not None:
            from ostler.machines.rehearsal import moments

            return moments.diff(self, since, until)
        from ostler.machines.rehearsal import pictures

        return walk.of_one_state(
            self,
            lambda overlays: pictures.difference(map(self._walk, overlays), self._tell_authors()),
        )

    @staying
    def commit(
        self,
        paths: Chosen | Iterable[Chosen] | None = None,
        *,
        leave_behind: bool = False,
        upto: Point | str | None = None,
    ) -> list[Change]:
        """Apply the changes to the real files: all, or those at these paths and below them.

        A path, or an iterable of paths or Changes. First it is made sure that nobody else has
        changed any of it since the rehearsal began: else CommitConflict, with the `paths`, and
        nothing is done. On any other error, too, all is taken back; an interrupted commit is
        finished or undone by the next recover(). Returns the changes that were applied; the
        rehearsal goes on, with those that were not, and without points. Where there is nothing to
        apply, nothing is done, and the points stay.

        OSError (EBUSY) while a file is open for writing here, or a child runs on the machine: what
        they write afterwards would be lost. With `leave_behind` it is.

        `upto`: a Point that the machine lies upon, or its name. What was changed until then is
        applied, and what was changed since stays, over what the base is then. The point stays, as
        the base, with those that were made upon it; others are gone. ValueError with `paths`.
        """
        from ostler.machines.rehearsal import commits

        if upto is not None and paths is not None:
            raise ValueError("a commit is of some paths, or up to a point, not both")
        with self._busy:
            tell = self._tell_authors(None, upto)
            done = commits.commit(self, paths, leave_behind, upto=upto)
            tell(done)
            return done

    @staying
    def _commit_at_last(self, paths: Chosen | Iterable[Chosen] | None = None) -> list[Change]:
        """commit(), after which this machine is only closed."""
        from ostler.machines.rehearsal import commits

        with self._busy:
            tell = self._tell_authors()
            done = commits.commit(self, paths, False, False)
            tell(done)
            return done

    def _quiet(self, leave_behind: bool) -> Quiet:
        return writers.Quiet(self, leave_behind)

    def _flat(self) -> Flat | Quiet:
        if self._history is None:
            return writers.Unneeded(self, False)
        from ostler.machines.rehearsal.flat import Flat

        return Flat(self)

    def _begin_again(self, keep: bool, done: Iterable[Change]) -> None:
        _renew(self, keep)

    @staying
    def keep(self, directory: _Path, *, points: bool = False) -> None:
        """Copy the changes into a new or empty directory, for rehearsal(base, upper=directory).

        The rehearsal itself stays as it is. With `points` they are kept as well, and what was
        changed shares its room where both are on one file system; who is in the middle of something
        is refused then, as by checkpoint(). FileExistsError or OSError (ENOTEMPTY) when something
        is there.
        """
        from ostler.machines.rehearsal import keeping, second

        if points:
            with self._busy:
                second.keep(self, directory)
            return
        with self._busy, self._flat():
            fd = keeping.copied(self, directory)
            try:
                self._keep_authors(fd, False)
                kept_points.write_plainly(self, fd)
            finally:
                host.close(fd)

    def _know_authors_of(self, other: Rehearsal) -> None:
        self._authors = None if other._authors is None else other._authors.copy()

    def _keep_authors(self, fd: int, points: bool) -> None:
        self._catch_up()
        if self._authors is not None or self._directory is not None:
            from ostler.machines.rehearsal import authors

            found = authors.of(self)
            found = found if points else found.flat(authors.present(self))
            authors.write_into(fd, found, self._started)

    @staying
    def discard(self, *, leave_behind: bool = False) -> None:
        """Drop all changes: the files here are the real ones again.

        OSError (EBUSY), and `leave_behind`, as for commit(). Of what is kept on a full disk all is
        removed first; where there is no room even then, that is an OSError, and it is closed.
        """
        with self._busy, self._quiet(leave_behind) as still:
            _renew(self, False)
            still.over()

    @staticmethod
    def recover() -> list[Outcome]:
        """Finish or undo this user's interrupted commits: a list of (base, outcome).

        `outcome`: "finished", "undone", or "left" where neither was possible; then a third member
        is where everything is kept, and a fourth why.
        """
        from ostler.machines.rehearsal import recovery

        return recovery.recover()

    @staying
    def tree(self) -> str:
        """The changes as a tree, with sizes: a str, which rich shows in colours."""
        from ostler.machines.rehearsal import pictures

        return pictures.tree(host.fsdecode(self._base), self.changes())

    def _or_moved(
        self,
        rename: Callable[..., None],
        src: _Path,
        dst: _Path,
        src_dir_fd: _Fd,
        dst_dir_fd: _Fd,
        replace: bool = True,
    ) -> None:
        # The kernel's rename of this kind, or where it won't do that, ours.
        try:
            rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        except OSError as error:
            fds = src_dir_fd, dst_dir_fd
            if error.errno != errno.EXDEV or not moved(self, src, dst, *fds, replace):
                raise

    def rename(
        self, src: _Path, dst: _Path, *, src_dir_fd: _Fd = None, dst_dir_fd: _Fd = None
    ) -> None:
        """As os.rename, also where the kernel won't do it here (see rename.py)."""
        self._or_moved(super().rename, src, dst, src_dir_fd, dst_dir_fd)

    def replace(
        self, src: _Path, dst: _Path, *, src_dir_fd: _Fd = None, dst_dir_fd: _Fd = None
    ) -> None:
        """As os.replace; a directory of the base that the kernel won't rename here is moved."""
        self._or_moved(super().replace, src, dst, src_dir_fd, dst_dir_fd)

    def link(
        self,
        src: _Path,
        dst: _Path,
        *,
        src_dir_fd: _Fd = None,
        dst_dir_fd: _Fd = None,
        follow_symlinks: bool = True,
    ) -> None:
        """As os.link; of a file of the base with several names it is noted which it is."""
        keys = {"src_dir_fd": src_dir_fd, "dst_dir_fd": dst_dir_fd}
        with noting(self, src, dst, **keys, follow=follow_symlinks):
            super().link(src, dst, **keys, follow_symlinks=follow_symlinks)

    def rename_noreplace(
        self, src: _Path, dst: _Path, *, src_dir_fd: _Fd = None, dst_dir_fd: _Fd = None
    ) -> None:
        """As ostler.rename_noreplace; a directory that the kernel won't rename here is moved."""
        self._or_moved(super().rename_noreplace, src, dst, src_dir_fd, dst_dir_fd, False)

    def exchange(
        self, first: _Path, second: _Path, *, first_dir_fd: _Fd = None, second_dir_fd: _Fd = None
    ) -> None:
        """As ostler.exchange; directories that the kernel won't rename here are moved."""
        fds = first_dir_fd, second_dir_fd
        try:
            super().exchange(first, second, first_dir_fd=fds[0], second_dir_fd=fds[1])
        except OSError as error:
            if error.errno != errno.EXDEV or not exchanged(self, first, second, *fds):
                raise


def _rehearse(kind: type[_R], base: _Path | None, upper: _Path | None, sync: bool) -> _R:
    mounts.directory("/" if base is None else base, "rehearsal").close()
    base = host.path.realpath(host.fsencode("/" if base is None else base), strict=True)
    started = time.time_ns()
    with (
        given(mounts.scratch(None, None), "a rehearsal") as space,
        _opened(upper, base) as opened,
    ):
        taken = None
        if upper is None:
            stores, directory, state = space.root, b"", None
        else:
            stores = opened.root
            directory = host.readlink(b"/proc/self/fd/%d" % stores)
            taken = taking_up.TakenUp(stores, directory, base, upper, sync)
            state = taken.state
        left: list[bytes] = []
        spaces = space.user_ns, space.mount_ns
        as_root = _has_roots_marks(stores, space.user_ns)
        if taken is not None:
            taken.check(as_root, spaces)
        built, overlays, plan = layers.mounted(
            base, stores, directory or None, state, spaces, as_root, left, taken
        )
        # Nothing has been read here yet: what is changed until now is what is seen.
        if state is None:
            began = clock.instant(space.root, _tops(base, overlays)) or clock.from_now_on(started)
        else:
            began = state["started"]
        machine = kind._empty()
        guarantees = {**_GUARANTEES, "points": _POINTS}
        if left:
            guarantees["read-only"] = "something is mounted below: " + ", ".join(
                host.fsdecode(top) for top in left
            )
        machine._become(built.root, *spaces, guarantees, stores, built, space, opened)
        machine._base = machine._origin = base
        machine._mounted, machine._overlaid = len(plan) > 1 or any_below(base), True
        machine._directory = None if upper is None else host.fsdecode(directory)
        machine._overlays, machine._plan = tuple(overlays), plan
        machine._history = machine._share = None
        machine._prefix_of_marks = uppers.prefix_of_marks(as_root)
        machine._started = began
        machine._own = {} if state is None else dict(state.get("own", ()))
        machine._keeper = None
        if taken is not None:
            try:
                taken.by(machine)
            except BaseException:
                machine.close()
                raise
        machine._stand_as_process(base)
        return machine


def _tops(base: bytes, overlays: Iterable[OverlayMount]) -> list[bytes]:
    return [base.rstrip(b"/") + b"/" + overlay.target for overlay in overlays]


def _opened(upper: _Path | None, base: bytes) -> mounts.Made:
    """The upper's directory, held until a machine has taken it over."""
    return mounts.Made() if upper is None else mounts.Made(uppers.opened(upper, base)[0])


_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC
_GUARANTEES = {
    "files": "every change is kept in an overlay (overlayfs); the base is only read",
    "elsewhere": "writes outside the overlays fail with EROFS (read-only mounts)",
    "not covered": "sockets, devices and processes of the host are the real ones",
}

_POINTS = (
    "layers below a new overlay, read-only for all (kernel); the base is not frozen, and what runs "
    "goes on in the state that is left"
)


def _has_roots_marks(stores: int, user_ns: int) -> bool:
    """Whether an overlay here marks its files as root's does; root of a user namespace may not."""
    if user_ns >= 0:
        return False
    path = b"/proc/self/fd/%d" % stores
    try:
        host.setxattr(path, b"trusted.ostler", b"")
        host.removexattr(path, b"trusted.ostler")
    except PermissionError:
        return False
    return True


def _renew(machine: Rehearsal, keep: bool) -> None:
    """Mount a rehearsal anew: with what is kept aside, or with nothing, as if it began now.

    After an OSError it is what it was. Where the disk is full, what is dropped is removed before.
    """
    keeper = machine._keeper  # which one that was closed by an error does not show any more
    try:
        _mount_anew(machine, keep)
    except OSError as error:
        if error.errno not in kept_points.FULL or keeper is None or machine._closed:
            raise
        if keep:
            # The room that is kept for such a case, and what was freed just now.
            keeper.give_room()
            mounts.sync_filesystem(machine._stores)
            _mount_anew(machine, keep)
        elif machine._share is None:
            _mount_in_room_of_old(machine)
        else:
            raise


def _mount_in_room_of_old(machine: Rehearsal) -> None:
    # From drop() on nothing is kept, whoever kills it; it is taken up as an empty one then.
    names = {overlay.store for overlay in machine._overlays}
    history, keeper = machine._history, machine._keeper
    if history is not None:
        names |= history.paths()
    assert keeper is not None
    with keeper, OwnTree(host.open(b".", _OPEN, dir_fd=machine._stores)) as place:
        begun.drop(place)
        if keeper.sync:
            host.fsync(machine._stores)
    layers.remove_stores(machine._stores, names)
    mounts.sync_filesystem(machine._stores)  # ext4 gives freed room to nobody before
    try:
        _mount_anew(machine, False)
    except BaseException as error:
        machine._close_because(f"its changes are dropped, but it can't go on: {error}")
        raise
    layers.remove_stores(machine._stores, [begun.DROPPED])


def _mount_anew(machine: Rehearsal, keep: bool) -> None:
    stores, keeper = machine._stores, machine._keeper
    # Where it is now: it may have been moved.
    directory = None if keeper is None else host.readlink(b"/proc/self/fd/%d" % stores)
    before = machine._overlays, machine._started, machine._own, machine._plan
    old = {overlay.store for overlay in machine._overlays}
    noted = _authors_after(machine, keep)
    history, machine._history = machine._history, None
    if history is not None:
        history.background.drop()
        old.update(history.paths())
    pairs = [(host.fsdecode(o.target), host.fsdecode(o.store)) for o in machine._overlays]
    state: State = {"overlays": pairs if keep else [], "last": pairs}
    started, own = machine._started, machine._own
    if not keep:
        state["taken"] = [host.fsdecode(store) for store in old]
        started, own = clock.from_now_on(time.time_ns()), {}
    as_root = machine._has_roots_marks
    spaces = machine._user_ns, machine._mount_ns
    try:
        built, overlays, plan = layers.mounted(
            machine._base, stores, directory, state, spaces, as_root, []
        )
    except BaseException:
        machine._history = history
        raise
    try:
        machine._overlays, machine._started, machine._own = tuple(overlays), started, own
        machine._plan = plan
        if keeper is not None:
            with keeper:
                keeper.write(True)
    except BaseException:
        built.close()
        machine._overlays, machine._started, machine._own, machine._plan = before
        machine._history = history
        if not keep and (keeper is None or keeper.wrote_back()):
            layers.remove_stores(stores, [overlay.store for overlay in overlays])
        raise
    try:
        layers.stand_on(machine, built)
        machine._mounted = len(plan) > 1 or any_below(machine._base)
    except BaseException:
        machine._close_because("it was interrupted while it was mounted anew")
        raise
    new = {overlay.store for overlay in overlays}  # or the same as before, where much is kept
    if machine._share is not None:
        from ostler.machines.rehearsal import shares

        old |= machine._share.tops
        shares.tell(machine)
        old = machine._share.family.let_go(old - new)
    elif history is not None:
        old.add(history.place)
    old -= new
    layers.remove_stores(stores, old)
    if noted is not None:
        from ostler.machines.rehearsal import authors

        machine._authors = noted
        with suppress(OSError):  # then nobody knows who it was
            authors.write(machine)


def _tell_nothing(changes: list[Change]) -> None:
    pass


def _authors_after(machine: Rehearsal, keep: bool) -> Authors | None:
    """The authors of what is left when a rehearsal is mounted anew; None: none was ever noted.

    What is written down of them is removed before: numbers of layers are given again.
    """
    machine._catch_up()
    if machine._authors is None and machine._directory is None:
        return None
    from ostler.machines.rehearsal import authors

    try:
        noted = authors.of(machine).flat(authors.present(machine)) if keep else authors.Authors()
    except (OSError, ValueError):
        noted = authors.Authors()
    authors.forget(machine)
    return noted
