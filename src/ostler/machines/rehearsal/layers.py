"""Layers: mounting what a rehearsal is made of, and the stores in which its changes are kept."""

from __future__ import annotations

import contextlib
import errno
import time

from ostler.core import mounts
from ostler.core.held import held
from ostler.machine import MachineUnavailable, host
from ostler.machines import refusals
from ostler.machines.mount_points import any_below
from ostler.machines.rehearsal import layout, standing, unmounted, uppers
from ostler.machines.rehearsal.changes import ACL, NARROWED
from ostler.machines.rehearsal.layout import OverlayMount, without_strangers
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.whereabouts import Whereabouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ostler.machines.rehearsal.kind import Rehearsal
    from ostler.machines.rehearsal.taking_up import TakenUp
    from ostler.machines.rehearsal.uppers import State

    Spaces = tuple[int, int]  # descriptors of the user and the mount namespace, or -1
    # What is mounted: (target, lower, whether it is overlaid, whether it is read-only). Without a
    # lower it is nothing: an empty directory, over the one in which a rehearsal itself is kept. It
    # is the last one, and may be at two places.
    Place = tuple[bytes, bytes, bool, bool]
    Plan = Sequence[Place]

_OPEN = host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC
_EMPTY = b"mode\x000555\0size\x004096\0nr_inodes\x002\0source\0ostler\0\0"
_MARKS = ("trusted.overlay.", "user.overlay.")
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.EINVAL)
_TRIES, _PAUSE = 10, 0.005


def mounted(
    base: bytes,
    stores: int,
    directory: bytes | None,
    state: State | None,
    spaces: Spaces,
    as_root: bool,
    left: list[bytes],
    taken: TakenUp | None = None,
) -> tuple[mounts.Made, list[OverlayMount], Plan]:
    """Mount what a rehearsal is made of: (what was made, [OverlayMount], the plan of all mounts).

    `directory`: the path of the stores (bytes), None where they are in memory; `spaces`:
    descriptors of the user and the mount namespace, or -1.
    """
    has_mounts = any_below(base)
    for number_of_try in range(_TRIES):
        plan: Plan = ()
        try:
            plan = layout.planned(base, as_root, left, _targets(state), directory)
            if taken is not None:
                taken.check_plan(plan)
            built, overlays = _mounted_once(plan, stores, directory, state, spaces, as_root, taken)
            return built, overlays, plan
        except OSError as error:
            # What is mounted below the base may go and come while it is looked at.
            has_mounts = has_mounts or len(plan) > 1 or any_below(base)
            if error.errno not in _GONE or number_of_try + 1 == _TRIES or not has_mounts:
                raise
            left.clear()
            time.sleep(_PAUSE)
    raise AssertionError


def _mounted_once(
    plan: Plan,
    stores: int,
    directory: bytes | None,
    state: State | None,
    spaces: Spaces,
    as_root: bool,
    taken: TakenUp | None,
) -> tuple[mounts.Made, list[OverlayMount]]:
    overlays: list[OverlayMount] = []
    fresh: list[bytes] = []
    try:
        _furnish(plan, stores, state, as_root, overlays, fresh, taken)
        with held(host.dup, stores) as fd:
            # An overlay takes the mounts of its own namespace alone: there the directory is looked
            # for by its path, and used when it is the very one.
            place = fd, directory if spaces[0] >= 0 else None
            wanted = _ToMount(stores, place, spaces, as_root, plan, overlays, {}, False)
            return _build(wanted), overlays
    except BaseException:
        remove_stores(stores, fresh)
        raise


def _furnish(
    plan: Plan,
    stores: int,
    state: State | None,
    as_root: bool,
    overlays: list[OverlayMount],
    fresh: list[bytes],
    taken: TakenUp | None,
) -> None:
    # The overlays of a plan, each with its store; those that are new are `fresh`, too.
    for target, lower, overlaid, _ in plan:
        if not overlaid:
            continue
        store, new = _store(stores, state, target, len(overlays))
        if new:
            fresh.append(store)
        overlays.append(OverlayMount(target, store, lower))
        overlays[-1].look = _prepare(stores, store, lower, as_root)
        if taken is not None:
            taken.furnish(overlays[-1])


def mounted_again(
    machine: Rehearsal,
    overlays: Sequence[OverlayMount],
    kept: dict[bytes, int],
    only_read: bool = False,
) -> mounts.Made:
    """Mount the same again, with these layers.

    `kept`: {target: a descriptor of the top of an overlay that stays the one that it is};
    `only_read`: without the stores, of what is frozen alone.
    """
    return _again(machine, machine._plan, overlays, kept, only_read)


def _again(
    machine: Rehearsal,
    plan: Plan,
    overlays: Sequence[OverlayMount],
    kept: dict[bytes, int],
    only_read: bool,
) -> mounts.Made:
    spaces, as_root = (machine._user_ns, machine._mount_ns), machine._has_roots_marks
    with held(host.dup, machine._stores) as fd:
        kept_at = None
        if machine._keeper is not None and spaces[0] >= 0:
            kept_at = host.readlink(b"/proc/self/fd/%d" % fd)
        place = fd, kept_at
        return _build(
            _ToMount(
                machine._stores, place, spaces, as_root, plan, overlays, kept, only_read,
                machine._places_may_go,
            )
        )  # fmt: skip


class _ToMount:
    """What is to be mounted.

    - `stores`: a descriptor of the stores; `place`: (another one, the path at which it must be, or
      None), for who mounts
    - `spaces`: descriptors of the user and the mount namespace, or -1; `as_root`: whose marks
    - `plan`, `overlays`: all mounts, and those of them that are overlays
    - `kept`, `only_read`: see mounted_again()
    - `in_parts`: what is no overlay is shown with all below it, where there is a place for it
    - `shown_at`: the paths of the overlays, as they were mounted last; None: it has none
    """

    def __init__(
        self,
        stores: int,
        place: tuple[int, bytes | None],
        spaces: Spaces,
        as_root: bool,
        plan: Plan,
        overlays: Sequence[OverlayMount],
        kept: dict[bytes, int],
        only_read: bool,
        in_parts: bool = False,
    ) -> None:
        self.stores = stores
        self.place = place
        self.spaces = spaces
        self.as_root = as_root
        self.plan = plan
        self.overlays = overlays
        self.kept = kept
        self.only_read = only_read
        self.in_parts = in_parts
        self.shown_at: list[bytes | None] = []


def _build(wanted: _ToMount) -> mounts.Made:
    apart: list[mounts.Made] = []
    try:
        built, failed = _tried(wanted, apart)
    finally:
        _close_all(apart)
    number, step = built.number, built.step
    if number and step == "upper":
        raise OSError(number, "upper was moved meanwhile", host.fsdecode(wanted.place[1] or b""))
    if number:
        raise refusals.of_layers(wanted.stores, failed[1], number, step, wanted.in_parts)
    for overlay, place in zip(wanted.overlays, wanted.shown_at, strict=True):
        overlay.place = place
        overlay.device = _device_at(built.root, place) if len(wanted.overlays) > 1 else None
    return built


def check_room(built: mounts.Made, overlays: Iterable[OverlayMount]) -> None:
    """OSError (ENOSPC) where one of these, which were just mounted, can't be changed.

    Where there is no room for a directory of its own, the kernel has an overlay read-only.
    """
    for overlay in overlays:
        place = overlay.place
        top = None if place is None else standing.opened_at(built.root, place)
        if top is not None:
            with top:
                if host.fstatvfs(top.root).f_flag & host.ST_RDONLY:
                    raise OSError(errno.ENOSPC, host.strerror(errno.ENOSPC))


def _device_at(root: int, place: bytes | None) -> int | None:
    if not place:
        return None if place is None else host.fstat(root).st_dev
    try:
        return host.stat(place, dir_fd=root, follow_symlinks=False).st_dev
    except OSError:  # not ours to look for
        return None


def alone(machine: Rehearsal, overlay: OverlayMount, stores: Iterable[bytes]) -> mounts.Made:
    """What an overlay with these layers shows, read-only, where there is no place for it."""
    lower = next(lower for target, lower, _, _ in machine._plan if target == overlay.target)
    only = overlay.upon(b"", stores)
    only.target = b""
    return _again(machine, [(b"", lower, True, False)], [only], {}, True)


def _tried(wanted: _ToMount, apart: list[mounts.Made]) -> tuple[mounts.Made, Place]:
    # What was made, and what of the plan was tried last.
    while True:
        steps = _steps(wanted, apart)
        built = mounts.build(-1, *wanted.spaces, [step for _, step in steps], *wanted.place)
        failed = steps[min(built.failed, len(steps) - 1)][0]
        overlay = _to_be_apart(failed, wanted.overlays, built.number)
        if overlay is None:
            return built, failed
        overlay.apart = True
        if not wanted.only_read:
            new = [each for each in wanted.overlays if each.target not in wanted.kept]
            _make_work_anew(wanted.stores, new)


def _close_all(made: list[mounts.Made]) -> None:
    while made:
        made.pop().close()


def _make_work_anew(stores: int, overlays: Iterable[OverlayMount]) -> None:
    # What was mounted once as it is here is not mounted again with the same work directory.
    with OwnTree(host.open(b".", _OPEN, dir_fd=stores)) as own:
        _make_works(own, stores, overlays)


def _make_works(own: OwnTree, stores: int, overlays: Iterable[OverlayMount]) -> None:
    for overlay in overlays:
        own.remove(overlay.store + b"/work")
        make_directory(stores, overlay.store + b"/work")


def _to_be_apart(
    failed: Place, overlays: Iterable[OverlayMount], number: int
) -> OverlayMount | None:
    # The kernel takes no two lower directories one of which lies within the other, as layers of an
    # upper within the base do: then the base is shown by an overlay of its own.
    if number == errno.ELOOP:
        for overlay in overlays:
            if overlay.target == failed[0] and overlay.frozen and not overlay.apart:
                return overlay
    return None


def _shown_apart(stores: int, spaces: Spaces, as_root: bool, lower: bytes) -> mounts.Made:
    """What lies below, shown by an overlay of its own; its files are known by the same handles."""
    new = (mounts.NEW, None, b"tmpfs", None, None, b"mode\0000700\0\0", False)
    with mounts.build(-1, *spaces, [new]) as empty:
        if empty.number:
            raise refusals.of_layers(stores, lower, empty.number, empty.step)
        sources = lower + b"\0/proc/self/fd/%d\0" % empty.root
        pairs = [(b"userxattr", b"")] if not as_root else [(b"redirect_dir", b"nofollow")]
        pairs += [(b"nfs_export", b"on"), (b"source", b"ostler")]
        options = b"".join(k + b"\0" + v + b"\0" for k, v in pairs) + b"\0"
        step = (mounts.OVERLAY_OVER, None, sources, None, None, options, False)
        made = mounts.build(-1, *spaces, [step])
    if made.number:
        raise refusals.of_layers(stores, lower, made.number, made.step)
    return made


def _steps(wanted: _ToMount, apart: list[mounts.Made]) -> list[tuple[Place, mounts._Step]]:
    # Each with what of the plan it is for.
    stores, spaces, as_root = wanted.stores, wanted.spaces, wanted.as_root
    kept, only_read = wanted.kept, wanted.only_read
    steps: list[tuple[Place, mounts._Step]] = []
    left = iter(wanted.overlays)
    wanted.shown_at = []
    # What is shown of the host where there is a place for it lies upon nothing of a base.
    looks = as_root and not wanted.in_parts
    places = Whereabouts(stores, wanted.plan, wanted.overlays, looks, only_read)
    for number, row in enumerate(wanted.plan):
        target, lower, overlaid, read_only = row
        if not lower:
            for place in places.hidden(target):
                steps.append((row, (mounts.NEW, place, b"tmpfs", None, None, _EMPTY, True)))
            continue
        now = places.now(target)
        if overlaid:
            overlay = next(left)
            if target and unmounted.has_no_place(stores, overlay, lower):
                now = None
            wanted.shown_at.append(now)
        if now is None or (target and not overlaid and not host.path.lexists(lower)):
            continue
        where = now if number else None
        if not overlaid:
            how = mounts.CLONE_TREE if number == 0 else mounts.CLONE_MOUNT
            if wanted.in_parts:
                how = mounts.CLONE_PART
            steps.append((row, (how, where, lower, None, None, None, read_only)))
            continue
        if target in kept:
            same = b"/proc/self/fd/%d" % kept[target]
            steps.append((row, (mounts.CLONE_AGAIN, where, same, None, None, None, False)))
            continue
        inside = b"/proc/self/fd/%d/" % wanted.place[0]
        below = [inside + store + b"/upper" for store in overlay.frozen]
        if only_read and unmounted.has_no_place(stores, overlay, lower):
            lower, below = below[0], []  # which is empty
        if only_read and not below:
            steps.append((row, (mounts.CLONE_MOUNT, where, lower, None, None, None, True)))
            continue
        upper = work = None
        if not only_read:
            upper, work = (inside + overlay.store + name for name in (b"/upper", b"/work"))
        if overlay.apart and below:
            apart.append(_shown_apart(stores, spaces, as_root, lower))
            lower = b"/proc/self/fd/%d" % apart[-1].root
        sources = b"".join(path + b"\0" for path in (*below, lower))
        options = _options(as_root, only_read, stores)
        step = (mounts.OVERLAY_OVER, where, sources, upper, work, options, False)
        steps.append((row, step))
    return steps


def stand_on(machine: Rehearsal, built: mounts.Made) -> None:
    """Give a machine another root; its working directory stays the one of the same path."""
    with built:
        here = standing.cwd_of(machine)
        host.dup2(built.root, machine._root, False)
    standing.stand_at(machine, here)
    machine._leave_namespace()


def _targets(state: State | None) -> list[bytes]:
    """The directories below the base that a rehearsal had overlays over until now."""
    if state is None:
        return []
    return [host.fsencode(target) for target, _ in state["last" if "last" in state else "overlays"]]


def remove_stores(stores: int, names: Iterable[bytes]) -> None:
    """Remove stores; what of them can't be removed is in nobody's way."""
    with (
        contextlib.suppress(OSError),
        OwnTree(host.open(b".", host.O_PATH | host.O_DIRECTORY, dir_fd=stores)) as directory,
    ):
        _remove_all(directory, names)


def _remove_all(directory: OwnTree, names: Iterable[bytes]) -> None:
    for name in names:
        directory.remove(name)
        _remove_above(directory, name)


def _remove_above(directory: OwnTree, name: bytes) -> None:
    # The directory of one layer, when the stores of all its overlays are gone. The one of all
    # layers of a machine stays.
    above, _, store = name.rpartition(b"/")
    if store.isdigit() and above.count(b"/") > above.startswith(b"branches/"):
        with contextlib.suppress(OSError):
            fd, last = directory.parent(above)
            directory.forget_below(above)
            host.rmdir(last, dir_fd=fd)


def _options(root: bool, only_read: bool, stores: int) -> bytes:
    # With index a change of one name of a file would show at its other names, which are nowhere
    # in the upper layer: what changed could not be listed.
    if not root:
        pairs = [(b"userxattr", b""), (b"xino", b"on")]
    else:
        pairs = [
            (b"redirect_dir", b"on"),
            (b"metacopy", b"on"),
            (b"xino", b"auto"),
            (b"index", b"off"),
        ]
    if not only_read:
        pairs.append((b"volatile", b""))
    pairs.append((b"source", source_of(stores)))
    return b"".join(k + b"\0" + v + b"\0" for k, v in pairs) + b"\0"


def _prepare(stores: int, store: bytes, lower: bytes, root: bool) -> object:
    """The directories of one overlay; its top looks as the directory that it stands for.

    Return that look, where the top is new.
    """
    look: object = None
    inside = store + b"/upper"
    # Before anything is made or removed in it.
    uppers.check_store(stores, store, host.readlink(b"/proc/self/fd/%d" % stores))
    if make_directory(stores, inside):
        look = _look_like_base(stores, inside, lower, root)
    else:
        with OwnTree(
            host.open(store, host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW, dir_fd=stores)
        ) as own:
            own.remove(b"work")
    make_directory(stores, store + b"/work")
    return look


def source_of(stores: int) -> bytes:
    """What the overlays of these stores are called in the lists of mounts, and found by there."""
    status = host.fstat(stores)
    return b"ostler:%x:%x" % (status.st_dev, status.st_ino)


def look_of(top: bytes) -> object:
    """What an overlay's top is, as far as anybody can change that: a value to be compared."""
    status = host.stat(top)
    names = host.listxattr(top)
    own = [name for name in names if not name.startswith(_MARKS) or NARROWED in name]
    return (
        (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns),
        {name: host.getxattr(top, name) for name in own},
    )


def is_clean(stores: int, overlay: OverlayMount) -> bool:
    """Whether nothing was changed in an overlay since its store was new."""
    if overlay.look is None:
        return False
    top = b"/proc/self/fd/%d/%s/upper" % (stores, overlay.store)
    # It is not listed: there may be very many names, and the first one will do. Most file systems
    # count the directories among them as links.
    return (
        host.stat(top).st_nlink <= 2
        and not unmounted.has_names(top)
        and look_of(top) == overlay.look
    )


def new_store(
    stores: int, store: bytes, overlay: OverlayMount, like: bytes | None, lower: bytes, root: bool
) -> OverlayMount:
    """The overlay, with a store just made: its top gets the look of another one, or the base's."""
    inside = store + b"/upper"
    if like is None:
        overlay.look = _look_like_base(stores, inside, lower, root)
    else:
        top, other = (b"/proc/self/fd/%d/%s/upper" % (stores, name) for name in (store, like))
        mounts.look_like(stores, inside, other, root)
        _give_same(top, other)
        overlay.look = look_of(top)
    return overlay


def make_store(stores: int, store: bytes) -> None:
    """Make the directories of a store, as far as they are not there."""
    for name in (store, store + b"/upper", store + b"/work"):
        make_directory(stores, name)


def make_stores(stores: int, above: bytes, count: int) -> None:
    """Make so many stores in a directory of their own."""
    make_directory(stores, above)
    for number in range(count):
        make_store(stores, b"%s/%d" % (above, number))


def new_overlays(
    machine: Rehearsal, above: bytes, below: Sequence[Sequence[bytes]]
) -> list[OverlayMount]:
    """Each overlay of a machine with a new store, in the new directory `above`, upon these."""
    stores, found = machine._stores, []
    lowers = {target: lower for target, lower, overlaid, _ in machine._plan if overlaid}
    make_stores(stores, above, len(machine._overlays))
    for number, overlay in enumerate(machine._overlays):
        store = b"%s/%d" % (above, number)
        like = below[number][0] if below[number] else None
        upon = overlay.upon(store, below[number])
        lower, roots = lowers[overlay.target], machine._has_roots_marks
        found.append(new_store(stores, store, upon, like, lower, roots))
    return found


def _look_like_base(stores: int, inside: bytes, lower: bytes, root: bool) -> object:
    # Have a new top look as the directory that it stands for; return that look.
    mounts.look_like(stores, inside, lower, root)
    top = b"/proc/self/fd/%d/%s" % (stores, inside)
    _give_attributes(top, lower, root)
    return look_of(top)


def _give_same(top: bytes, other: bytes) -> None:
    # The attributes of another top of the same overlay.
    wanted = {}
    for name in host.listxattr(other):
        if not name.startswith((*_MARKS, "security.")) or NARROWED in name:
            wanted[name] = host.getxattr(other, name)
    _put_attributes(top, wanted)


def _put_attributes(top: bytes, wanted: dict[str, bytes]) -> None:
    for name in host.listxattr(top):
        if name.startswith(ACL) and name not in wanted:
            host.removexattr(top, name)  # of the directory in which it was made
    for name, value in wanted.items():
        host.setxattr(top, name, value)


def _give_attributes(top: bytes, lower: bytes, root: bool) -> None:
    """Give an overlay's top the extended attributes, and so the ACLs, of what it stands for."""
    wanted = {}
    for name in host.listxattr(lower):
        if name.startswith((*_MARKS, "security.")):
            continue
        try:
            value = host.getxattr(lower, name)
        except OSError as error:  # not ours to read, or gone meanwhile
            if error.errno not in (errno.EACCES, errno.EPERM, errno.ENODATA):
                raise
            continue
        if name.startswith(ACL) and not root:
            known = without_strangers(value)
            if known != value:
                wanted["user.overlay." + NARROWED + name] = b""
                value = known
        wanted[name] = value
    _put_attributes(top, wanted)


def new_name(stores: int, number: int = 0, taken: Container[str] = ()) -> bytes:
    """Make a store that is empty, and return its name: this number, or the next one that is free.

    `taken`: the names that are not to be had, though nothing of that name is there.
    """
    while str(number) in taken or not make_directory(stores, b"%d" % number):
        number += 1
    return b"%d" % number


def make_directory(stores: int, name: bytes) -> bool:
    """Make a directory of ours, unless it is there; whether it was made."""
    try:
        host.mkdir(name, 0o700, dir_fd=stores)
    except FileExistsError:
        return False
    return True


def is_there(stores: int, name: bytes) -> bool:
    """Whether there is something of this name."""
    try:
        host.stat(name, dir_fd=stores, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _store(stores: int, state: State | None, target: bytes, number: int) -> tuple[bytes, bool]:
    """(the name of the store of an overlay, whether it is new)."""
    taken = set()
    if state is not None:
        for known, store in state["overlays"]:
            if host.fsencode(known) == target:
                return host.fsencode(store), make_directory(stores, host.fsencode(store))
            taken.add(store)
        taken.update(state.get("taken", ()))
    # One that could not be removed when it was done with has changes that are none.
    name = new_name(stores, number, taken)
    if state is not None:
        state.setdefault("taken", []).append(name.decode())
    return name, True
