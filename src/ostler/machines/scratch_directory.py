"""A scratch machine where mounts are refused: a directory of the host, for those who ask for it."""

import errno

from ostler.machine import MachineUnavailable, host
from ostler.machines import owned
from ostler.machines.rooted import PATHS
from ostler.machines.scratch import Scratch

NO_CHILDREN = "none: without mounts they would see the host"


class ScratchDirectory(owned.Owned, Scratch):
    """A scratch machine where mounts are refused: a directory of the host."""

    __slots__ = ("_gone",)

    def _begin_points(self, children):
        problem = "a scratch machine that is a directory has no points, for which mounts are needed"
        raise OSError(errno.EOPNOTSUPP, f"{problem}; {self._guarantees['weaker']}")

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
    path, lock = owned.made()
    machine = ScratchDirectory.__new__(ScratchDirectory)
    machine._remove_at_end(path)
    guarantees = {
        "files": f"a directory in {host.fsdecode(host.path.dirname(path))}, removed with the "
        "machine; no limits",
        "paths": PATHS,
        "children": NO_CHILDREN,
        "weaker": refusal.reason,
    }
    root = owned.root_of(path)
    machine._become(root.root, -1, -1, guarantees, lock, root)
    machine._prefixed(host.path.join(path, b"root"))
    return machine
