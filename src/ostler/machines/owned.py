"""Weaker: machines of plain directories, for those who ask for them where mounts are refused.

Such a directory is locked while its machine lives, removed with it, and by the next one that is
made after the process was killed. It is made only where nobody can exchange what is its user's, as
/tmp is, and removed only when it is one: the user's own, closed to others, with its name in a mark.
"""

import fcntl
import stat
import weakref

from ostler.core import mounts
from ostler.machine import MachineUnavailable, host
from ostler.machines import kinds, trust
from ostler.machines.rooted import THIS

_PREFIX = b"ostler-machine-"
_MARK = b"machine"  # a file in such a directory, which says that it is one
_OPEN = host.O_RDONLY | host.O_DIRECTORY | host.O_NOFOLLOW | host.O_CLOEXEC


class Owned:
    """A machine's part of owning a directory: it is removed at close, and when collected."""

    __slots__ = ()

    def _remove_at_end(self, path):
        status = host.lstat(path)
        self._gone = weakref.finalize(
            self, remove, path, (status.st_dev, status.st_ino), host.getpid()
        )

    def close(self, fd: int = THIS) -> None:
        """Close this machine, of which nothing stays; with an argument, that descriptor."""
        gone = self._gone if fd is THIS and not self._closed else None
        super().close(fd)
        if gone is not None:
            gone()


def made(where=None):
    """A new directory in one of these places: (its path, a descriptor that keeps it locked).

    What is in it is for the machine; nobody else may enter it.
    """
    problem = None
    for place in places() if where is None else where:
        try:
            parent = trust.shared_directory(place)
            try:
                _remove_left(parent)
                return _make(parent)
            finally:
                host.close(parent)
        except OSError as error:
            problem = error
    raise MachineUnavailable(
        f"no directory for a machine can be made: {problem}",
        "a directory in TMPDIR that can be written to, by others only when it is sticky",
        getattr(problem, "errno", None),
    )


def places():
    """Where such directories may be: in memory first, then where temporary files are."""
    wanted = [b"/dev/shm", host.environ.get("TMPDIR"), b"/tmp", b"/var/tmp"]
    return [host.path.abspath(host.fsencode(place)) for place in wanted if place]


def _make(parent):
    while True:
        name = b"%s%d-%s" % (_PREFIX, host.getpid(), host.urandom(8).hex().encode())
        host.mkdir(name, 0o700, dir_fd=parent)
        try:
            fd = host.open(name, _OPEN, dir_fd=parent)
        except FileNotFoundError:
            continue  # taken for one that was left behind, as below
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if host.fstat(fd).st_nlink:
                _mark(fd, name)
                return _path_of(parent, name), fd
        except BlockingIOError:
            pass
        except BaseException:
            _removed(parent, name)
            host.close(fd)
            raise
        host.close(fd)


def _mark(fd, name):
    flags = host.O_WRONLY | host.O_CREAT | host.O_EXCL | host.O_CLOEXEC
    mark = host.open(_MARK, flags, 0o600, dir_fd=fd)
    try:
        host.write(mark, name)
    finally:
        host.close(mark)


def _path_of(parent, name):
    return host.path.join(host.readlink(b"/proc/self/fd/%d" % parent), name)


def root_of(path):
    """Make the directory that is a machine's root, in what `made` gave."""
    path = host.path.join(path, b"root")
    host.mkdir(path, 0o700)
    host.chmod(path, 0o755)
    return mounts.directory(path, "scratch")


def _remove_left(parent):
    """Remove what machines of this user have left in a directory because they were killed."""
    for name in map(host.fsencode, host.listdir(parent)):
        if not name.startswith(_PREFIX):
            continue
        try:
            fd = host.open(name, _OPEN, dir_fd=parent)
        except OSError:
            continue
        try:
            if _is_one(fd, name):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _removed(parent, name)
        except OSError:
            continue
        finally:
            host.close(fd)


def _is_one(fd, name):
    """Whether an open directory is a machine's of this user's.

    Nobody else could move one with this mode to where it is, nor put a mark with its name in it.
    One without a mark must be empty: it was not made to its end, or not removed to it.
    """
    status = host.fstat(fd)
    if status.st_uid != host.geteuid() or stat.S_IMODE(status.st_mode) != 0o700:
        return False
    try:
        mark = trust.own_file(_MARK, fd, _MARK, private=True)
    except FileNotFoundError:
        return not host.listdir(fd)
    try:
        found = host.read(mark, len(name) + 1)
    finally:
        host.close(mark)
    return found == name or (not found and host.listdir(fd) == [host.fsdecode(_MARK)])


def identity(fd):
    """What tells an open directory from others at its path."""
    status = host.fstat(fd)
    return status.st_dev, status.st_ino


def remove(path, known, pid):
    """Remove a machine's directory, whatever the modes in it; not in a child of its process."""
    if host.getpid() != pid:
        return
    above, _, name = path.rpartition(b"/")
    try:
        parent = trust.shared_directory(above or b"/")
    except OSError:
        return
    try:
        status = host.stat(name, dir_fd=parent, follow_symlinks=False)
        if (status.st_dev, status.st_ino) == known:
            _removed(parent, name)
    except FileNotFoundError:
        pass
    finally:
        host.close(parent)


def _removed(parent, name):
    """Remove a directory of ours in one where nobody can exchange it: the mark goes last."""
    path = b"/proc/self/fd/%d/%s" % (parent, name)
    root = path + b"/root"
    for attempt in range(3):
        if host.path.lexists(root):
            if attempt:  # a mode that keeps us out, or a thread that was still at work
                host.trees.chmod(root, "u+rwx", on_error="collect")
            host.trees.remove(root, on_error="collect")
    if not host.path.lexists(root):
        host.trees.remove(path, on_error="collect")
