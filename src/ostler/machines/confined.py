"""Confined: a subtree with no way out, for a program that is not trusted."""

import errno

from ostler.core import mounts
from ostler.core.confine import Confinement
from ostler.core.filter import is_written
from ostler.machine import host
from ostler.machines import binds
from ostler.machines.mount_points import any_below, any_closed, kernels_files
from ostler.machines.refusals import given, unavailable
from ostler.machines.rooted import PATHS, Rooted
from ostler.verbs import environment


class Confined(Rooted):
    """A subtree with no way out; see ostler.confined."""

    # _shows_closed: whether some of its mounts are read-only for themselves
    __slots__ = ("_shows_closed",)
    _kind = "confined"

    def read_only_now(self, on: bool = True) -> None:
        """From now on every change made here fails with EROFS; False takes that back.

        OSError (EBUSY) while a file is open for writing, and PermissionError where it can't be
        taken back, since a part is read-only on the host, too. Children started before keep what
        they had.
        """
        if self._plain:
            raise unavailable("a read-only confined machine", errno.EPERM, "mount_setattr")
        if not on:
            if not self._confinement.read_only:
                return
            # All mounts are made so at once, and could only be made writable at once.
            if self._shows_closed:
                what = "a part of it is read-only on the host, too"
                raise PermissionError(errno.EPERM, f"{host.strerror(errno.EPERM)}: {what}")
        self._change(None, None, on)
        self._confinement.read_only = bool(on)

    @classmethod
    def _in(cls, directory, read_only, network, environ, landlock):
        """The machine of a directory; with `landlock` also where mounts are refused."""
        with mounts.directory(directory, "confined") as place:
            made = mounts.tree(place.root, bool(read_only))
            if made.number and not read_only:
                machine = _confined_plainly(place.root, made.number)
                if landlock:
                    _give_landlock(machine, bool(network))
                return _with_environ(machine, environ)
            given(made, "a confined machine")
            origin = host.readlink(b"/proc/self/fd/%d" % place.root)
            shows_closed = any_closed(place.root, origin)
        machine = cls._made(
            made,
            {
                "files": "a clone of the mounts below the directory"
                + (", read-only: EROFS for every change (kernel)" if read_only else ""),
                "paths": PATHS,
                "children": children_of_confined(network),
                "kernel": kernel_of_confined(),
            },
        )
        # Now: what is mounted there later, or no longer, is no matter of this clone's.
        machine._mounted = any_below(origin)
        machine._shows_closed = shows_closed
        machine._confinement = Confinement(bool(network))
        machine._confinement.read_only = bool(read_only)
        return _with_environ(machine, environ)


# What a program needs to know of who uses it; of all other variables some are secrets.
_PLAIN = frozenset(
    "COLORTERM COLUMNS HOME LANG LANGUAGE LINES LOGNAME NO_COLOR PATH SHELL TERM TMPDIR TZ "
    "USER".split()
)


def plain_variables(variables):
    """Those that may be shown to a program that is not trusted: a dict."""
    return {k: v for k, v in variables.items() if k in _PLAIN or k.startswith("LC_")}


def _with_environ(machine, environ):
    try:
        begin_with(machine, environ)
    except BaseException:
        machine.close()
        raise
    return machine


def begin_with(machine, environ):
    """Give a confined machine the variables that were asked for, or the plain ones."""
    said = "those that were given"
    if environ is None:
        environ = plain_variables(host.environ)
        said = "of the process's those alone that say who uses it: PATH, HOME, LANG and the like"
    machine.environ = environment.of_variables(environ)
    machine._guarantees["environment"] = said


def children_of_confined(network):
    """What is enforced for the children of a confined machine, and by what."""
    try:
        landlock = f"; Landlock {mounts.landlock_version()}"
    except OSError:
        landlock = "; no Landlock here"
    return (
        "live in mount, PID, IPC, user "
        + ("namespaces, on the host's network" if network else "and network namespaces")
        + ", with no new privileges, a keyring of their own and no descriptors but those given"
        + landlock
        + _calls()
    )


def kernel_of_confined():
    """What is enforced for what a confined machine shows of the kernel's own files, and by what."""
    return (
        "/proc is these processes' own; /proc/sys and the like, /sys and /dev are read-only, "
        "and what tells of the host is empty (mounts); of devices only null, zero, full, random, "
        "urandom and terminals of the machine's own can be opened by children (nodev)"
    )


def _calls():
    if not is_written():
        return "; no filter of system calls on this architecture"
    return "; a filter of system calls (seccomp), by which no file gets a setuid or setgid bit"


def _confined_plainly(fd, number):
    machine = Confined._made(
        mounts.duplicate(fd),
        {
            "files": "the directory itself, no mount of its own",
            "paths": PATHS,
            "children": f"none: no mounts of one's own here ({host.strerror(number)})",
        },
    )
    machine._prefixed(host.readlink(b"/proc/self/fd/%d" % fd))
    return machine


def _give_landlock(machine, network):
    """Let children be started on a confined machine without mounts, under Landlock alone."""
    from ostler.core.landlock import Landlocked

    try:
        version = mounts.landlock_version()
    except OSError as error:
        machine._guarantees["children"] += f", and no Landlock ({error.strerror})"
        return
    # No links into /proc, which would be this process's own part of it.
    programs = [path for path in binds.shell() if not path.startswith(("/proc", "/dev"))]
    programs += [f"/dev/{name}" for name in ("full", "null", "random", "urandom", "zero", "tty")]
    as_root = host.geteuid() == 0
    kernels = kernels_files(host.readlink(b"/proc/self/fd/%d" % machine._root)) if as_root else []
    if kernels:
        # Nothing can cover them, and root without any capability still owns them.
        machine._guarantees["children"] += (
            f", and root's could change the host by {host.fsdecode(kernels[0])}"
        )
        return
    machine._confinement = Landlocked(network, [host.fsencode(path) for path in programs])
    said = f"Landlock {version} alone, with no new privileges and no descriptors but those given"
    said += _calls() + "; "
    said += (
        "the directory is their root (chroot), they have no capability"
        if as_root
        else "paths are the host's, whose programs they may read and run"
    )
    holes = ["UDP", "System V shared memory", "looking at other processes of the user"]
    if version < 4 or network:
        holes.append("TCP")
    if version < 6:
        holes += ["signals to processes of the user", "abstract Unix sockets"]
    if not as_root:
        holes += ["stat, chmod, utime and setxattr of files outside", "Unix sockets outside"]
    why = machine._guarantees["children"].partition(": ")[2]
    machine._guarantees.update(children=said, weaker=why)
    machine._guarantees["open to children"] = ", ".join(holes)
