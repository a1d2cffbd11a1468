"""Rehearsal: the real files, and everything that is changed kept aside (overlayfs)."""

import contextlib
import errno
import fcntl
import time

from ostler.core import mounts
from ostler.core.held import held
from ostler.core.procfs import mount_table
from ostler.machine import host
from ostler.machines.mount_points import any_below, mounts_below
from ostler.machines.refusals import given
from ostler.machines.rehearsal import (
    changes,
    clock,
    commits,
    keeping,
    layout,
    pictures,
    recovery,
    uppers,
    writers,
)
from ostler.machines.rehearsal.changes import ACL, NARROWED
from ostler.machines.rehearsal.hard_links import noting
from ostler.machines.rehearsal.layout import OverlayMount, without_strangers
from ostler.machines.rehearsal.places import OwnTree
from ostler.machines.rehearsal.rename import exchanged, moved
from ostler.machines.rooted import MachineUnavailable, Rooted, staying

_HELP = "a directory on another file system with upper=DIR, or a smaller base"


class Rehearsal(Rooted):
    """The files below `base` (default "/"), where every change is kept aside.

    `upper` is a directory in which the changes are kept on disk and can be taken up later;
    without it they are in memory and gone at close. For the part that lists and applies them:

    - `_base`: the base, bytes, absolute and resolved; the machine's "/" is this directory.
    - `_overlays`: tuple of OverlayMount: `target`, the directory's path below the base (b"" for the
      base itself), `store`, its name in `_stores`: `store`/b"upper" there holds what changed.
    - `_stores`: a descriptor of the directory that holds the stores.
    - `_prefix_of_marks`: b"trusted.overlay." or, for an ordinary user, b"user.overlay.".
    - `_started`: CLOCK_REALTIME_COARSE in nanoseconds at its beginning: what has a later ctime
      in the base was changed by somebody else;
    - `_own`: {inode: ctime} of what was changed there by this rehearsal's own commits.
    - `_directory`: the `upper` that was given, or None.
    """

    __slots__ = (
        "_base",
        "_directory",
        "_overlays",
        "_own",
        "_prefix_of_marks",
        "_started",
    )
    _kind = "rehearsal"

    @classmethod
    def _over(cls, base=None, upper=None):
        """The machine over a directory, or MachineUnavailable."""
        return _rehearse(cls, base, upper)

    @classmethod
    def _empty(cls):
        return Rooted.__new__(cls)

    def _walk(self, overlay):
        return changes.Walk(self, overlay)

    @staying
    def changes(self):
        """In what the files here differ from the real ones: a list of Change, as a walk goes."""
        return changes.listed(self)

    @staying
    def diff(self):
        """The differences in text files, as a unified diff (str); binary files are named."""
        return pictures.difference(self._walk(overlay) for overlay in self._overlays)

    @staying
    def commit(self, paths=None, *, leave_behind=False):
        """Apply the changes to the real files: all, or those at these paths and below them.

        A path, or an iterable of paths or Changes. First it is made sure that nobody else has
        changed any of it since the rehearsal began: else CommitConflict, with the `paths`, and
        nothing is done. On any other error, too, all is taken back; an interrupted commit is
        finished or undone by the next recover(). Returns the changes that were applied; the
        rehearsal goes on, with those that were not.

        OSError (EBUSY) while a file is open for writing here, or a child runs on the machine: what
        they write afterwards would be lost. With `leave_behind` it is.
        """
        return commits.commit(self, paths, leave_behind)

    @staying
    def _commit_at_last(self, paths=None):
        """commit(), after which this machine is only closed."""
        return commits.commit(self, paths, False, False)

    def _quiet(self, leave_behind):
        return writers.Quiet(self, leave_behind)

    def _begin_again(self, keep, done):
        _renew(self, keep)

    @staying
    def keep(self, directory):
        """Copy the changes into a new or empty directory, for rehearsal(base, upper=directory).

        The rehearsal itself stays as it is. FileExistsError or OSError (ENOTEMPTY) when something
        is there.
        """
        fd = keeping.copied(self, directory)
        try:
            _keep(fd, self._base, self._started, self._overlays, self._own, _is_roots(self))
        finally:
            host.close(fd)

    @staying
    def discard(self, *, leave_behind=False):
        """Drop all changes: the files here are the real ones again.

        OSError (EBUSY), and `leave_behind`, as for commit().
        """
        with self._quiet(leave_behind) as still:
            _renew(self, False)
            still.over()

    @staticmethod
    def recover():
        """Finish or undo this user's interrupted commits: a list of (base, outcome).

        `outcome`: "finished", "undone", or "left" where neither was possible; then a third member
        is where everything is kept, and a fourth why.
        """
        return recovery.recover()

    @staying
    def tree(self):
        """The changes as a tree, with sizes: a str, which rich shows in colours."""
        return pictures.tree(host.fsdecode(self._base), self.changes())

    def rename(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """As os.rename, also where the kernel won't do it here (see rename.py)."""
        try:
            super().rename(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        except OSError as error:
            if error.errno != errno.EXDEV or not moved(self, src, dst, src_dir_fd, dst_dir_fd):
                raise

    def replace(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """As os.replace; a directory of the base that the kernel won't rename here is moved."""
        try:
            super().replace(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        except OSError as error:
            if error.errno != errno.EXDEV or not moved(self, src, dst, src_dir_fd, dst_dir_fd):
                raise

    def link(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True):
        """As os.link; of a file of the base with several names it is noted which it is."""
        keys = {"src_dir_fd": src_dir_fd, "dst_dir_fd": dst_dir_fd}
        with noting(self, src, dst, **keys, follow=follow_symlinks):
            super().link(src, dst, **keys, follow_symlinks=follow_symlinks)

    def rename_noreplace(self, src, dst, *, src_dir_fd=None, dst_dir_fd=None):
        """As ostler.rename_noreplace; a directory that the kernel won't rename here is moved."""
        try:
            super().rename_noreplace(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        except OSError as error:
            fds = src_dir_fd, dst_dir_fd
            if error.errno != errno.EXDEV or not moved(self, src, dst, *fds, False):
                raise

    def exchange(self, first, second, *, first_dir_fd=None, second_dir_fd=None):
        """As ostler.exchange; directories that the kernel won't rename here are moved."""
        fds = first_dir_fd, second_dir_fd
        try:
            super().exchange(first, second, first_dir_fd=fds[0], second_dir_fd=fds[1])
        except OSError as error:
            if error.errno != errno.EXDEV or not exchanged(self, first, second, *fds):
                raise


def _rehearse(kind, base, upper):
    mounts.directory("/" if base is None else base, "rehearsal").close()
    base = host.path.realpath(host.fsencode("/" if base is None else base), strict=True)
    started = time.time_ns()
    with (
        given(mounts.scratch(None, None), "a rehearsal") as space,
        _opened(upper, base) as opened,
    ):
        if upper is None:
            stores, directory, state = space.root, None, None
        else:
            stores = opened.root
            directory = host.readlink(b"/proc/self/fd/%d" % stores)
            _lock(stores, upper)
            state = _kept(stores, directory, base)
        left = []
        as_root = _has_roots_marks(stores, space.user_ns)
        if upper is not None:
            uppers.check_marks(state, as_root, directory)
        spaces = space.user_ns, space.mount_ns
        built, overlays = _layers(base, stores, directory, state, spaces, as_root, left)
        # Nothing has been read here yet: what is changed until now is what is seen.
        if state is None:
            tops = [base.rstrip(b"/") + b"/" + overlay.target for overlay in overlays]
            began = clock.instant(space.root, tops) or clock.from_now_on(started)
        else:
            began = state["started"]
        if upper is not None and (state is None or not _knows(state, overlays)):
            own = None if state is None else dict(state.get("own", ()))
            _keep(stores, base, began, overlays, own, as_root)
        machine = kind._empty()
        guarantees = dict(_GUARANTEES)
        if left:
            guarantees["read-only"] = "something is mounted below: " + ", ".join(
                host.fsdecode(top) for top in left
            )
        machine._become(built.root, *spaces, guarantees, stores, built, space, opened)
        machine._base = machine._origin = base
        machine._mounted, machine._overlaid = len(overlays) > 1 or any_below(base), True
        machine._directory = None if upper is None else host.fsdecode(directory)
        machine._overlays = tuple(overlays)
        machine._prefix_of_marks = b"trusted.overlay." if as_root else b"user.overlay."
        machine._started = began
        machine._own = {} if state is None else dict(state.get("own", ()))
        machine._stand_as_process(base)
        return machine


def _opened(upper, base):
    """The upper's directory, held until a machine has taken it over."""
    return mounts.Made() if upper is None else mounts.Made(uppers.opened(upper, base)[0])


_MARKS = ("trusted.overlay.", "user.overlay.")
_GUARANTEES = {
    "files": "every change is kept in an overlay (overlayfs); the base is only read",
    "elsewhere": "writes outside the overlays fail with EROFS (read-only mounts)",
    "not covered": "sockets, devices and processes of the host are the real ones",
}


def _has_roots_marks(stores, user_ns):
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


def _layers(base, stores, directory, state, spaces, as_root, left):
    """Mount what a rehearsal is made of: (what was made, [OverlayMount]).

    `directory`: the path of the stores (bytes), None where they are in memory; `spaces`:
    descriptors of the user and the mount namespace, or -1.
    """
    overlays, fresh = [], []
    try:
        with held(host.dup, stores) as fd:
            # An overlay takes the mounts of its own namespace alone: there the directory is looked
            # for by its path, and used when it is the very one.
            place = fd, directory if spaces[0] >= 0 else None
            built = _mounted(base, stores, place, state, spaces, as_root, left, overlays, fresh)
    except BaseException:
        _remove_stores(stores, fresh)
        raise
    return built, overlays


def _mounted(base, stores, place, state, spaces, as_root, left, overlays, fresh):
    steps = []
    known = [base.rstrip(b"/") + b"/" + target for target in _targets(state) if target]
    plan = _plan(base, not as_root, left, known)
    for number, (target, lower, overlaid, read_only) in enumerate(plan):
        where = None if number == 0 else target
        if not overlaid:
            how = mounts.CLONE_TREE if number == 0 else mounts.CLONE_MOUNT
            steps.append((how, where, lower, None, None, None, read_only))
            continue
        store, new = _store(stores, state, target, len(overlays))
        if new:
            fresh.append(store)
        overlays.append(OverlayMount(target, store, lower))
        _prepare(stores, store, lower, as_root)
        inside = b"/proc/self/fd/%d/%s/" % (place[0], store)
        steps.append((
            mounts.OVERLAY_OVER, where, lower, inside + b"upper", inside + b"work",
            _options(as_root), False,
        ))  # fmt: skip
    built = mounts.build(-1, *spaces, steps, *place)
    number, step = built.number, built.step
    if number and step == "upper":
        raise OSError(number, "upper was moved meanwhile", host.fsdecode(place[1]))
    if number:
        where = host.fsdecode(steps[built.failed][2])
        reason = f"a rehearsal can't be made: {where}: {step}: {host.strerror(number)}"
        if number == errno.EINVAL and (kind := _kind_at(stores)) is not None:
            reason += f"; its upper lies on {kind}"
        raise MachineUnavailable(reason, _HELP, number)
    return built


def _targets(state):
    """The directories below the base that a rehearsal had overlays over until now."""
    if state is None:
        return []
    return [host.fsencode(target) for target, _ in state.get("last", state["overlays"])]


def _kind_at(fd):
    """The kind of the file system on which an open file is; None where that is mounted nowhere."""
    device = host.fstat(fd).st_dev
    for mount in mount_table():
        if host.makedev(*mount.device) == device:
            return mount.kind
    return None


def _renew(machine, keep):
    """Mount a rehearsal anew: with what is kept aside, or with nothing, as if it began now.

    After an OSError it is what it was.
    """
    stores, kept = machine._stores, machine._directory is not None
    # Where it is now: it may have been moved.
    directory = host.readlink(b"/proc/self/fd/%d" % stores) if kept else None
    old = [overlay.store for overlay in machine._overlays]
    pairs = [(host.fsdecode(o.target), host.fsdecode(o.store)) for o in machine._overlays]
    state = {"overlays": pairs if keep else [], "last": pairs}
    started, own = machine._started, machine._own
    if not keep:
        state["taken"] = [host.fsdecode(store) for store in old]
        started, own = clock.from_now_on(time.time_ns()), {}
    as_root = _is_roots(machine)
    spaces = machine._user_ns, machine._mount_ns
    built, overlays = _layers(machine._base, stores, directory, state, spaces, as_root, [])
    try:
        if kept:
            _keep(stores, machine._base, started, overlays, own, as_root)
    except BaseException:
        built.close()
        if not keep:
            _remove_stores(stores, [overlay.store for overlay in overlays])
        raise
    try:
        _stand_on(machine, built)
        machine._overlays, machine._started, machine._own = tuple(overlays), started, own
        machine._mounted = len(overlays) > 1 or any_below(machine._base)
    except BaseException:
        machine._close_because("it was interrupted while it was mounted anew")
        raise
    if not keep:
        _remove_stores(stores, old)


def _stand_on(machine, built):
    """Give a machine another root; its working directory stays the one of the same path."""
    with built:
        try:
            here = machine.getcwdb()
        except OSError:
            here = b"/"
        host.dup2(built.root, machine._root, False)
    try:
        cwd = machine.open(here, host.O_PATH | host.O_DIRECTORY | host.O_CLOEXEC)
    except OSError:
        cwd = host.dup(machine._root)
    host.dup2(cwd, machine._cwd, False)
    host.close(cwd)
    machine._leave_namespace()


def _remove_stores(stores, names):
    # What can't be removed is in nobody's way.
    with (
        contextlib.suppress(OSError),
        OwnTree(host.open(b".", host.O_PATH | host.O_DIRECTORY, dir_fd=stores)) as directory,
    ):
        for name in names:
            directory.remove(name)


def _plan(base, ordinary, left, known):
    """[(target, lower, overlaid?, read-only?)], the root first, in mount order.

    `known`: directories below the base in which changes may be kept already.
    """
    below = mounts_below(base)
    root = b"" if base == b"/" else base
    if not ordinary:
        return [(b"", base, True, False), *(_over(root + b"/", *point) for point in below)]
    simple = not below and not known and layout.is_one_top(base)
    tops, blocked = ([base], []) if simple else layout.writable_tops(base, known)
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


def _over(above, point, has_files, is_read_only):
    # Nothing can be laid over a file of its own mount, such as the /etc/hosts of a container.
    overlaid = has_files and not is_read_only and host.path.isdir(above + point)
    return point, above + point, overlaid, is_read_only or not overlaid


def _options(root):
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
    pairs.append((b"volatile", b""))
    pairs.append((b"source", b"ostler"))
    return b"".join(k + b"\0" + v + b"\0" for k, v in pairs) + b"\0"


def _prepare(stores, store, lower, root):
    """The directories of one overlay; its top looks as the directory that it stands for."""
    inside = store + b"/upper"
    # Before anything is made or removed in it.
    uppers.check_store(stores, store, host.readlink(b"/proc/self/fd/%d" % stores))
    if _mkdir(inside, 0o700, stores):
        mounts.look_like(stores, inside, lower, root)
        _give_attributes(b"/proc/self/fd/%d/%s" % (stores, inside), lower, root)
    else:
        with OwnTree(
            host.open(store, host.O_PATH | host.O_DIRECTORY | host.O_NOFOLLOW, dir_fd=stores)
        ) as own:
            own.remove(b"work")
    _mkdir(store + b"/work", 0o700, stores)


def _give_attributes(top, lower, root):
    """Give an overlay's top the extended attributes, and so the ACLs, of what it stands for."""
    wanted = {}
    for name in host.listxattr(lower):
        if not name.startswith((*_MARKS, "security.")):
            try:
                wanted[name] = host.getxattr(lower, name)
            except OSError as error:  # not ours to read, or gone meanwhile
                if error.errno not in (errno.EACCES, errno.EPERM, errno.ENODATA):
                    raise
    for name in host.listxattr(top):
        if name.startswith(ACL) and name not in wanted:
            host.removexattr(top, name)  # of the directory in which it was made
    for name, value in wanted.items():
        if name.startswith(ACL) and not root:
            known = without_strangers(value)
            if known != value:
                host.setxattr(top, "user.overlay." + NARROWED + name, b"")
                value = known
        host.setxattr(top, name, value)


def _mkdir(name, mode, dir_fd):
    try:
        host.mkdir(name, mode, dir_fd=dir_fd)
    except FileExistsError:
        return False
    return True


def _store(stores, state, target, number):
    """(the name of the store of an overlay, whether it is new)."""
    taken = set()
    if state is not None:
        for known, store in state["overlays"]:
            if host.fsencode(known) == target:
                return host.fsencode(store), _mkdir(host.fsencode(store), 0o700, stores)
            taken.add(store)
        taken.update(state.get("taken", ()))
    # One that could not be removed when it was done with has changes that are none.
    while str(number) in taken or not _mkdir(b"%d" % number, 0o700, stores):
        number += 1
    if state is not None:
        state.setdefault("taken", []).append(str(number))
    return b"%d" % number, True


def _knows(state, overlays):
    known = {host.fsencode(target) for target, _ in state["overlays"]}
    return all(overlay.target in known for overlay in overlays)


def _lock(stores, upper):
    """One rehearsal at a time in an upper, for as long as its descriptor is open."""
    try:
        fcntl.flock(stores, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, "upper belongs to a rehearsal that is open", upper) from None


def _kept(stores, directory, base):
    """What an earlier rehearsal left here, None when the directory is empty."""
    state = uppers.state_of(stores, directory)
    if state is not None and host.fsencode(state["base"]) != base:
        raise ValueError(f"upper belongs to a rehearsal of {state['base']!r}")
    return state


def _keep(stores, base, started, overlays, own, as_root):
    import json  # when it is needed: it brings much along

    state = {
        "base": host.fsdecode(base),
        "started": started,
        "overlays": [[host.fsdecode(o.target), host.fsdecode(o.store)] for o in overlays],
        "own": list((own or {}).items()),
        "marks": uppers.name_of_marks(as_root),
    }
    path = b"/proc/self/fd/%d/%s" % (stores, uppers.STATE.encode())
    host.write_atomic(path, json.dumps(state), mode=0o600)


def _is_roots(machine):
    return machine._prefix_of_marks.startswith(b"trusted.")
