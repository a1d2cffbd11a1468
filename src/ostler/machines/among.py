"""Among: a confined machine that shows more than its directory: the host's programs, read-only."""

import errno

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
    files = (
        "a clone of the directory, at its own path; read-only clones of some others; "
        "a tmpfs for the rest"
    )
    machine = _made(files, network, sources)
    machine._confinement.directory = place
    above = [s for s in sources if _lies_in(place, s)]
    others = [s for s in sources if not _lies_in(place, s)]
    try:
        confined.begin_with(machine, environ)
        binds.show(machine, others)
        binds.show(machine, above)  # what the directory lies in is shown before it
        machine.makedirs(place, exist_ok=True)  # it may be there already, with what is shown
        _clone(machine, place, False)
    except BaseException:
        machine.close()
        raise
    return machine


def confined_to(shown, writable, temporary, network=False, environ=None, closed=()):
    """A confined machine with the paths of `shown` read-only, and those of `writable` not.

    Each is at its own path, and what is not there is left out. At those of `temporary` there are
    new file systems in memory; all else is empty, and becomes read-only by close_the_rest().
    `closed` are files, by paths without links, that nobody there can change or replace, wherever
    they are. OSError (ELOOP) where a link leads from a writable path to another place; OSError
    (EPERM) where a writable path is a closed file itself.
    """
    places = [host.fsencode(path) for path in writable if host.path.lexists(path)]
    for place in places:
        if place == b"/" or host.path.realpath(place) != place:
            raise OSError(errno.ELOOP, "it leads to another place", host.fsdecode(place))
    kept_closed = [host.fsencode(path) for path in closed]
    there = [path for path in shown if host.path.lexists(path) or host.fsencode(path) in binds._OWN]
    sources = [s for s in binds.sources(there) if not any(_lies_in(s, place) for place in places)]
    files = (
        "clones of some paths, each at its own, read-only but for those that were asked for; "
        "a tmpfs for the rest"
    )
    machine = _made(files, network, sources)
    try:
        confined.begin_with(machine, environ)
        _show_all(machine, sources, places, temporary)
        _close(machine, kept_closed, places)
    except BaseException:
        machine.close()
        raise
    return machine


def _made(files, network, sources):
    # A confined machine that is empty yet, and will show these sources read-only.
    machine = confined.Confined._made(
        given(mounts.scratch(None, None), "a confined machine"),
        {
            "files": files,
            "paths": PATHS,
            "children": confined.children_of_confined(network),
            "kernel": confined.kernel_of_confined(),
        },
    )
    machine._confinement = Confinement(bool(network))
    machine._shows_closed = bool(sources)
    return machine


def _show_all(machine, sources, places, temporary):
    for path in sorted({host.fsencode(path) for path in temporary}):
        if not any(_lies_in(path, place) for place in (*places, *sources)):
            _make_temporary(machine, path)
    binds.show(machine, sources)
    for place in sorted(places):
        _show_writable(machine, place)


def _close(machine, files, places):
    # A mount can be neither renamed nor removed. So the directories on the way are some, too: else
    # one of them would be renamed, with the file, and another one made in its place.
    steps = {}
    for file in files:
        for place in places:
            if file == place:
                problem = "the command could change what says what it may change"
                raise OSError(errno.EPERM, problem, host.fsdecode(file))
            if _lies_in(file, place):
                steps[file] = True
                above = host.path.dirname(file)
                while above != place:
                    steps[above] = False
                    above = host.path.dirname(above)
    for path, is_closed in sorted(steps.items()):
        _clone(machine, path, is_closed)


def close_the_rest(machine):
    """Have what is in memory, and is not for temporary files, be read-only."""
    machine._change(None, None, True, True)


def _make_temporary(machine, path):
    machine.makedirs(path, exist_ok=True)
    options = b"mode\x001777\0\0"
    _mount(machine, (mounts.NEW, path[1:], b"tmpfs", None, None, options, False))


def _show_writable(machine, place):
    if not host.path.isdir(place):
        machine.makedirs(host.path.dirname(place), exist_ok=True)
        if not machine.path.lexists(place):
            machine.close(machine.open(place, machine.O_WRONLY | machine.O_CREAT, 0o600))
    else:
        machine.makedirs(place, exist_ok=True)
    _clone(machine, place, False)


def _clone(machine, path, is_closed):
    _mount(machine, (mounts.CLONE_TREE, path[1:], path, None, None, None, is_closed))


def _mount(machine, step):
    built = mounts.build(machine._root, machine._user_ns, machine._mount_ns, [step])
    if built.number:
        raise unavailable("a confined machine", built.number, built.step)


def _lies_in(path, directory):
    return path == directory or path.startswith(directory.rstrip(b"/") + b"/")
