"""Facts: what this process was really given of the machine, and whose a file is."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core.crossing import Core, verb

CONSTANTS = {}
TYPES = {}


@cython.cclass
class Facts(Core):
    """The machine as this process may use it."""

    def available_cpus(self, *, cgroup=True):
        """How many threads can really run at once here: an int, at least 1.

        The processors in this process's affinity mask, and with `cgroup` no more than the CPU
        quota of its control groups allows, rounded up; cgroups(7), sched_getaffinity(2).
        """
        count = len(verb(self, "sched_getaffinity")(0))
        quota = _procfs().Groups().cpus() if cgroup else None
        if quota is None:
            return count
        import math  # when it is needed

        return max(1, min(count, math.ceil(quota)))

    def cpu_quota(self):
        """The processors' worth of time that the control groups allow: a float, None without."""
        return _procfs().Groups().cpus()

    def memory(self):
        """Memory in bytes, as a Memory record.

        total and available are the machine's (proc_meminfo(5)); limit is the least of the
        machine's and of what the control groups allow; used is what our own group uses, or the
        machine when groups do not count it.
        """
        return _procfs().memory()

    def uptime(self):
        """Seconds since the machine started, time asleep included; a float; CLOCK_BOOTTIME."""
        now: libc.timespec
        libc.clock_gettime(libc.CLOCK_BOOTTIME, cython.address(now))
        return now.tv_sec + now.tv_nsec * 1e-9

    def mounts(self):
        """The mounted file systems that this process sees, a list of Mount in mounting order.

        options and super_options are tuples of str, device is (major, minor), propagation a
        tuple such as ("shared:1",); proc_pid_mountinfo(5).
        """
        return _procfs().mounts()

    def owner(self, path, *, dir_fd=None, follow_symlinks=True):
        """Whose a file is, as an Owner record with names; stat(2), getpwuid(3), getgrgid(3)."""
        found = verb(self, "stat")(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        return _procfs().Owner(
            found.st_uid, found.st_gid, _user_name(found.st_uid), _group_name(found.st_gid)
        )

    def change_owner(self, path, user=None, group=None, *, dir_fd=None, follow_symlinks=True):
        """As chown(), with names: user and group are a name, a number, or None for unchanged.

        LookupError when there is no such user or group.
        """
        verb(self, "chown")(
            path,
            user_id(user),
            group_id(group),
            dir_fd=dir_fd,
            follow_symlinks=follow_symlinks,
        )


def _procfs():
    from ostler.core import procfs

    return procfs


def user_id(user):
    """A user's number from a name or a number; -1 for None; LookupError without such a name."""
    if user is None:
        return -1
    if not isinstance(user, str):
        return user
    import pwd

    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise LookupError(f"no such user: {user!r}") from None


def group_id(group):
    """A group's number from a name or a number; -1 for None; LookupError without such a name."""
    if group is None:
        return -1
    if not isinstance(group, str):
        return group
    import grp

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise LookupError(f"no such group: {group!r}") from None


def _user_name(uid):
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _group_name(gid):
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None
