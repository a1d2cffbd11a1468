"""Layout: which mounts a machine over the real files is made of."""

from ostler._given import mount_table
from ostler.machines import host

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
    for mount in mount_table() if table is None else table:
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


def writable_tops(base, extra=()):
    """The directories at and below `base` (bytes, resolved) that an ordinary user may change.

    The user's own directories and the shared ones for temporary files; from each it is climbed
    while the parent is the user's too. None lies within another. Also those, as a second list,
    that can't be overlaid, because something is mounted below them; those within are.
    """
    environ = host.environ
    candidates = [
        base,
        environ.get("HOME"),
        environ.get("XDG_RUNTIME_DIR"),
        environ.get("TMPDIR"),
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        *extra,
    ]
    try:
        candidates.append(host.getcwdb())
    except OSError:
        pass
    me = host.geteuid()
    table = mount_table()
    tops, blocked = set(), set()
    for candidate in candidates:
        if not candidate:
            continue
        top = host.path.realpath(host.fsencode(candidate))
        if not _within(top, base) or not _may_write(top):
            continue
        if mounts_below(top, table):
            blocked.add(top)
            continue
        while top != base:
            above = host.path.dirname(top)
            if host.stat(above).st_uid != me:
                break
            if mounts_below(above, table):
                blocked.add(above)
                break
            top = above
        tops.add(top)
    return [
        sorted(t for t in found if not any(t != o and _within(t, o) for o in found))
        for found in (tops, blocked)
    ]


def owned(directory):
    """Whether an overlay's top may stand for this directory: it is the user's own."""
    return host.stat(directory).st_uid == host.geteuid()


def _may_write(directory):
    return host.path.isdir(directory) and host.access(directory, host.W_OK | host.X_OK)


def _within(path, base):
    return path == base or path.startswith(base if base.endswith(b"/") else base + b"/")
