"""The kinds of machines that are one mount or a few: scratch, read_only, confined."""

import errno
from contextlib import contextmanager

from ostler import sizes
from ostler.core import mounts
from ostler.core.confine import Confinement
from ostler.core.filter import instructions
from ostler.machine import host
from ostler.machines import binds
from ostler.machines.rehearsal.layout import any_below, any_closed
from ostler.machines.rooted import MachineUnavailable, Rooted
from ostler.verbs import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = "openat2 below the machine's root: no link, '..' or magic link leads out (kernel)"
_CHILDREN = "live in a mount namespace whose root is the machine"
_CHILDREN_OF_USER = "live in a user and a mount namespace whose root is the machine"


class Scratch(Rooted):
    """An empty file system in memory; see ostler.scratch."""

    __slots__ = ()
    _kind = "scratch"

    def resize(self, size: int | str | None = None, inodes: int | str | None = None) -> None:
        """Change its room, or the number of files it has room for; None leaves one as it is.

        OSError (EINVAL) when more than that is in use.
        """
        self._change(_amount(size, "size"), _amount(inodes, "inodes"), None)

    def read_only_now(self, on: bool = True) -> None:
        """From now on every change fails with EROFS; with False it can be changed again.

        OSError (EBUSY) while a file is open for writing.
        """
        self._change(None, None, on, whole=True)

    @contextmanager
    def as_root(self) -> "Iterator[None]":
        """Of a machine of another user's: inside, the calls are root's, to prepare it."""
        yield


class ReadOnly(Rooted):
    """The files of a directory, none of which can be changed; see ostler.read_only."""

    __slots__ = ()
    _kind = "read-only"


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


def scratch(size=None, inodes=None, bind=None, weaker=False, user=None):
    """A machine whose whole file system is new, empty and in memory; gone when it is closed.

    `size` is its room, an int in bytes or a str such as "64M" or "1.5 GiB" (all binary), by
    default half of the memory; `inodes` the number of files it has room for. `bind` lists paths
    of the host that are shown inside, read-only; `ostler.machines.SHELL` is a list with which
    a shell runs. With `weaker`, where mounts are refused, it is a directory in /dev/shm or
    TMPDIR: without limits, binds and children.

    With `user`, a name or a number, the calls on it are made by that user, and its children are
    that user's: PermissionError and all else is the kernel's own answer. One has to be root for
    it. `as_root()` is to prepare it. Whole trees (`trees`, `chmod_tree` and the like) it has not.
    """
    who = None
    if user is not None:
        from ostler.machines.users import user_of

        who = user_of(user)
        if who[0] == host.geteuid():
            who = None  # who makes the calls anyway
        elif weaker:
            raise ValueError("a machine of another user's can't be a weaker one")
    size, inodes = _amount(size, "size"), _amount(inodes, "inodes")
    sources = binds.sources(bind)
    try:
        made = given(mounts.scratch(size, inodes), "a scratch machine")
    except MachineUnavailable as error:
        from ostler.machines.owned import scratch_directory

        if not weaker:
            raise or_weaker(error, "a directory, without limits and children") from None
        return scratch_directory(error, size or inodes, sources)
    limits = [
        text.decode() for text in (size and b"size " + size, inodes and b"inodes " + inodes) if text
    ]
    machine = _kind_for(who, made)._made(
        made,
        {
            "files": "a tmpfs of its own, gone with the machine"
            + "".join(f", {x}" for x in limits),
            "paths": PATHS,
            "children": _CHILDREN if made.user_ns < 0 else _CHILDREN_OF_USER,
        },
    )
    machine._mounted = bool(sources)
    try:
        binds.show(machine, sources)
        if who is not None:
            machine._begin_as(who)
    except BaseException:
        machine.close()
        raise
    return machine


def _kind_for(who, made):
    if who is None:
        return Scratch
    from ostler.machines.users import ScratchOfUser, unavailable

    if host.geteuid() != 0 or made.user_ns >= 0:
        raise unavailable("this is not root", errno.EPERM)
    return ScratchOfUser


def read_only(base=None):
    """A machine that shows the files below `base` (default "/"), and lets none be changed."""
    base = "/" if base is None else base
    with mounts.directory(base, "read_only") as place:
        made = given(mounts.tree(place.root, True), "a read-only machine")
    machine = ReadOnly._made(
        made,
        {
            "files": "read-only clones of the mounts: EROFS for every change (kernel)",
            "paths": PATHS,
            "children": _CHILDREN if made.user_ns < 0 else _CHILDREN_OF_USER,
            "not covered": "sockets, FIFOs and devices can be written to: they are no files"
            + ("; root's children can remount" if made.user_ns < 0 else ""),
        },
    )
    machine._mounted = False  # nothing can be taken away anyway
    machine._stand_as_process(host.path.realpath(host.fsencode(base)))
    return machine


# What a program needs to know of who uses it; of all other variables some are secrets.
_PLAIN = frozenset(
    "COLORTERM COLUMNS HOME LANG LANGUAGE LINES LOGNAME NO_COLOR PATH SHELL TERM TMPDIR TZ "
    "USER".split()
)


def plain_variables(variables):
    """Those that may be shown to a program that is not trusted: a dict."""
    return {k: v for k, v in variables.items() if k in _PLAIN or k.startswith("LC_")}


def confined(directory, read_only=False, network=False, environ=None, weaker=False):
    """A machine whose root is `directory`, with no way out of it.

    `environ` is a mapping of the variables it begins with; by default of the process's own those
    that say who uses it and how (PATH, HOME, USER, LANG, LC_*, TERM, TZ and the like), no others.
    Where mounts can't be made, paths are confined all the same, but children can't be started
    and `read_only` can't be had; `guarantees` says which. With `weaker` they can, by Landlock
    alone: root's with the directory as their root, an ordinary user's on the host's paths, with
    its programs to be run.
    """
    with mounts.directory(directory, "confined") as place:
        made = mounts.tree(place.root, bool(read_only))
        if made.number and not read_only:
            machine = _confined_plainly(place.root, made.number)
            if weaker:
                _give_landlock(machine, bool(network))
            return _with_environ(machine, environ)
        given(made, "a confined machine")
        origin = host.readlink(b"/proc/self/fd/%d" % place.root)
        shows_closed = any_closed(place.root, origin)
    machine = Confined._made(
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
    if not instructions():
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
    from ostler.machines.rehearsal.layout import kernels_files

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


def given(answer, what):
    """What _mounts has made, or the error it is."""
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
    elif step in ("uid_map", "gid_map", "setgroups") and number in (errno.EACCES, errno.EPERM):
        hint = (
            "a process that was started by this user rather than changed to it, and no security "
            "profile against unprivileged user namespaces"
        )
    elif number in (errno.EPERM, errno.EACCES):
        hint = "root, or a security profile that permits user namespaces and mounts"
    elif number in (errno.ENOSYS, errno.ENODEV, errno.EINVAL):
        hint = "a newer kernel, or one with this file system"
    else:
        hint = ""
    return MachineUnavailable(reason, hint, number)


def or_weaker(error, what):
    """A refusal that names what can be had by asking for it."""
    help_ = f"{error.what_would_help}; or " if error.what_would_help else ""
    return MachineUnavailable(error.reason, f"{help_}weaker=True: {what}", error.errno)


def _amount(value, what):
    """Bytes of a decimal number for the kernel, from an int or a str with a unit; None stays."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            number = sizes.parsed(value)
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
    elif hasattr(value, "__index__") and not isinstance(value, bool):
        number = value.__index__()
    else:
        raise TypeError(f"{what} should be an int or a str like '64M', not {type(value).__name__}")
    if number <= 0:
        raise ValueError(f"{what} must be more than 0, not {value!r}")
    if number >= 2**62:
        raise OverflowError(f"{what} is too large: {value!r}")
    return b"%d" % number
