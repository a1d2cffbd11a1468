"""Where generated programs run: a place from which they can't reach what is not theirs.

In namespaces of its own, if the system lets an ordinary process make them: all mounts are
read-only there, so that no mode, owner, time or attribute of a device or a shared directory can
be changed, but for one private memory file system. Everywhere: limits, and no descriptor but
private files: 0, 1 and 2 as well are files in the room. What is generated names no path outside
of it and no process but its own children.
"""

import ctypes
import os
import resource

_NEWNS, _NEWIPC, _NEWUSER, _NEWNET = 0x20000, 0x8000000, 0x10000000, 0x40000000
_NOSUID, _NODEV, _REC, _PRIVATE = 2, 4, 0x4000, 0x40000
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _RDONLY = 442, -100, 0x8000, 1

DESCRIPTORS = 250  # a program's limit: none has a greater number
_LIMITS = {
    resource.RLIMIT_NOFILE: DESCRIPTORS,
    resource.RLIMIT_FSIZE: 1 << 22,
    resource.RLIMIT_CPU: 10,
    resource.RLIMIT_CORE: 0,
}
VARIABLES = {"PATH": "/usr/bin:/bin", "HOME": "/home/nobody", "A": "one", "É": "é"}


class Attributes(ctypes.Structure):
    """struct mount_attr."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def enter(directory):
    """Shut this process up in a directory for good; return whether namespaces do it.

    The process must have one thread only.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    where = os.fsencode(directory)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEWUSER | _NEWNS | _NEWIPC | _NEWNET):
        return False
    try:
        _shut(libc, where, user, group)
    except OSError:
        return False  # there are systems that make namespaces, but of no use
    return True


def _shut(libc, where, user, group):
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    _check(libc.mount(b"none", b"/", None, _REC | _PRIVATE, None))
    _check(libc.mount(b"none", where, b"tmpfs", _NOSUID | _NODEV, b"size=64m,mode=700"))
    _set_read_only(libc, b"/", _AT_RECURSIVE, set=_RDONLY)
    _set_read_only(libc, where, 0, clear=_RDONLY)


def _write(name, text):
    with open(name, "w") as file:
        file.write(text)


def _check(result):
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _set_read_only(libc, path, flags, **changes):
    given = Attributes(**changes)
    size = ctypes.c_size_t(ctypes.sizeof(given))
    _check(libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path, flags, ctypes.byref(given), size))


def clean_environment():
    """The variables that programs start with; before ostler is imported."""
    os.environ.clear()
    os.environ.update(VARIABLES)


def limit():
    """Put a child under its limits, in a group of its own, with private files for descriptors."""
    os.setpgid(0, 0)
    for what, most in _LIMITS.items():
        resource.setrlimit(what, (most, most))
    for number, name in enumerate(("in", "out", "err")):
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(fd, number)
        if fd != number:
            os.close(fd)
    os.closerange(3, DESCRIPTORS)


def furnish(here):
    """What lies ready in the directory that a program starts in."""
    os.mkdir(here)
    os.chdir(here)
    for name, text in (("a", b"content of a\n"), ("b", b""), ("sh", b"#!/bin/sh\nexit $1\n")):
        with open(name, "wb") as file:
            file.write(text)
    os.chmod("sh", 0o755)
    os.makedirs("d/e/f")
    os.mkdir("empty")
    os.mkdir("é")
    for name in ("d/x", "d/e/y", b"\xff"):
        with open(name, "wb") as file:
            file.write(b"x")
    for link, target in (
        ("l", "a"), ("ld", "d"), ("dangling", "nothing"), ("loop", "loop"), ("d/up", "e"),
    ):  # fmt: skip
        os.symlink(target, link)
    os.mkfifo("fifo")
    for name in ("a", "b", "d/x", "d"):
        os.utime(name, ns=(1_000_000_000_123_456_789, 1_100_000_000_987_654_321))
