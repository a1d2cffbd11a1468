"""What the kernel's own files tell of this process's share: control groups, memory, mounts.

Loaded when a fact is asked for, not with the package.
"""

from collections import namedtuple

Memory = namedtuple("Memory", "total available limit used")
Memory.__doc__ = "Bytes of memory: of the machine, free to take, allowed to us, used by our group."
Mount = namedtuple(
    "Mount", "id parent device root point options propagation kind source super_options"
)
Mount.__doc__ = "One mounted file system, a line of /proc/self/mountinfo; proc_pid_mountinfo(5)."
Owner = namedtuple("Owner", "uid gid user group")
Owner.__doc__ = "Whose a file is: numbers, and names or None where a number has no name."

_UNLIMITED = 1 << 60  # version 1 writes "no limit" as the largest number of whole pages


def text_of(path):
    """The content of a file that the kernel makes, or None when it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def unescaped(field):
    """A path, or another word, as mountinfo writes it, with its octal escapes undone."""
    if "\\" not in field:
        return field
    import re

    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


_ESCAPES = ((b"\\", b"\\134"), (b" ", b"\\040"), (b"\t", b"\\011"), (b"\n", b"\\012"))


def escaped(path):
    """A path (bytes) as mountinfo writes it; the other way round than `unescaped`."""
    for byte, escape in _ESCAPES:
        path = path.replace(byte, escape)
    return path


def mount_lines(text):
    """The lines of a mountinfo file, split: (fields before the dash, fields after it)."""
    for line in text.split("\n"):
        if line:
            head, _, tail = line.partition(" - ")
            yield head.split(" "), tail.split(" ")


class Groups:
    """The control groups this process is in. `root` is "/", or a copy of its files for tests."""

    def __init__(self, root="/"):
        self._root = root.rstrip("/")
        membership = text_of(f"{self._root}/proc/self/cgroup") or ""
        mounts = text_of(f"{self._root}/proc/self/mountinfo") or ""
        paths = {}  # controller ("" for version 2) -> path of the group
        for line in filter(None, membership.split("\n")):
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                paths[controller] = path
        self._unified = []
        self._version1 = {}  # controller -> directories
        for head, tail in mount_lines(mounts):
            point = self._root + unescaped(head[4])
            if tail[0] == "cgroup2" and "" in paths:
                self._unified = _upwards(point, unescaped(head[3]), paths[""])
            elif tail[0] == "cgroup":
                for controller in tail[2].split(","):
                    if controller in paths:
                        directories = _upwards(point, unescaped(head[3]), paths[controller])
                        self._version1[controller] = directories

    def cpus(self):
        """The processors' worth of time that the quotas allow, a float, or None without one."""
        allowed = []
        for directory in self._unified:
            fields = (text_of(f"{directory}/cpu.max") or "max").split()
            if fields and fields[0] != "max":
                allowed.append(int(fields[0]) / int(fields[1] if len(fields) > 1 else 100000))
        for directory in self._version1.get("cpu", ()):
            quota = _number(f"{directory}/cpu.cfs_quota_us")
            period = _number(f"{directory}/cpu.cfs_period_us")
            if quota is not None and quota > 0 and period:
                allowed.append(quota / period)
        return min(allowed, default=None)

    def memory_limit(self):
        """The bytes of memory that the groups allow, or None without a limit."""
        allowed = [
            limit
            for directories, name in (
                (self._unified, "memory.max"),
                (self._version1.get("memory", ()), "memory.limit_in_bytes"),
            )
            for directory in directories
            if (limit := _number(f"{directory}/{name}")) is not None and limit < _UNLIMITED
        ]
        return min(allowed, default=None)

    def memory_used(self):
        """The bytes of memory that the innermost group uses now, or None when not counted."""
        for directories, name in (
            (self._unified, "memory.current"),
            (self._version1.get("memory", ()), "memory.usage_in_bytes"),
        ):
            for directory in directories[:1]:
                used = _number(f"{directory}/{name}")
                if used is not None:
                    return used
        return None


def _number(path):
    text = text_of(path)
    if text is None:
        return None
    text = text.strip()
    return int(text) if text.lstrip("-").isdigit() else None


def _upwards(point, root, path):
    """The group's directory and those above it, as far as this mount shows them."""
    if root != "/" and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    elif root != "/" or path.startswith("/.."):
        path = "/"  # the mount shows another part of the hierarchy: its top stands for us
    directories = []
    while path not in ("", "/"):
        directories.append(point + path)
        path = path.rpartition("/")[0]
    return [*directories, point]


def memory():
    """The machine's memory and our share of it, a Memory."""
    fields = {}
    for line in filter(None, (text_of("/proc/meminfo") or "").split("\n")):
        name, _, rest = line.partition(":")
        fields[name] = int(rest.split()[0]) * 1024
    total = fields["MemTotal"]
    available = fields.get("MemAvailable", fields.get("MemFree", 0))
    groups = Groups()
    limit = groups.memory_limit()
    limit = total if limit is None else min(limit, total)
    used = groups.memory_used()
    if used is None:
        used = total - available
    return Memory(total, min(available, max(0, limit - used)), limit, used)


def mounts():
    """The mounted file systems, a list of Mount; none where the kernel's table can't be read."""
    try:
        return mount_table()
    except OSError:
        return []


def mount_table(near=None):
    """The mounted file systems, a list of Mount; OSError where the table can't be read.

    `near`: those alone that are mounted at, below or above this directory (bytes, resolved).
    """
    text = raw_mounts()
    if near is not None:
        text = b"\n".join(_lines_near(text, _as_above(escaped(near))))
    return [_mount(*line) for line in mount_lines(text.decode("utf-8", "surrogateescape"))]


def devices(kinds):
    """The devices, (major, minor), of the mounted file systems of some kinds (bytes): a set."""
    heads = (line.partition(b" - ") for line in raw_mounts().split(b"\n"))
    found = {head.split(b" ", 3)[2] for head, _, tail in heads if tail.split(b" ", 1)[0] in kinds}
    return {tuple(map(int, device.split(b":"))) for device in found}


def raw_mounts():
    """The kernel's table of the mounted file systems as it stands, bytes; OSError as above."""
    with open("/proc/self/mountinfo", "rb", buffering=0) as table:
        return table.readall()


def _lines_near(text, base):
    for line in filter(None, text.split(b"\n")):
        point = _as_above(line.split(b" ", 5)[4])
        if point.startswith(base) or base.startswith(point):
            yield line


def _as_above(path):
    """A path with the slash at its end with which the paths of what lies below begin."""
    return path if path.endswith(b"/") else path + b"/"


def _mount(head, tail):
    major, _, minor = head[2].partition(":")
    return Mount(
        int(head[0]),
        int(head[1]),
        (int(major), int(minor)),
        unescaped(head[3]),
        unescaped(head[4]),
        tuple(head[5].split(",")),
        tuple(field for field in head[6:] if field),
        tail[0],
        unescaped(tail[1]),
        tuple(map(unescaped, tail[2].split(","))) if len(tail) > 2 else (),
    )
