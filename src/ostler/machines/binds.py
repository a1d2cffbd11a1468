"""Binds: parts of the host that are shown, read-only, on a scratch machine."""

from ostler.machines import _mounts, host
from ostler.machines.rooted import MachineUnavailable

# What a shell and the usual commands need; what this host lacks is left out.
_SHELL = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/nix/store",
    "/etc/alternatives", "/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf",
    "/etc/ld.so.conf.d", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd",
    "/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero", "/proc",
)  # fmt: skip


def shell():
    """The paths of the host with which a shell runs on a scratch machine, as a list."""
    return [path for path in _SHELL if host.path.lexists(path)]


def sources(bind):
    """The absolute paths (bytes) that are asked for, outer ones first, none within another."""
    if bind is None:
        return []
    if isinstance(bind, (str, bytes)) or hasattr(bind, "__fspath__"):
        raise TypeError("bind should be a list of paths, not one path")
    wanted = set()
    for path in bind:
        text = host.path.abspath(host.fsencode(path))
        host.lstat(text)
        if text == b"/":
            raise ValueError("the whole host can't be bound into a scratch machine")
        wanted.add(text)
    return sorted(w for w in wanted if not any(w.startswith(o + b"/") for o in wanted))


def show(machine, paths):
    """Put these paths of the host upon the machine, at the same place there, read-only."""
    steps = []
    for path in paths:
        _make_parents(machine, path)
        status = host.lstat(path)
        kind = status.st_mode & 0o170000
        if kind == 0o120000:
            machine.symlink(host.readlink(path), path)
            continue
        if kind == 0o040000:
            machine.mkdir(path)
        else:
            machine.close(machine.open(path, machine.O_WRONLY | machine.O_CREAT, 0o644))
        steps.append((_mounts.CLONE_TREE, path[1:], path, None, None, None, True))
    if not steps:
        return
    _, number, step, failed = _mounts.build(
        machine._root, machine._user_ns, machine._mount_ns, steps
    )
    if number:
        which = host.fsdecode(steps[failed][2])
        raise MachineUnavailable(
            f"{which} can't be shown there: {step}: {host.strerror(number)}", "", number
        )


def _make_parents(machine, path):
    parts = path.split(b"/")[1:-1]
    for i in range(len(parts)):
        try:
            machine.mkdir(b"/" + b"/".join(parts[: i + 1]))
        except FileExistsError:
            pass
