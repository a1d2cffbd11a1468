"""Looking: what a FakeFilesystem tells of its entries."""

import errno
import stat

from ostler.fakefs.fake_file import FakeDirectory, FakeFile
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any


class Looking:
    """The part of a FakeFilesystem that changes nothing."""

    machine: "Any"
    shuffle_listdir_results: bool

    def _as_root(self) -> "AbstractContextManager[None]":
        found: AbstractContextManager[None] = self.machine.as_root()
        return found

    def _text(self, path: "Any") -> str:
        """The whole path that is meant, without "." and "..", as a str."""
        path = host.fsdecode(path)
        if not path:
            raise FileNotFoundError(errno.ENOENT, host.strerror(errno.ENOENT), path)
        if not path.startswith("/"):
            path = f"{self.machine.getcwd()}/{path}"
        text: str = host.path.normpath(path)
        return text[1:] if text.startswith("//") else text

    def _look(self, path):
        with self._as_root():
            return self.machine.lstat(path)

    def _search(self, key):
        # An inode, wherever it is: (path, status), or (None, None).
        with self._as_root():
            return self._found_below("/", key)

    def _found_below(self, top, key):
        for above, directories, files in self.machine.walk(top):
            for name in (*directories, *files):
                path = f"{above.rstrip('/')}/{name}"
                status = self.machine.lstat(path)
                if (status.st_dev, status.st_ino) == key:
                    return path, status
        return None, None

    def _names(self, path: str) -> "list[str]":
        with self._as_root():
            names: list[str] = self.machine.listdir(path)
            return names

    def _read(self, path):
        with self._as_root():
            fd = self.machine.open(path, host.O_RDONLY)
        try:
            return b"".join(iter(lambda: host.read(fd, 2**20), b""))
        finally:
            host.close(fd)

    # --- looking

    def exists(self, file_path: "Any", check_link: bool = False) -> bool:
        """Whether there is such an entry; with `check_link` also one that leads nowhere."""
        path = host.fspath(file_path)
        ask = self.machine.path.lexists if check_link else self.machine.path.exists
        found: bool = ask(path)
        return found

    def get_object(self, file_path: "Any") -> FakeFile:
        """The object that stands for an entry, a link itself; FileNotFoundError for none."""
        return FakeFile._at(self, self._below_links(file_path))

    def _below_links(self, path):
        text = self._text(path)
        above, _, name = text.rpartition("/")
        with self._as_root():
            real = self.machine.path.realpath(above or "/").rstrip("/")
        return f"{real}/{name}" if name else "/"

    def lresolve(self, path: "Any") -> FakeFile:
        """As get_object()."""
        return self.get_object(path)

    def resolve(
        self,
        file_path: "Any",
        follow_symlinks: bool = True,
        allow_fd: bool = False,
        check_read_perm: bool = True,
        check_exe_perm: bool = True,
        check_owner: bool = False,
    ) -> FakeFile:
        """The object of what a path leads to; FileNotFoundError for none."""
        if isinstance(file_path, int) and allow_fd:
            path, _ = self._search(_key(host.fstat(file_path)))
            return FakeFile._at(self, path)
        if not follow_symlinks:
            return self.get_object(file_path)
        self.machine.stat(file_path)  # the error, if there is none
        return FakeFile._at(self, self.machine.path.realpath(self._text(file_path)))

    def resolve_path(self, file_path: "Any", allow_fd: bool = False) -> "Any":
        """The whole path that a path leads to, of which the last part need not be there."""
        path = host.fspath(file_path)
        if not path:
            raise FileNotFoundError(errno.ENOENT, host.strerror(errno.ENOENT), path)
        return self.machine.path.realpath(path)

    def stat(self, entry_path: "Any", follow_symlinks: bool = True) -> "Any":
        """As os.stat()."""
        return self.machine.stat(entry_path, follow_symlinks=follow_symlinks)

    def listdir(self, target_directory: "Any") -> "list[Any]":
        """As os.listdir(); sorted where `shuffle_listdir_results` is False."""
        names: list[Any] = self.machine.listdir(target_directory)
        return names if self.shuffle_listdir_results else sorted(names)

    def readlink(self, path: "Any") -> "Any":
        """As os.readlink()."""
        return self.machine.readlink(path)

    def isdir(self, path: "Any", follow_symlinks: bool = True) -> bool:
        """As os.path.isdir()."""
        return self._is(stat.S_ISDIR, path, follow_symlinks)

    def isfile(self, path: "Any", follow_symlinks: bool = True) -> bool:
        """As os.path.isfile()."""
        return self._is(stat.S_ISREG, path, follow_symlinks)

    def islink(self, path: "Any") -> bool:
        """As os.path.islink()."""
        return self._is(stat.S_ISLNK, path, False)

    def _is(self, asked: "Callable[[int], bool]", path: "Any", follow_symlinks: bool) -> bool:
        path = host.fspath(path)
        try:
            return asked(self.machine.stat(path, follow_symlinks=follow_symlinks).st_mode)
        except (OSError, ValueError):
            return False

    def confirmdir(
        self,
        target_directory: "Any",
        check_read_perm: bool = True,
        check_exe_perm: bool = True,
        check_owner: bool = False,
    ) -> FakeDirectory:
        """The object of a directory; NotADirectoryError of anything else."""
        found = self.resolve(target_directory)
        if not isinstance(found, FakeDirectory):
            number = errno.ENOTDIR
            raise NotADirectoryError(number, host.strerror(number), target_directory)
        return found


def _key(status):
    return status.st_dev, status.st_ino
