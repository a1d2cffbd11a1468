"""Refusals: why a machine can't be had here, and what would help."""

import errno

from ostler.machine import MachineUnavailable, host

# The first Linux with all calls that machines are made with; mount_setattr is the latest of them.
MACHINES = "5.12"


def newer(version):
    """What would help where the kernel, or a sandbox in front of it, does not know a call."""
    return f"Linux {version} or newer, with no sandbox that hides its calls"


def given(answer, what):
    """What core.mounts has made, or the error it is."""
    number, step = answer.number, answer.step
    if not number:
        return answer
    if number in (errno.EINVAL, errno.ENOMEM) and step == "fsconfig":
        raise OSError(number, f"{host.strerror(number)}: the kernel refuses this size")
    raise unavailable(what, number, step)


def unavailable(what, number, step):
    """The MachineUnavailable for what failed with this errno at this step."""
    reason = f"{what} can't be made: {step}: {host.strerror(number)}"
    if step == "unshare" and number == errno.ENOSPC:
        hint = "a higher user.max_user_namespaces (sysctl)"
    elif step in ("uid_map", "gid_map", "setgroups") and number == errno.EROFS:
        reason += " (/proc can only be read here, as within an ordinary user's rehearsal)"
        hint = "root, for the machine around this one"
    elif step in ("uid_map", "gid_map", "setgroups") and number in (errno.EACCES, errno.EPERM):
        hint = (
            "a process that was started by this user rather than changed to it, and no security "
            "profile against unprivileged user namespaces"
        )
    elif number in (errno.EPERM, errno.EACCES):
        hint = "root, or a security profile that permits user namespaces and mounts"
    elif number == errno.ENOSYS:
        hint = newer(MACHINES)
    elif number in (errno.ENODEV, errno.EINVAL):
        hint = "a newer kernel, or one with this file system"
    else:
        hint = ""
    return MachineUnavailable(reason, hint, number)


def or_weaker(error, what):
    """A refusal that names what can be had by asking for it."""
    help_ = f"{error.what_would_help}; or " if error.what_would_help else ""
    return MachineUnavailable(error.reason, f"{help_}weaker=True: {what}", error.errno)


def of_layers(stores, lower, number, step, of_scratch=False):
    """The error that layers upon `lower`, which are kept in `stores`, can't be mounted."""
    problem = f"{host.fsdecode(lower)}: {step}: {host.strerror(number)}"
    if step == "place" or (step == "move_mount" and number == errno.EINVAL):
        lost = "of what is mounted there the place is not what it was: it was renamed or removed"
        return MachineUnavailable(f"{problem}; {lost}", "that place, as it was", number)
    if of_scratch:  # whose layers have no path that anybody knows
        what = "a scratch machine can't have one more layer"
        return MachineUnavailable(f"{what}: {step}: {host.strerror(number)}", "", number)
    reason = f"a rehearsal can't be made: {problem}"
    if number == errno.EINVAL and (kind := _kind_at(stores)) is not None:
        reason += f"; its upper lies on {kind}"
    help = "a directory on another file system with upper=DIR, or a smaller base"
    return MachineUnavailable(reason, help, number)


def _kind_at(fd):
    """The kind of the file system on which an open file is; None where that is mounted nowhere."""
    from ostler.core.procfs import mount_table

    device = host.fstat(fd).st_dev
    for mount in mount_table():
        if host.makedev(*mount.device) == device:
            return mount.kind
    return None
