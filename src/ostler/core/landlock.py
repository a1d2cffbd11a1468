"""Landlock alone: what confines the children of a machine where namespaces are refused.

Root's get the machine's root directory by chroot, too, and no capability. An ordinary user's stay
on the host's paths: there they may use what is below the machine's root, and read and run the
programs that are named.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.confine import Confinement
from cython.cimports.ostler.core.crossing import plain_failure
from cython.cimports.ostler.core.rulesets import (
    landlock_files,
    landlock_version,
    ruleset,
)
from cython.cimports.ostler.core.spawn import (
    SPAWN_NO_RIGHTS,
    SPAWN_TWICE,
    Spawn,
)


@cython.cclass
class Landlocked(Confinement):
    """What the children of one machine are confined by, made when the first one is started."""

    def __cinit__(self, network, programs):
        self.alone = True
        self.chroots = libc.geteuid() == 0
        self.programs = [] if self.chroots else list(programs)

    def add(self, s, root, user_ns, mount_ns):
        if self.ruleset < 0:
            self.ruleset = ruleset(root, True, self.network, False)
            if self.ruleset < 0:
                raise plain_failure(libc.errno)
            for path in self.programs:
                _allow(self.ruleset, path)
        s.landlock = self.ruleset
        s.flags |= SPAWN_TWICE
        s.stays = -1
        self.shut_in(s)
        if self.chroots:
            s.root_fd = root
            s.flags |= SPAWN_NO_RIGHTS
        return 0


@cython.cfunc
def _allow(rules: cython.int, path: bytes):
    # A directory with all below it, or a file, to be read and run; a device to be used.
    beneath: libc.landlock_path_beneath_attr
    status: libc.stat_t
    rights: cython.ulonglong = libc.LANDLOCK_ACCESS_FS_READ_FILE
    fd: cython.int = libc.openat(
        libc.AT_FDCWD, py.PyBytes_AS_STRING(path), libc.O_PATH | libc.O_CLOEXEC
    )
    if fd < 0:
        return
    if libc.fstat(fd, cython.address(status)) == 0:
        if status.st_mode & 0o170000 == 0o040000:
            rights |= libc.LANDLOCK_ACCESS_FS_READ_DIR | libc.LANDLOCK_ACCESS_FS_EXECUTE
        elif status.st_mode & 0o170000 == 0o020000:
            # Also truncate and ioctl, where the kernel knows these rights.
            rights |= libc.LANDLOCK_ACCESS_FS_WRITE_FILE | 1 << 14 | 1 << 15
        else:
            rights |= libc.LANDLOCK_ACCESS_FS_EXECUTE
        beneath.allowed_access = rights & landlock_files(landlock_version())
        beneath.parent_fd = fd
        libc.syscall(
            libc.SYS_landlock_add_rule, rules, libc.LANDLOCK_RULE_PATH_BENEATH,
            cython.address(beneath), 0,
        )  # fmt: skip
    libc.close(fd)
