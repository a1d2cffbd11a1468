"""Room: the file systems of a FakeFilesystem, and how much there is in each."""

import errno
from collections import OrderedDict
from typing import NamedTuple

from ostler.core import mounts
from ostler.fakefs import limits
from ostler.fakefs.looking import Looking
from ostler.machine import host
from ostler.machines import before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class DiskUsage(NamedTuple):
    """Room in bytes, as shutil.disk_usage() tells it."""

    total: int
    used: int
    free: int


class Room(Looking):
    """The part of a FakeFilesystem that knows its mounts and their limits."""

    _mounts: "OrderedDict[str, dict[str, Any]]"
    _watch: "Any"

    # --- room

    def add_mount_point(
        self, path: "Any", total_size: "int | None" = None, can_exist: bool = False
    ) -> "dict[str, Any]":
        """Mount another file system at a directory, which is made if it is not there."""
        text = self._text(path)
        if text in self._mounts:
            if can_exist:
                return self.mount_points[text]
            raise FileExistsError(errno.EEXIST, host.strerror(errno.EEXIST), text)
        machine = self.machine
        machine._mounted = True
        machine._shown = None
        with self._as_root():
            machine.makedirs(text, exist_ok=True)
            room = limits.of_kernel(total_size or limits.UNLIMITED)
            options = b"mode\x00777\0size\0%d\0\0" % room
            step = (mounts.NEW, host.fsencode(text)[1:], b"tmpfs", None, None, options, False)
            built = mounts.build(machine._root, machine._user_ns, machine._mount_ns, [step])
            if built.number:
                problem = f"{host.strerror(built.number)}: {built.step}"
                raise OSError(built.number, problem, text)
        self._note_mount(text, total_size)
        return self.mount_points[text]

    def _note_mount(self, path, total_size):
        device = self.machine.stat(path).st_dev
        self._mounts[path] = {"idev": device, "total_size": None, "extra": 0}
        if total_size is not None:
            self._mounts[path]["total_size"] = total_size
            self._watched()

    @property
    def mount_points(self) -> "OrderedDict[str, dict[str, Any]]":
        """The file systems, by where they are: their device, their room, and what is used of it."""
        found = OrderedDict()
        for path, each in self._mounts.items():
            told = {name: each[name] for name in ("idev", "total_size")}
            found[path] = {**told, "used_size": self._used(path)}
        return found

    def is_mount_point(self, file_path: "Any") -> bool:
        """Whether a file system begins there."""
        found: bool = self.machine.path.ismount(file_path)
        return found

    def _mount_of(self, path):
        text = "/" if path is None else self._text(path)
        while text not in self._mounts:
            text = host.path.dirname(text)
        return text

    def _used(self, mount):
        return self._bytes_below(mount) + self._mounts[mount]["extra"]

    def _bytes_below(self, top: str) -> int:
        # An ordinary user's test can close a directory to itself: what is in it doesn't count then.
        with self._as_root():
            counts = self.machine.trees.size(
                top, threads=1, one_filesystem=True, on_error="collect"
            )
            found: int = counts.bytes
            return found

    def _room(self, device):
        # Bytes that a file system of this device still has room for; None: the kernel tells.
        for path, mount in self._mounts.items():
            if mount["idev"] == device:
                total = mount["total_size"]
                return None if total is None else total - self._used(path)
        return None

    def _usage_at(self, path):
        if isinstance(path, int):
            device = host.fstat(path).st_dev
        else:
            device = self.machine.stat(path).st_dev
        mount = next((p for p, each in self._mounts.items() if each["idev"] == device), None)
        if mount is None or self._mounts[mount]["total_size"] is None:
            return None
        return self.get_disk_usage(mount)

    def set_disk_usage(self, total_size: int, path: "Any" = None) -> None:
        """Let the file system of a path have so much room, in bytes: ENOSPC comes at the very one.

        OSError (ENOSPC) where more than that is used. The kernel itself counts whole pages: what
        passes by Python, as a child process does, meets the limit at the next page, or some pages
        later where it is smaller than 64 KiB or no multiple of one.
        """
        mount = self._mount_of(path)
        if total_size < self._used(mount):
            raise OSError(errno.ENOSPC, host.strerror(errno.ENOSPC))
        self._mounts[mount]["total_size"] = total_size
        self._watched()
        if mount == "/":
            try:
                self.machine.resize(size=limits.of_kernel(total_size))
            except OSError:  # its pages hold less than what is counted: as it is then
                self.machine.resize(size=limits.UNLIMITED)

    def get_disk_usage(self, path: "Any" = None) -> DiskUsage:
        """The room of the file system of a path: (total, used, free), in bytes of its files."""
        mount = self._mount_of(path)
        total = self._mounts[mount]["total_size"]
        total = limits.UNLIMITED if total is None else total
        used = self._used(mount)
        return DiskUsage(total, used, max(total - used, 0))

    def change_disk_usage(self, usage_change: int, file_path: "Any", st_dev: int) -> None:
        """Count so many bytes as used, or as free again, besides what the files hold."""
        for path, mount in self._mounts.items():
            if mount["idev"] == st_dev:
                total = mount["total_size"]
                if total is not None and self._used(path) + usage_change > total:
                    raise OSError(errno.ENOSPC, host.strerror(errno.ENOSPC), file_path)
                mount["extra"] += usage_change

    def _watched(self):
        if self._watch is None:
            self._watch = limits.Counting(self)
            before.stand(self.machine, self._watch)
        return self._watch
