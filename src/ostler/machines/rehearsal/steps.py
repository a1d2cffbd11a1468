"""Moves: the steps in which a commit becomes visible; each can be done again, and taken back.

A step names its objects by path and inode number, so that it is always plain whether it was
done: after a crash the journal's steps are gone through once more, or back, and what was done
already is passed over. A directory `top` holds all of its paths, those in the stash too.

    ("move", top, source, target, inode)
    ("swap", top, slot, path, inode)        inode: of the new object, which is in the slot first
    ("meta", top, path, inode, old, new)    old, new: what `metadata` gives
"""

import errno
import itertools
import stat
from collections.abc import Callable

from ostler.core.calls import held
from ostler.machine import host
from ostler.machines.rehearsal import looks
from ostler.machines.rehearsal.places import Place

_COPIED = 1 << 26
_SPARE = 8  # descriptors, with which steps can be taken back where there are no more
ACL = "system.posix_acl_access"


class Lost(OSError):
    """An object of a step is no longer where the commit knows it: somebody took it away."""


class Steps:
    """A list of steps, and the places in which they are done.

    `times`: (top, path after all steps, path before them, inode, old, new) of the directories
    whose times are to be set at the end, (access, modification) each, None to leave them.
    `begun`: how many steps were begun by finish(), the last of which may be done or not.
    """

    def __init__(self, tops, steps, times=()):
        self.tops = tops
        self.steps = steps
        self.times = times
        self.begun = 0
        self._next = None
        self._places = {}
        self._spare = []  # descriptors to be given back where a process has no more of them

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._give_spare()
        for place in self._places.values():
            place.close()
        self._places = {}

    def place(self, top):
        """The Place of a top directory, by its number."""
        found = self._places.get(top)
        if found is None:
            fd = host.open(self.tops[top], host.O_PATH | host.O_DIRECTORY)
            found = self._places[top] = Place(fd)
        return found

    def hold(self, top, fd):
        """Have a top directory from a descriptor, whatever its path leads to by now."""
        self._places[top] = Place(host.dup(fd))

    def check_replaced(self, pairs):
        """Lost when somebody has worked on what was replaced, since it was looked at."""
        for top, _, path in looks.changed_since(self, pairs):
            _lose(self, top, path)

    def finish(self, expected):
        """Do all steps, of which none was done yet; Lost when one can't be.

        `expected`: for each step (inode, ctime or None) of what it replaces, or None.
        """
        if self.steps:
            fd = self.place(self.steps[0][1]).fd
            self._spare = [held(host.dup, fd) for _ in range(_SPARE)]
        # Modes come last, and can keep us out of what is below: its times are set before.
        last = len(self.steps) - _metas_first(reversed(self.steps))
        for number, (step, old) in enumerate(zip(self.steps, expected, strict=True), 1):
            if number == last + 1:
                self.set_times(True)
            self._next = number
            _DO[step[0]](self, *step[1:], old)
        if last == len(self.steps):
            self.set_times(True)

    def begin(self):
        """From now on the step that is looked at may have been done."""
        self.begun = self._next

    def take_back(self):
        """Take back all steps that were done, the last first; whether that was possible.

        May be called again where it was interrupted.
        """
        self._give_spare()
        for place in self._places.values():
            place.forget()
        complete = True
        doubtful = self.begun  # the number of the step that may not have been done
        sure = False  # whether this step was done, since a later one was
        first = min(_metas_first(self.steps), self.begun)  # what gave us rights that we had not
        for number in range(self.begun, 0, -1):
            if number == first:
                complete = self._set_times_again() and complete
            step = self.steps[number - 1]
            try:
                found = _UNDO[step[0]](self, *step[1:])
            except OSError:
                complete = False
                continue
            if found is None and (sure or number < doubtful):
                complete = False
            elif complete:
                self.begun = number - 1
            sure = sure or found is True
        if first == 0:
            complete = self._set_times_again() and complete
        return complete

    def _set_times_again(self):
        try:
            self.set_times(False)
        except OSError:
            return False
        return True

    def _give_spare(self):
        self._spare = []

    def set_times(self, finished):
        """Set the times of the directories, to those after all steps or those before them."""
        for top, after, before, inode, old, new in self.times:
            if finished and new is not None:
                self._set_times(top, after, inode, new)
            elif not finished and old is not None:
                self._set_times(top, before, inode, old)

    def _set_times(self, top, path, inode, times):
        place = self.place(top)
        status = place.status(path)
        if status is None or status.st_ino != inode:
            return
        if (status.st_atime_ns, status.st_mtime_ns) != tuple(times):
            above, name = place.parent(path)
            try:
                host.utime(name, ns=tuple(times), dir_fd=above, follow_symlinks=False)
            except PermissionError:
                pass  # a directory for all, such as /tmp: it has the time of the last step

    def is_at(self, top, path, inode):
        """Whether this object is at this path."""
        try:
            status = self.place(top).status(path)
        except PermissionError:
            return False
        return status is not None and status.st_ino == inode

    def rename(self, top, source, target):
        """Rename; what is at the target already is not overwritten."""
        place = self.place(top)
        src_dir, src = place.parent(source)
        with held(host.dup, src_dir) as src_dir:
            dst_dir, dst = place.parent(target)
            try:
                host.rename_noreplace(src, dst, src_dir_fd=src_dir, dst_dir_fd=dst_dir)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS):
                    raise
                if place.status(target) is not None:
                    raise FileExistsError(errno.EEXIST, "File exists", target) from None
                host.rename(src, dst, src_dir_fd=src_dir, dst_dir_fd=dst_dir)
        place.forget_below(source)
        place.forget_below(target)

    def exchange(self, top, one, two):
        """Exchange two names in one step."""
        place = self.place(top)
        one_dir, first = place.parent(one)
        with held(host.dup, one_dir) as one_dir:
            two_dir, second = place.parent(two)
            host.exchange(first, second, first_dir_fd=one_dir, second_dir_fd=two_dir)
        place.forget_below(one)
        place.forget_below(two)


def _move(steps, top, source, target, inode, expected):
    if not steps.is_at(top, source, inode):
        _lose(steps, top, source)
    _unchanged(steps, top, source, expected)
    steps.begin()
    steps.rename(top, source, target)


def _metas_first(steps):
    return len(list(itertools.takewhile(lambda step: step[0] == "meta", steps)))


# What takes a step back returns whether it was done; None when its object is not to be found.


def _move_back(steps, top, source, target, inode):
    if steps.is_at(top, target, inode):
        steps.rename(top, target, source)
        return True
    if steps.is_at(top, source, inode) or steps.place(top).status(target) is None:
        return False  # not done, or somebody has taken it away since
    return None


def _swap(steps, top, slot, path, inode, expected):
    if not steps.is_at(top, slot, inode):
        _lose(steps, top, path)
    _unchanged(steps, top, path, expected)
    steps.begin()
    steps.exchange(top, slot, path)


def _swap_back(steps, top, slot, path, inode):
    if steps.is_at(top, path, inode):
        steps.exchange(top, slot, path)
        return True
    return False if steps.is_at(top, slot, inode) else None


def _unchanged(steps, top, path, expected):
    if expected is None:
        return
    status = steps.place(top).status(path)
    inode, ctime = expected
    if status is None or status.st_ino != inode or ctime not in (None, status.st_ctime_ns):
        _lose(steps, top, path)


def _lose(steps, top, path):
    shown = host.fsdecode(steps.tops[top].rstrip(b"/") + b"/" + path)
    raise Lost(errno.ESTALE, "changed while it was committed", shown)


def _meta(steps, top, path, inode, old, new, expected):
    if not steps.is_at(top, path, inode):
        _lose(steps, top, path)
    _unchanged(steps, top, path, expected)
    steps.begin()
    try:
        give_metadata(steps.place(top), path, new, inode)
    except Lost:
        _lose(steps, top, path)


def _meta_back(steps, top, path, inode, old, new):
    if steps.is_at(top, path, inode):
        give_metadata(steps.place(top), path, old, inode)
        return True
    return None


_DO: dict[str, Callable[..., None]] = {"move": _move, "swap": _swap, "meta": _meta}
_UNDO: dict[str, Callable[..., bool | None]] = {
    "move": _move_back,
    "swap": _swap_back,
    "meta": _meta_back,
}


# What steps are made of


def copy_data(source, target, size):
    """Copy a file's data, and leave its holes holes."""
    at = 0
    while at < size:
        try:
            at = host.lseek(source, at, host.SEEK_DATA)
            end = host.lseek(source, at, host.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole
                break
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            end = size
        host.lseek(target, at, host.SEEK_SET)
        while at < end:
            sent = host.sendfile(target, source, at, min(end - at, _COPIED))
            if sent == 0:
                break
            at += sent
        if at < end:
            break
    host.ftruncate(target, size)


def metadata(status, xattrs):
    """What `give_metadata` gives: plain data, for the journal."""
    return {
        "mode": stat.S_IMODE(status.st_mode),
        "owner": [status.st_uid, status.st_gid],
        "times": [status.st_atime_ns, status.st_mtime_ns],
        "xattrs": {name: value.decode("latin-1") for name, value in xattrs.items()},
    }


def give_metadata(place, path, wanted, inode=None):
    """Give an object mode, owner, times and xattrs, as far as they are in `wanted`.

    It is opened once, and all is given to what was opened: who can write to the directory that it
    is in could put a link, or another file, in its place in between. `inode`: the number that it
    must have, else it is Lost.
    """
    above, name = place.parent(path)
    flags = host.O_PATH | host.O_NOFOLLOW | host.O_CLOEXEC
    with held(host.open, name, flags, dir_fd=above) as fd:
        status = host.fstat(fd)
        if inode is not None and status.st_ino != inode:
            raise Lost(errno.ESTALE, "changed while it was given metadata", host.fsdecode(path))
        # It leads to the object itself, also where that is a link.
        opened = b"/proc/self/fd/%d" % fd
        owner = wanted.get("owner")
        if owner is not None and tuple(owner) != (status.st_uid, status.st_gid):
            host.chown(opened, *owner)
        if "xattrs" in wanted:
            _give_xattrs(opened, place.xattrs(path, "\0", opened), wanted["xattrs"])
        if not stat.S_ISLNK(status.st_mode) and "mode" in wanted:
            host.chmod(opened, wanted["mode"])
        if "times" in wanted:
            host.utime(opened, ns=tuple(wanted["times"]))


def _stays():
    # What a file system gives of itself, such as a security label, and the marks of an overlay that
    # has the directory as a layer: a rehearsal's own overlay shows none of these.
    marks = "trusted.overlay." if host.geteuid() == 0 else "user.overlay."
    return "security.", marks


def _close_to_the_group(opened):
    # While there is an ACL the group has less than the mode shows, and not for a moment more after.
    host.chmod(opened, stat.S_IMODE(host.stat(opened).st_mode) & ~0o070)


def _give_xattrs(opened, there, wanted):
    for attribute, value in wanted.items():
        value = value.encode("latin-1")
        if there.get(attribute) != value:
            host.setxattr(opened, attribute, value)
    for attribute in there:
        if attribute not in wanted and not attribute.startswith(_stays()):
            if attribute == ACL:
                _close_to_the_group(opened)
            host.removexattr(opened, attribute)
