"""Among: a confined machine that shows more than its directory: the host's programs, read-only."""

from ostler.core import mounts
from ostler.core.confine import Confinement
from ostler.machine import host
from ostler.machines import binds, confined
from ostler.machines.refusals import given, unavailable
from ostler.machines.rooted import PATHS


def confined_among(directory, shown, network=False, environ=None):
    """A confined machine with `directory` at its own path, and the paths of `shown` read-only.

    Everything else is a file system in memory that is gone with the machine. `environ` as for
    ostler.confined.
    """
    place = host.path.realpath(host.fsencode(directory))
    mounts.directory(place, "confined").close()
    sources = [s for s in binds.sources(shown) if not _lies_in(s, place)]
    machine = confined.Confined._made(
        given(mounts.scratch(None, None), "a confined machine"),
        {
            "files": "a clone of the directory, at its own path; read-only clones of some others; "
            "a tmpfs for the rest",
            "paths": PATHS,
            "children": confined.children_of_confined(network),
            "kernel": confined.kernel_of_confined(),
        },
    )
    machine._confinement = Confinement(bool(network))
    machine._confinement.directory = place
    machine._shows_closed = bool(sources)
    above = [s for s in sources if _lies_in(place, s)]
    others = [s for s in sources if not _lies_in(place, s)]
    try:
        confined.begin_with(machine, environ)
        binds.show(machine, others)
        binds.show(machine, above)  # what the directory lies in is shown before it
        machine.makedirs(place, exist_ok=True)  # it may be there already, with what is shown
        step = (mounts.CLONE_TREE, place[1:], place, None, None, None, False)
        built = mounts.build(machine._root, machine._user_ns, machine._mount_ns, [step])
        if built.number:
            raise unavailable("a confined machine", built.number, built.step)
    except BaseException:
        machine.close()
        raise
    return machine


def _lies_in(path, directory):
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")
