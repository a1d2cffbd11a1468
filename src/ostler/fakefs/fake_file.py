"""Fake file: what FakeFilesystem gives of an entry: its name, and the kernel's answers for it."""

import errno
import stat

from ostler.fakefs.refusals import refuse
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class FakeLargeFileIoException(Exception):
    """What pyfakefs raises where a file without content is read; here it is read, as a hole."""

    def __init__(self, file_path: str) -> None:
        super().__init__(f"Reading or writing a file without content: {file_path}")


class FakeFile:
    """An entry of a FakeFilesystem. Its attributes are asked of the kernel each time."""

    def __init__(
        self,
        name: str,
        st_mode: int = 0o100666,
        contents: "str | bytes | None" = None,
        filesystem: "Any" = None,
        encoding: "str | None" = None,
        errors: "str | None" = None,
        side_effect: "Callable[[FakeFile], None] | None" = None,
        open_modes: "Any" = None,
    ) -> None:
        if filesystem is None:
            raise ValueError("filesystem shall not be None")
        self.filesystem = filesystem
        self.encoding = encoding
        self.errors = errors or "strict"
        self.side_effect = side_effect
        self._name = name
        self._pending: Any = (st_mode, contents)  # until it is put into the file system
        self._path = ""
        self._key: tuple[int, int] | None = None

    @classmethod
    def _at(cls, filesystem: "Any", path: str) -> "FakeFile":
        """The object of what is there; OSError where nothing is."""
        status = filesystem._look(path)
        kind = FakeDirectory if stat.S_ISDIR(status.st_mode) else FakeFile
        found = kind.__new__(kind)
        found.filesystem = filesystem
        found.encoding, found.errors, found.side_effect = None, "strict", None
        found._pending = None
        found._put(path, status)
        return found

    def _put(self, path, status):
        self._path = path
        self._name = path.rpartition("/")[2] or "/"
        self._key = status.st_dev, status.st_ino
        self._pending = None

    # --- where it is

    def _stat(self) -> "Any":
        # Of the entry itself, wherever it was renamed to meanwhile.
        if self._pending is not None:
            raise OSError(errno.ENOENT, "not yet in the file system", self._name)
        try:
            status = self.filesystem._look(self._path)
            if (status.st_dev, status.st_ino) == self._key:
                return status
        except OSError:
            pass
        path, status = self.filesystem._search(self._key)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, host.strerror(errno.ENOENT), self._path)
        self._path, self._name = path, path.rpartition("/")[2] or "/"
        return status

    @property
    def path(self) -> str:
        """Its whole path on the machine."""
        if self._pending is None and self._path != "/":
            try:
                self._stat()
            except OSError:
                pass
        return self._path

    @property
    def name(self) -> str:
        """The last part of its path."""
        if self._pending is None:
            return self.path.rpartition("/")[2] or "/"
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        if self._pending is None:
            above = self.path.rpartition("/")[0]
            self.filesystem.machine.rename(self._path, f"{above}/{value}")
            self._path = f"{above}/{value}"
        self._name = value

    @property
    def parent_dir(self) -> "Any":
        """The object of the directory that holds it; of the root itself None."""
        path = self.path
        return None if path == "/" else self.filesystem.get_object(path.rpartition("/")[0] or "/")

    # --- content

    @property
    def byte_contents(self) -> "bytes | None":
        """What the file holds, as bytes; of a link where it leads; None of a directory."""
        if self._pending is not None:
            contents = self._pending[1]
            return contents.encode(self._codec()) if isinstance(contents, str) else contents
        status = self._stat()
        if stat.S_ISLNK(status.st_mode):
            return host.fsencode(self.filesystem.machine.readlink(self._path))
        return self.filesystem._read(self._path) if stat.S_ISREG(status.st_mode) else None

    def _codec(self):
        return self.encoding or "utf-8"

    @property
    def contents(self) -> "Any":
        """What the file holds, as a str by its encoding; UnicodeDecodeError where it is none."""
        data = self.byte_contents
        return None if data is None else data.decode(self._codec(), self.errors)

    def set_contents(self, contents: "str | bytes", encoding: "str | None" = None) -> bool:
        """Let the file hold these contents; True if they differ from those before."""
        if encoding is not None:
            self.encoding = encoding
        data = (
            contents.encode(self._codec(), self.errors) if isinstance(contents, str) else contents
        )
        if self._pending is not None:
            self._pending = (self._pending[0], data)
            return True
        self._stat()
        changed: bool = self.byte_contents != data
        self.filesystem._write(self._path, data)
        if self.side_effect is not None:
            self.side_effect(self)
        return changed

    def set_initial_contents(self, contents: "str | bytes") -> bool:
        """As set_contents(), but that no side effect comes of it."""
        effect, self.side_effect = self.side_effect, None
        try:
            return self.set_contents(contents)
        finally:
            self.side_effect = effect

    def set_large_file_size(self, st_size: int) -> None:
        """Let the file have this size and no content: one hole, which takes no memory."""
        if not isinstance(st_size, int) or st_size < 0:
            problem = "the size of a file must be a whole number, and not less than 0"
            raise OSError(errno.ENOSPC, problem, self._name)
        self._stat()
        with self.filesystem._as_root():
            self.filesystem.machine.truncate(self._path, 0)
            self.filesystem.machine.truncate(self._path, st_size)

    def is_large_file(self) -> bool:
        """Whether it has a size and no content, not a block of its own."""
        status = self._stat()
        return bool(status.st_size and not status.st_blocks and stat.S_ISREG(status.st_mode))

    @property
    def size(self) -> int:
        """Bytes that the file holds; of a directory, those of all below it."""
        size: int = self._stat().st_size
        return size

    @size.setter
    def size(self, value: int) -> None:
        self._stat()
        with self.filesystem._as_root():
            self.filesystem.machine.truncate(self._path, value)

    st_size = size

    def has_permission(self, permission_bits: int) -> bool:
        """Whether all these bits of rights are set for who makes the calls, or that is root."""
        status = self._stat()
        machine = self.filesystem.machine
        if machine.geteuid() == 0:
            return True
        mode: int = status.st_mode
        if status.st_uid != machine.geteuid():
            mode = mode << 3 if status.st_gid == machine.getegid() else mode << 6
        return mode & permission_bits == permission_bits

    # --- what stat tells

    @property
    def stat_result(self) -> "Any":
        """The whole result of lstat."""
        return self._stat()

    @property
    def st_mode(self) -> int:
        """Kind and rights; setting it sets the rights."""
        mode: int = self._pending[0] if self._pending is not None else self._stat().st_mode
        return mode

    @st_mode.setter
    def st_mode(self, value: int) -> None:
        if self._pending is not None:
            self._pending = (value, self._pending[1])
            return
        if stat.S_ISLNK(self._stat().st_mode):
            refuse("st_mode of a link", "Linux has no rights of links", "set those of its file")
        with self.filesystem._as_root():
            self.filesystem.machine.chmod(self._path, value & 0o7777)

    @property
    def st_uid(self) -> int:
        """The owner's user id; setting it takes root."""
        uid: int = self._stat().st_uid
        return uid

    @st_uid.setter
    def st_uid(self, value: int) -> None:
        self._change_owner(value, -1)

    @property
    def st_gid(self) -> int:
        """The owner's group id; setting it takes root, or a member of the group."""
        gid: int = self._stat().st_gid
        return gid

    @st_gid.setter
    def st_gid(self, value: int) -> None:
        self._change_owner(-1, value)

    def _change_owner(self, uid, gid):
        self._stat()
        with self.filesystem._as_root():
            self.filesystem.machine.lchown(self._path, uid, gid)

    def _time(self, name):
        return getattr(self._stat(), name)

    def _set_time(self, which, value):
        status = self._stat()
        times = [status.st_atime_ns, status.st_mtime_ns]
        times[which] = round(value * 10**9)
        with self.filesystem._as_root():
            self.filesystem.machine.utime(self._path, ns=tuple(times), follow_symlinks=False)

    @property
    def st_atime(self) -> float:
        """Seconds from 1970 to its last access; it can be set."""
        seconds: float = self._time("st_atime")
        return seconds

    @st_atime.setter
    def st_atime(self, value: float) -> None:
        self._set_time(0, value)

    @property
    def st_mtime(self) -> float:
        """Seconds from 1970 to the last change of its content; it can be set."""
        seconds: float = self._time("st_mtime")
        return seconds

    @st_mtime.setter
    def st_mtime(self, value: float) -> None:
        self._set_time(1, value)

    @property
    def st_ctime(self) -> float:
        """Seconds from 1970 to its last change at all, which the kernel alone sets."""
        seconds: float = self._time("st_ctime")
        return seconds

    @st_ctime.setter
    def st_ctime(self, value: float) -> None:
        refuse(
            "setting st_ctime",
            "the kernel alone sets the time of the last change",
            "let the test read st_ctime, and compare with that",
        )

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("st_"):  # st_ino, st_nlink, st_mtime_ns and the like
            return getattr(self._stat(), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __str__(self) -> str:
        return f"{self.name!r}({self.st_mode:o})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path or self._name!r}>"


class FakeDirectory(FakeFile):
    """A directory of a FakeFilesystem."""

    def __init__(self, name: str, perm_bits: int = 0o777, filesystem: "Any" = None) -> None:
        super().__init__(name, stat.S_IFDIR | perm_bits, "", filesystem)

    @property
    def entries(self) -> "dict[str, FakeFile]":
        """What it holds: {name: object}."""
        path = self.path.rstrip("/")
        names = self.filesystem._names(path or "/")
        return {name: FakeFile._at(self.filesystem, f"{path}/{name}") for name in names}

    @property
    def ordered_dirs(self) -> "list[str]":
        """The names in it, those of the earliest made entry first."""
        found = self.entries
        return sorted(found, key=lambda name: found[name].st_ino)

    @property
    def byte_contents(self) -> "bytes | None":
        """A directory has no bytes of its own: none."""
        return b""

    @property
    def size(self) -> int:
        """Bytes that all files below it hold."""
        self._stat()
        size: int = self.filesystem._bytes_below(self._path)
        return size

    def set_contents(self, contents: "Any", encoding: "str | None" = None) -> bool:
        """Unsupported, as by the kernel: EISDIR."""
        raise IsADirectoryError(errno.EISDIR, host.strerror(errno.EISDIR), self.path)

    def get_entry(self, pathname_name: str) -> FakeFile:
        """The object of the entry of this name; KeyError where there is none."""
        return self.entries[pathname_name]

    def add_entry(self, path_object: FakeFile) -> None:
        """Put an object that was made by hand into this directory."""
        self.filesystem.add_object(self.path, path_object)

    def remove_entry(self, pathname_name: str, recursive: bool = True) -> None:
        """Remove the entry of this name; KeyError where there is none."""
        entry = self.get_entry(pathname_name)
        self.filesystem._remove(entry.path, recursive)

    def has_parent_object(self, dir_object: "FakeDirectory") -> bool:
        """Whether a directory is this one, or one above it."""
        above = dir_object.path.rstrip("/")
        return self.path == (above or "/") or self.path.startswith(above + "/")
