"""Read-only: the files below a directory of the host, none of which can be changed."""

from ostler.core import mounts
from ostler.machine import host
from ostler.machines.refusals import given
from ostler.machines.rooted import PATHS, Rooted, children_in


class ReadOnly(Rooted):
    """The files of a directory, none of which can be changed; see ostler.read_only."""

    __slots__ = ()
    _kind = "read-only"

    @classmethod
    def _over(cls, base):
        """The machine over a directory, or MachineUnavailable."""
        with mounts.directory(base, "read_only") as place:
            made = given(mounts.tree(place.root, True), "a read-only machine")
        machine = cls._made(
            made,
            {
                "files": "read-only clones of the mounts: EROFS for every change (kernel)",
                "paths": PATHS,
                "children": children_in(made),
                "not covered": "sockets, FIFOs and devices can be written to: they are no files"
                + ("; root's children can remount" if made.user_ns < 0 else ""),
            },
        )
        machine._mounted = False  # nothing can be taken away anyway
        machine._stand_as_process(host.path.realpath(host.fsencode(base)))
        return machine
