"""Weaker: machines of plain directories, for those who ask for them where mounts are refused.

Such a directory is locked while its machine lives, removed with it, and by the next one that is
made after the process was killed.
"""

import fcntl
import weakref

from ostler.machines import MachineUnavailable, _mounts, host, kinds
from ostler.machines.rooted import THIS

NO_CHILDREN = "none: without mounts they would see the host"
_PREFIX = b"ostler-machine-"
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


class ScratchDirectory(Owned, kinds.Scratch):
    """A scratch machine where mounts are refused: a directory of the host."""

    __slots__ = ("_gone",)

    def resize(self, size: int | str | None = None, inodes: int | str | None = None) -> None:
        """Raise MachineUnavailable: a directory has no limits."""
        raise MachineUnavailable("this scratch machine is a directory, which has no limits")

    def read_only_now(self, on: bool = True) -> None:
        """Raise MachineUnavailable: a directory can't be made read-only."""
        raise MachineUnavailable("this scratch machine is a directory, no mount of its own")


def scratch_directory(refusal, limited, shown):
    """The scratch machine that can be had where mounts are refused, as `refusal` says."""
    if limited or shown:
        wanted = "limits (size, inodes)" if limited else "binds"
        raise MachineUnavailable(
            f"a scratch machine that is a directory has no {wanted}; {refusal.reason}",
            refusal.what_would_help,
            refusal.errno,
        )
    path, lock = made()
    machine = ScratchDirectory.__new__(ScratchDirectory)
    machine._remove_at_end(path)
    guarantees = {
        "files": f"a directory in {host.fsdecode(host.path.dirname(path))}, removed with the "
        "machine; no limits",
        "paths": kinds.PATHS,
        "children": NO_CHILDREN,
        "weaker": refusal.reason,
    }
    machine._become(root_of(path), -1, -1, guarantees, lock)
    machine._prefixed(host.path.join(path, b"root"))
    return machine


def made(where=None):
    """A new directory in one of these places: (its path, a descriptor that keeps it locked).

    What is in it is for the machine; nobody else may enter it.
    """
    problem = None
    for place in places() if where is None else where:
        try:
            remove_left(place)
            return _make(place)
        except OSError as error:
            problem = error
    raise MachineUnavailable(
        f"no directory for a machine can be made: {problem}",
        "a directory that can be written to in TMPDIR",
        getattr(problem, "errno", None),
    )


def places():
    """Where such directories may be: in memory first, then where temporary files are."""
    wanted = [b"/dev/shm", host.environ.get("TMPDIR"), b"/tmp", b"/var/tmp"]
    return [host.path.abspath(host.fsencode(place)) for place in wanted if place]


def _make(place):
    while True:
        name = b"%s%d-%s" % (_PREFIX, host.getpid(), host.urandom(8).hex().encode())
        path = host.path.join(host.path.realpath(place), name)
        host.mkdir(path, 0o700)
        try:
            fd = host.open(path, _OPEN)
        except FileNotFoundError:
            continue  # taken for one that was left behind, as below
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if host.fstat(fd).st_nlink:
                return path, fd
        except BlockingIOError:
            pass
        except BaseException:
            host.close(fd)
            host.rmdir(path)
            raise
        host.close(fd)


def root_of(path):
    """Make the directory that is a machine's root, in what `made` gave; a descriptor of it."""
    path = host.path.join(path, b"root")
    host.mkdir(path, 0o700)
    host.chmod(path, 0o755)
    return _mounts.directory(path, "scratch")


def remove_left(place):
    """Remove what machines of this user have left in a directory because they were killed."""
    for name in host.listdir(place):
        if not name.startswith(_PREFIX):
            continue
        path = host.path.join(place, name)
        try:
            if host.lstat(path).st_uid != host.geteuid():
                continue
            fd = host.open(path, _OPEN)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            remove(path, identity(fd), host.getpid())
        finally:
            host.close(fd)


def identity(fd):
    """What tells an open directory from others at its path."""
    status = host.fstat(fd)
    return status.st_dev, status.st_ino


def remove(path, known, pid):
    """Remove a machine's directory, whatever the modes in it; not in a child of its process."""
    if host.getpid() != pid:
        return
    for attempt in range(3):
        try:
            status = host.lstat(path)
        except FileNotFoundError:
            return
        if (status.st_dev, status.st_ino) != known:
            return
        if attempt:  # a mode that keeps us out, or a thread that was still at work
            host.trees.chmod(path, "u+rwx", on_error="collect")
        host.trees.remove(path, on_error="collect")
