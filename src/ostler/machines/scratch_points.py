"""Points of a scratch machine: how it comes to lie in layers, when the first is made.

Until then a scratch machine is its file system itself, and costs what that costs. For its first
point all that is in it becomes the upper layer of an overlay over an empty directory, in the same
file system: so its size is what it was, over all layers. From then on it has points as a rehearsal
has, of which the base is nothing. What it shows of the host is mounted in that file system a second
time, out of everybody's sight, and from there upon each overlay, where there is a place for it.
"""

from __future__ import annotations

import errno
import time
from contextlib import suppress

from ostler.core import mounts
from ostler.machine import host
from ostler.machines import additions, binds
from ostler.machines.rehearsal import layers, points, standing, uppers, writers
from ostler.machines.rehearsal.layout import OverlayMount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ostler.points.history import History, Point

BASE, STORE, SHOWN = b"base", b"0", b"shown"
_NEW = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_CLOEXEC
_TRIES, _PAUSE = 20, 0.0005


def begin(machine: Any, children: str) -> None:
    """Have a scratch machine lie in layers; nothing where it does already."""
    with machine._busy:
        if not machine._plan:
            _see_children(machine, children)
            _begin(machine)


def settled(machine: Any) -> Point:
    """Make a point of a machine as it is now, the only one that it has then."""
    machine._begin_points("kill")
    with machine._busy:
        history = points.history_of(machine, "kill")
        if not additions.is_as_it_was(machine):
            points.freeze(machine, history, "kill")
        point = points.noted(history)
        _forget_others(history, point)
    return point


def taken_back(machine: Any, point: Point) -> None:
    """Everything is as it was at a point, the only one that there is then.

    The processes that run there are killed.

    Where a file of this process is still open for writing, that is an OSError (EBUSY), after all
    is as it was: what is written to the file is not seen any more.
    """
    with machine._busy:
        _see_children(machine, "kill")  # also where they have not changed anything until now
        history = points.begun(machine)
        stands = history.at == point._layer
        if stands and (points.is_clean(machine) or additions.taken_off(machine)):
            _see_point(history, point)
        else:
            _take_back(machine, history, point)


class Limits:
    """The limits of a machine with points, and whether it can be changed, to be given back."""

    def __init__(self, machine: Any) -> None:
        self.size, self.inodes, self.read_only = _limits(machine)

    def make(self, machine: Any) -> None:
        """At least as much room as there was, in which everything can be taken back."""
        size, inodes, read_only = _limits(machine)
        if size < self.size or inodes < self.inodes:
            machine.resize(max(size, self.size), max(inodes, self.inodes))
        if read_only:
            machine.read_only_now(False)

    def back(self, machine: Any) -> None:
        """Have all of it as it was."""
        size, inodes, read_only = _limits(machine)
        if (size, inodes) != (self.size, self.inodes):
            machine.resize(self.size, self.inodes)
        if read_only != self.read_only:
            machine.read_only_now(self.read_only)


def _limits(machine: Any) -> tuple[int, int, bool]:
    room = host.fstatvfs(machine._root if machine._stores < 0 else machine._stores)
    read_only = host.fstatvfs(machine._root).f_flag & host.ST_RDONLY
    inodes = room.f_files - machine._uncounted  # as resize() takes it
    return room.f_blocks * room.f_frsize, inodes, bool(read_only)


def _take_back(machine: Any, history: History, point: Point) -> None:
    try:
        points.back(machine, history, point._layer, "kill")
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        points.back(machine, history, point._layer, "leave", True)
        _see_point(history, point)
        raise
    _see_point(history, point)


def _see_point(history: History, point: Point) -> None:
    history.present = point
    _forget_others(history, point)


def _forget_others(history: History, point: Point) -> None:
    for other in [known for known in history.points if known is not point]:
        history.drop(other)


def open_base(machine: Any) -> int:
    """A descriptor of the empty directory that is below all layers."""
    return host.open(BASE, host.O_PATH | host.O_DIRECTORY, dir_fd=machine._stores)


def plan_of(machine: Any) -> list[tuple[bytes, bytes, bool, bool]]:
    """What a machine is mounted of, by its own descriptor of the stores."""
    inside = b"/proc/self/fd/%d/" % machine._stores
    parts = [
        (target, inside + b"%s/%d" % (SHOWN, number), False, target != binds.TERMINALS)
        for number, target in enumerate(machine._shown)
    ]
    return [(b"", inside + BASE, True, False), *parts]


def _see_children(machine: Any, children: str) -> None:
    # What a process has there would be somewhere else from then on.
    if machine._children_ns < 0:
        return
    found = writers.running([machine._root])
    if children == "kill":
        while found:
            writers.end([pid for pid, _, _ in found], [machine._root])
            found = writers.running([machine._root])
    writers.refuse(machine, found)
    machine._leave_namespace()


def _begin(machine: Any) -> None:
    spaces = machine._user_ns, machine._mount_ns
    same = b"/proc/self/fd/%d" % machine._root
    step = (mounts.CLONE_AGAIN, None, same, None, None, None, False)
    with mounts.build(-1, *spaces, [step]) as stores:
        if stores.number:
            problem = "a scratch machine has points from Linux 6.15 on"
            raise OSError(errno.EOPNOTSUPP, problem)
        here = standing.cwd_of(machine)
        _make_still(machine)
        status = host.fstat(stores.root)
        moved: list[bytes] = []
        shown = machine._shown
        hidden = b".ostler-%s" % host.urandom(8).hex().encode()
        try:
            parts = _Parts(machine)
            _move(stores.root, hidden, moved)
            parts.show_in(stores.root)
            _mount(machine, stores)
        except BaseException:
            if not mounts.is_overlay_top(machine._root):  # else it is done
                top = machine._stores if stores.root < 0 else stores.root
                machine._shown = shown
                _hide(top, len(shown))
                _move_back(top, hidden, moved)
                host.utime(b"/proc/self/fd/%d" % top, ns=(status.st_atime_ns, status.st_mtime_ns))
                machine._plan, machine._overlays = (), ()
                _set_still(machine, False)
            raise
    standing.stand_at(machine, here)  # it was moved with all that is in it


class _Parts:
    """What a machine shows of the host, held open by its places; they may have been removed."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        self.found: list[tuple[bytes, mounts.Made]] = []
        own = host.fstat(machine._root).st_dev
        for target in machine._shown:
            part = standing.opened_at(machine._root, target)
            if part is not None and host.fstat(part.root).st_dev != own:
                self.found.append((target, part))

    def show_in(self, stores: int) -> None:
        """Mount them in the stores, and have the machine know which they are."""
        machine, steps = self.machine, []
        if self.found:
            host.mkdir(SHOWN, 0o700, dir_fd=stores)
        for number, (target, part) in enumerate(self.found):
            place = b"%s/%d" % (SHOWN, number)
            if host.path.isdir(b"/proc/self/fd/%d" % part.root):
                host.mkdir(place, 0o700, dir_fd=stores)
            else:
                host.close(host.open(place, _NEW, 0o600, dir_fd=stores))
            source, read_only = b"/proc/self/fd/%d" % part.root, target != binds.TERMINALS
            steps.append((mounts.CLONE_TREE, place, source, None, None, None, read_only))
        built = mounts.build(stores, machine._user_ns, machine._mount_ns, steps)
        if built.number:
            target = self.found[built.failed][0]
            problem = f"{host.strerror(built.number)}: {built.step}"
            raise OSError(built.number, problem, "/" + host.fsdecode(target))
        machine._shown = tuple(target for target, _ in self.found)


def _hide(top: int, count: int) -> None:
    # Nothing is looked for in there: it is the host's.
    for number in range(count):
        _take_off(top, b"%s/%d" % (SHOWN, number))
    with suppress(OSError):
        host.rmdir(SHOWN, dir_fd=top)


def _take_off(top: int, place: bytes) -> None:
    with suppress(FileNotFoundError):
        try:
            host.rmdir(place, dir_fd=top)
        except NotADirectoryError:
            host.unlink(place, dir_fd=top)


def _set_still(machine: Any, on: bool) -> int:
    spaces = machine._user_ns, machine._mount_ns
    number, _ = mounts.resize(machine._root, *spaces, None, None, on, False, True)
    return number


def _make_still(machine: Any) -> None:
    for number_of_try in range(_TRIES):
        number = _set_still(machine, True)
        if not number:
            return
        if number != errno.EBUSY:
            raise OSError(number, host.strerror(number))
        if number_of_try:
            time.sleep(_PAUSE)
    writers.refuse(machine, writers.writers([machine._root]))
    raise OSError(errno.EBUSY, "a file is open for writing, or one that was removed is open", "/")


def _move(top: int, hidden: bytes, moved: list[bytes]) -> None:
    # All that there is, into the upper layer of a store.
    names = host.listdir(b"/proc/self/fd/%d" % top)
    status = host.fstat(top)
    host.mkdir(hidden, 0o700, dir_fd=top)
    for name in (hidden + b"/upper", hidden + b"/work"):
        host.mkdir(name, 0o700, dir_fd=top)
    upper = b"/proc/self/fd/%d/%s/upper" % (top, hidden)
    for name in names:
        host.rename(name, hidden + b"/upper/" + name, src_dir_fd=top, dst_dir_fd=top)
        moved.append(name)
    _look_like(b"/proc/self/fd/%d" % top, upper, status)
    host.rename(hidden, STORE, src_dir_fd=top, dst_dir_fd=top)
    host.mkdir(BASE, 0o700, dir_fd=top)
    _look_like(upper.replace(hidden, STORE), b"/proc/self/fd/%d/%s" % (top, BASE), status)


def _look_like(source: bytes, target: bytes, status: Any) -> None:
    if (status.st_uid, status.st_gid) != (host.geteuid(), host.getegid()):
        host.chown(target, status.st_uid, status.st_gid)
    for name in host.listxattr(source):
        if not name.startswith("security."):
            host.setxattr(target, name, host.getxattr(source, name))
    host.chmod(target, status.st_mode & 0o7777)
    host.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _mount(machine: Any, stores: mounts.Made) -> None:
    machine._take_stores(stores)
    roots = machine._user_ns < 0 and _may_mark(machine._stores)
    machine._prefix_of_marks = uppers.prefix_of_marks(roots)
    machine._plan = plan_of(machine)
    machine._overlays = (OverlayMount(b"", STORE, machine._plan[0][1]),)
    with layers.mounted_again(machine, machine._overlays, {}) as built:
        layers.check_room(built, machine._overlays)
        layers.stand_on(machine, built)


def _may_mark(stores: int) -> bool:
    path = b"/proc/self/fd/%d" % stores
    try:
        host.setxattr(path, b"trusted.ostler", b"")
        host.removexattr(path, b"trusted.ostler")
    except PermissionError:
        return False
    return True


def _rename_all(top: int, upper: bytes, moved: list[bytes]) -> None:
    for name in moved:
        host.rename(upper + name, name, src_dir_fd=top, dst_dir_fd=top)


def _move_back(top: int, hidden: bytes, moved: list[bytes]) -> None:
    for where in (STORE, hidden):
        upper = where + b"/upper/"
        if layers.is_there(top, upper):
            _rename_all(top, upper, moved)
        layers.remove_stores(top, [where])
    layers.remove_stores(top, [BASE])
