"""Abilities: what this kernel lets this user have, found by doing each thing once."""

from errno import ENOSYS

from ostler.core import mounts
from ostler.machine import MachineUnavailable, host
from ostler.machines import makers, refusals

_found = {}


def found(refresh):
    """What ostler.capabilities() gives."""
    if refresh:
        _found.clear()
    for name, (by, attempt) in _THINGS.items():
        if name not in _found:
            _found[name] = _tried(name, by, attempt)
    return {name: dict(found) for name, found in _found.items()}


def _tried(name, by, attempt):
    try:
        by = attempt() or by
    except OSError as error:
        reason = error.reason if isinstance(error, MachineUnavailable) else str(error)
        help_ = getattr(error, "what_would_help", "")
        if not help_ and error.errno == ENOSYS:
            help_ = refusals.newer(_SINCE.get(name, refusals.MACHINES))
        return {"available": False, "by": by, "reason": reason, "what_would_help": help_}
    return {"available": True, "by": by, "reason": "", "what_would_help": ""}


def _openat2():
    mounts.try_openat2()


def _namespaces():
    number, step = mounts.try_namespaces()
    if number:
        raise refusals.unavailable("a namespace of one's own", number, step)


def _scratch():
    makers.scratch(size=1 << 20, inodes=64).close()


def _scratch_directory():
    from ostler.machines.scratch_directory import scratch_directory

    with scratch_directory(MachineUnavailable("tried"), None, None) as machine:
        return machine.guarantees["files"]


def _children():
    with makers.scratch(size=1 << 20, inodes=64) as machine:
        machine._make_namespace_now()


def _read_only():
    makers.read_only().close()


def _confined():
    with makers.confined("/") as machine:
        return machine.guarantees["paths"]


def _rehearsal():
    makers.rehearsal().close()


def _copied_rehearsal():
    from ostler.machines.rehearsal.copied import copied_rehearsal
    from ostler.machines.scratch_directory import scratch_directory

    with scratch_directory(MachineUnavailable("tried"), None, None) as machine:
        base = host.readlink(f"/proc/self/fd/{machine._root}")
        with copied_rehearsal(MachineUnavailable("tried"), base, None) as copy:
            return copy.guarantees["files"]


def _landlock():
    return f"Landlock, version {mounts.landlock_version()} of its interface"


def _points():
    with makers.scratch(size=1 << 20, inodes=64) as machine:
        machine.checkpoint()
        machine.branch().close()


def _kept_points():
    # With an upper on the disk, where temporary files are.
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ostler-doctor-") as place:
        host.mkdir(f"{place}/base")
        host.mkdir(f"{place}/kept", 0o700)
        with makers.rehearsal(f"{place}/base", upper=f"{place}/kept") as machine:
            machine.checkpoint()
        return f"overlayfs, with what is kept in {host.path.dirname(place)}"


def _recorded(exact=False):
    from contextlib import suppress

    with host.recorded(children=True, exact=exact), suppress(FileNotFoundError):
        host.run(["true"])


def _recorded_exactly():
    _recorded(True)


# The Linux that has the call, where it is another one than that of machines.
_SINCE = {"openat2": "5.6", "landlock": "5.13"}
_THINGS = {
    "openat2": ("openat2(2) with RESOLVE_IN_ROOT", _openat2),
    "namespaces": ("user and mount namespaces", _namespaces),
    "scratch": ("a detached tmpfs", _scratch),
    "scratch, weaker": ("a directory that is removed with the machine", _scratch_directory),
    "read_only": ("a read-only clone of the mounts", _read_only),
    "confined": ("a clone of the mounts below a directory", _confined),
    "rehearsal": ("overlayfs", _rehearsal),
    "rehearsal, weaker": ("a copy of a directory", _copied_rehearsal),
    "points": ("layers of an overlay", _points),
    "points, kept": ("layers of an overlay on a disk", _kept_points),
    "recording": ("seccomp(2), with a listener", _recorded),
    "recording, exact": ("ptrace(2)", _recorded_exactly),
    "children": ("a mount namespace whose root is the machine", _children),
    "landlock": ("Landlock, by which children are confined with weaker=True", _landlock),
}
