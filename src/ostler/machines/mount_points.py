"""What is mounted on the host below a directory, and what of it are the kernel's own files."""

from ostler.core.procfs import escaped, mount_table, raw_mounts
from ostler.machine import host

# File systems that hold no files of anyone's: shown read-only, never overlaid.
_NO_FILES = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl "
    "hugetlbfs mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs".split()
)


def mounts_below(base, table=None):
    """The mounts below a directory (bytes, resolved): [(relative path, has files, is read-only)].

    In the order in which they must be put there; what lies hidden under a later one is left out.
    """
    found = {}
    prefix = base if base.endswith(b"/") else base + b"/"
    for mount in mount_table(near=base) if table is None else table:
        point = mount.point.encode("utf-8", "surrogateescape")
        if point == base or base.startswith(point.rstrip(b"/") + b"/"):
            if point != b"/":
                found.clear()  # everything below was hidden by this one
        elif point.startswith(prefix):
            relative = point[len(prefix) :]
            for hidden in [p for p in found if p == relative or p.startswith(relative + b"/")]:
                del found[hidden]
            found[relative] = (relative, mount.kind not in _NO_FILES, "ro" in mount.options)
    return list(found.values())


def any_below(base):
    """Whether anything may be mounted below a directory (bytes, resolved): a quick look."""
    return base == b"/" or b" " + escaped(base) + b"/" in raw_mounts()


def any_closed(fd, base):
    """Whether an open directory, or a mount below its path `base`, is read-only."""
    if host.fstatvfs(fd).f_flag & host.ST_RDONLY:
        return True
    return any_below(base) and any(closed for _, _, closed in mounts_below(base))


def kernels_files(base):
    """The places, at or below a directory (bytes, resolved), of what is the kernel's: /proc, /dev.

    The directory itself where it lies in such a file system.
    """
    found, longest, holds = [], -1, None
    for mount in mount_table(near=base):
        point = mount.point.encode("utf-8", "surrogateescape")
        if within(point, base):
            found += [point] if mount.kind in _NO_FILES else []
        elif within(base, point) and len(point) >= longest:
            longest, holds = len(point), mount.kind
    return [*found, base] if holds in _NO_FILES else found


def within(path, base):
    """Whether a path is a directory or lies in it (both of one type, resolved)."""
    return path == base or path.startswith(base if base.endswith(b"/") else base + b"/")
