"""A container's seccomp profile, imitated: what it refuses is refused for this process."""

import ctypes
import errno
import platform
import struct

_SET_SECCOMP = 22
_SET_NO_NEW_PRIVS = 38
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_NAMESPACES = 0x7E020000  # every CLONE_NEW... but the one for time

# The numbers that differ between architectures; the newer ones are the same everywhere.
_OLD = {
    "x86_64": {"clone": 56, "mount": 165, "umount2": 166, "pivot_root": 155, "unshare": 272,
               "setns": 308},
    "aarch64": {"clone": 220, "mount": 40, "umount2": 39, "pivot_root": 41, "unshare": 97,
                "setns": 268},
}  # fmt: skip
_NEW = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "clone3": 435, "openat2": 437, "mount_setattr": 442,
    "landlock_create_ruleset": 444, "fchmodat2": 452,
    "setxattrat": 463, "getxattrat": 464, "listxattrat": 465, "removexattrat": 466,
}  # fmt: skip

# What Docker's default profile refuses, and with what; openat2 is allowed there.
DEFAULT = {
    **dict.fromkeys(
        ["mount", "umount2", "pivot_root", "unshare", "setns", "open_tree", "move_mount",
         "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"],
        errno.EPERM,
    ),
    "clone3": errno.ENOSYS,
}  # fmt: skip
NO_OPENAT2 = {"openat2": errno.ENOSYS}
# A profile that is older than the calls: what it does not know is refused, not absent.
UNKNOWN = ["fchmodat2", "setxattrat", "getxattrat", "listxattrat", "removexattrat"]
OLD_PROFILE = {**DEFAULT, **dict.fromkeys(UNKNOWN, errno.EPERM)}
OLD_SANDBOX = {**DEFAULT, **dict.fromkeys(UNKNOWN, errno.ENOSYS), "openat2": errno.ENOSYS}
# Ubuntu's AppArmor profile: a user namespace can be made, and nothing be done in it.
NO_MOUNTS = dict.fromkeys(
    ["mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
     "fspick", "mount_setattr"],
    errno.EACCES,
)  # fmt: skip
PROFILES = {
    "container": DEFAULT,
    "older profile": OLD_PROFILE,
    "no openat2": OLD_SANDBOX,
    "no mounts": NO_MOUNTS,
}


def numbers():
    """The system calls' numbers here, None where this file does not know them."""
    old = _OLD.get(platform.machine())
    return None if old is None else {**old, **_NEW}


def refuse(calls):
    """Let these system calls fail from now on, in this process and all its children."""
    known = numbers()
    program = [_statement(0x20, 0)]  # load the call's number
    for name, error in calls.items():
        program += [_jump(0x15, known[name], 0, 1), _statement(0x06, _ERRNO | error)]
    if "unshare" in calls:
        # clone with a namespace flag: its flags are the first argument
        program += [
            _jump(0x15, known["clone"], 0, 4),
            _statement(0x20, 16),
            _statement(0x54, _NAMESPACES),
            _jump(0x15, 0, 1, 0),
            _statement(0x06, _ERRNO | errno.EPERM),
        ]
    program.append(_statement(0x06, _ALLOW))
    _enter(program)


def _enter(program):
    code = b"".join(program)
    room = ctypes.create_string_buffer(code)
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(room))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, 2, header, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def refuse_newer():
    """Let all system calls fail that came after Linux 5.0, as they do on such a kernel."""
    program = [
        _statement(0x20, 0),  # load the call's number; since 5.1 it is the same everywhere
        _jump(0x35, 424, 0, 1),
        _statement(0x06, _ERRNO | errno.ENOSYS),
        _statement(0x06, _ALLOW),
    ]
    _enter(program)


def _statement(code, value):
    return struct.pack("HBBI", code, 0, 0, value)


def _jump(code, value, if_true, if_false):
    return struct.pack("HBBI", code, if_true, if_false, value)
