"""Fake filesystem: pyfakefs's FakeFilesystem, whose files are those of a scratch machine."""

import errno
import stat
import sys
from collections import OrderedDict
from enum import Enum

from ostler.fakefs import helpers, kind, spare
from ostler.fakefs.fake_file import FakeDirectory, FakeFile, FakeLargeFileIoException
from ostler.fakefs.helpers import (
    PERM_ALL,
    PERM_DEF,
    PERM_DEF_FILE,
    PERM_EXE,
    PERM_READ,
    PERM_WRITE,
    get_gid,
    get_uid,
    is_root,
    reset_ids,
    set_gid,
    set_uid,
)  # fmt: skip
from ostler.fakefs.making import Making
from ostler.fakefs.modules import (
    FakeFileOpen,
    FakeIoModule,
    FakeOsModule,
    FakePathlibModule,
    FakePathModule,
    FakeShutilModule,
)  # fmt: skip
from ostler.fakefs.refusals import Unsupported, other_system, refuse
from ostler.fakefs.room import DiskUsage, Room
from ostler.machine import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, NoReturn

__all__ = [
    "PERM_ALL", "PERM_DEF", "PERM_DEF_FILE", "PERM_EXE", "PERM_READ", "PERM_WRITE",
    "FSType", "FakeDirectory", "FakeFile", "FakeFileOpen", "FakeFilesystem", "FakeIoModule",
    "FakeLargeFileIoException", "FakeOsModule", "FakePathModule", "FakePathlibModule",
    "FakeShutilModule", "OSType", "PatchMode", "Unsupported", "get_gid", "get_uid", "is_root",
    "reset_ids", "set_gid", "set_uid",
]  # fmt: skip


class OSType(Enum):
    """The systems that pyfakefs plays; here it is LINUX."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


class FSType(Enum):
    """The kinds of file systems that pyfakefs plays; here it is POSIX, the default."""

    DEFAULT = 0
    POSIX = 1
    WINDOWS = 2


class PatchMode(Enum):
    """Whether modules of the file system can be imported; io.open_code always acts on it."""

    OFF = 1
    AUTO = 2
    ON = 3


def _always(name: str, only: "Any", doc: str) -> "Any":
    def get(self: "Any") -> "Any":
        return only

    def put(self: "Any", value: "Any") -> None:
        if value != only:
            other_system(f"{name} = {value!r}")

    get.__doc__ = doc
    return property(get, put)


class FakeFilesystem(Making):
    """pyfakefs's interface to the files of a scratch machine, which is `machine`.

    The arguments are pyfakefs's. One that no Patcher has made is installed nowhere: its files are
    used by its methods, and by those of its machine.
    """

    def __init__(
        self,
        path_separator: "str | None" = None,
        total_size: "int | None" = None,
        patcher: "Any" = None,
        create_temp_dir: bool = False,
    ) -> None:
        if path_separator not in (None, "/"):
            other_system(f"the path separator {path_separator!r}")
        self._patcher = patcher
        self._temporary = create_temp_dir
        self._open_code = PatchMode.OFF
        self.shuffle_listdir_results = True
        self.machine: Any = None
        self._begin(total_size)
        helpers.follow(self)

    def _begin(self, total_size: "int | None") -> None:
        before_it = self.machine
        self._forks = spare.forks()
        self.machine = kind.fresh()
        self.machine.chmod("/", 0o777)
        self._mounts: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._watch: Any = None
        self._note_mount("/", None)
        if self._temporary:
            self._make_temporary()
        if total_size is not None:
            self.set_disk_usage(total_size)
        if self._patcher is not None:
            self._patcher._move_to(self.machine)
        if before_it is not None:
            before_it.close()

    def _make_temporary(self):
        machine = self.machine
        tempfile = sys.modules.get("tempfile")
        path = getattr(tempfile, "tempdir", None) or host.environ.get("TMPDIR") or "/tmp"
        for wanted in dict.fromkeys(("/tmp", host.fsdecode(path))):
            machine.makedirs(wanted, exist_ok=True)
            machine.chmod(wanted, 0o1777)

    def _end(self):
        helpers.leave(self)
        self._close(self.machine)

    def _close(self, machine):
        if self._patcher is not None and len(self._mounts) == 1:
            with machine.as_root():
                spare.keep(machine, self._forks)
        machine.close()

    def _follow_ids(self):
        kind.become(self.machine, get_uid(), get_gid())

    def _machine_is_anothers(self):
        return isinstance(self.machine, kind.FakeScratchOfUser)

    # --- changing

    def chmod(
        self,
        path: "Any",
        mode: int,
        follow_symlinks: bool = True,
        force_unix_mode: bool = False,
    ) -> None:
        """As os.chmod()."""
        if follow_symlinks:
            self.machine.chmod(path, mode)
        else:
            self.machine.chmod(path, mode, follow_symlinks=False)

    def chown(self, path: "Any", uid: int, gid: int, follow_symlinks: bool = True) -> None:
        """As os.chown(), which the kernel lets nobody but root do."""
        self.machine.chown(path, uid, gid, follow_symlinks=follow_symlinks)

    def utime(
        self,
        path: "Any",
        times: "tuple[float, float] | None" = None,
        *,
        ns: "tuple[int, int] | None" = None,
        follow_symlinks: bool = True,
    ) -> None:
        """As os.utime()."""
        if ns is not None and times is not None:
            raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
        if ns is not None:
            self.machine.utime(path, ns=ns, follow_symlinks=follow_symlinks)
        else:
            self.machine.utime(path, times, follow_symlinks=follow_symlinks)

    def rename(
        self, old_file_path: "Any", new_file_path: "Any", force_replace: bool = False
    ) -> None:
        """As os.rename()."""
        self.machine.rename(old_file_path, new_file_path)

    def remove(self, path: "Any") -> None:
        """As os.remove()."""
        self.machine.remove(path)

    def rmdir(self, target_directory: "Any", allow_symlink: bool = False) -> None:
        """As os.rmdir()."""
        if not (allow_symlink and self.islink(target_directory)):
            self.machine.rmdir(target_directory)

    def remove_object(self, file_path: "Any") -> None:
        """Remove an entry, a directory with all below it."""
        self._remove(self._text(file_path), True)

    def _remove(self, path, recursive):
        if path == "/":
            raise OSError(errno.EBUSY, host.strerror(errno.EBUSY), path)
        status = self.machine.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            self.machine.unlink(path)
        elif recursive:
            with self._as_root():
                self.machine.trees.remove(path)
        else:
            self.machine.rmdir(path)

    def reset(self, total_size: "int | None" = None, init_pathlib: bool = True) -> None:
        """Begin anew: an empty file system, in which "/" is the working directory."""
        self._begin(total_size)
        self._follow_ids()

    def clear_cache(self) -> None:
        """Nothing: there is no cache."""

    def pause(self) -> None:
        """Let all code be on the host until resume(); RuntimeError if no Patcher has made it."""
        self._of_patcher().pause()

    def resume(self) -> None:
        """Let all code be on the machine again."""
        self._of_patcher().resume()

    def _of_patcher(self):
        if self._patcher is None:
            raise RuntimeError(
                "pause() and resume() are for a file system that a Patcher, or the fixture fs, has "
                "made: this one is installed nowhere"
            )
        return self._patcher

    # --- paths, and what is said of the system

    def absnormpath(self, path: "Any") -> "Any":
        """The whole path, without "." and ".."; "/" for an empty one."""
        return self.machine.path.abspath(path) if path else self.machine.path.sep

    def normpath(self, path: "Any") -> "Any":
        """As os.path.normpath()."""
        return host.path.normpath(path)

    def normcase(self, path: "Any") -> "Any":
        """The path as it is: there is no other separator."""
        return host.fspath(path)

    def joinpaths(self, *paths: "Any") -> "Any":
        """As os.path.join()."""
        return host.path.join(*paths)

    def splitpath(self, path: "Any") -> "Any":
        """As os.path.split()."""
        return host.path.split(path)

    def splitdrive(self, path: "Any") -> "Any":
        """As os.path.splitdrive()."""
        return host.path.splitdrive(path)

    def isabs(self, path: "Any") -> bool:
        """As os.path.isabs()."""
        found: bool = host.path.isabs(path)
        return found

    def raise_os_error(
        self, err_no: int, filename: "Any" = None, winerror: "int | None" = None
    ) -> "NoReturn":
        """Raise the OSError of this number and name."""
        raise OSError(err_no, host.strerror(err_no), filename)

    def use_fs_type(self, fs_type: FSType) -> "AbstractContextManager[None]":
        """A context manager that does nothing; refused for any kind but this system's own."""
        from contextlib import nullcontext

        if fs_type is FSType.WINDOWS:
            other_system("FSType.WINDOWS")
        return nullcontext()

    @property
    def root(self) -> FakeDirectory:
        """The object of "/"."""
        found = FakeFile._at(self, "/")
        assert isinstance(found, FakeDirectory)
        return found

    root_dir = root

    @property
    def root_dir_name(self) -> str:
        """Always "/"."""
        return "/"

    @property
    def cwd(self) -> str:
        """The working directory of all code on the machine; it can be set."""
        path: str = self.machine.getcwd()
        return path

    @cwd.setter
    def cwd(self, value: "Any") -> None:
        self.machine.chdir(value)

    @property
    def umask(self) -> int:
        """Rights that new entries do not get; it can be set."""
        mask: int = self.machine._own_umask()
        if mask < 0:  # it is the process's, which takes long to know, until now
            mask = self.machine.umask(0)
            self.machine.umask(mask)
        return mask

    @umask.setter
    def umask(self, value: int) -> None:
        self.machine.umask(value)

    @property
    def patcher(self) -> "Any":
        """The Patcher that has made it, or None."""
        return self._patcher

    @property
    def patch_open_code(self) -> PatchMode:
        """Whether modules of the file system can be imported; it can be set."""
        return self._open_code

    @patch_open_code.setter
    def patch_open_code(self, value: PatchMode) -> None:
        self._open_code = value
        if self._patcher is not None:
            self._patcher._import(value is not PatchMode.OFF)

    @property
    def has_patcher(self) -> bool:
        """Whether a Patcher has made it."""
        return self._patcher is not None

    is_windows_fs = _always("is_windows_fs", False, "Always False; refused to be set to True.")
    is_macos = _always("is_macos", False, "Always False; refused to be set to True.")
    is_linux = _always("is_linux", True, "Always True.")
    path_separator = _always("path_separator", "/", 'Always "/".')
    alternative_path_separator = _always("alternative_path_separator", None, "Always None.")
    pathsep = _always("pathsep", ":", 'Always ":".')
    line_separator = _always("line_separator", "\n", "Always a line feed.")
    devnull = _always("devnull", "/dev/null", 'Always "/dev/null".')

    @property
    def is_case_sensitive(self) -> bool:
        """Always True; refused to be set to False."""
        return True

    @is_case_sensitive.setter
    def is_case_sensitive(self, value: bool) -> None:
        if not value:
            refuse(
                "is_case_sensitive = False",
                "Linux tells upper case from lower, and a tmpfs can't do otherwise",
                "test the code that compares names by itself, or with pyfakefs",
            )

    @property
    def os(self) -> OSType:
        """Always OSType.LINUX, to which setting it begins anew; any other is refused."""
        return OSType.LINUX

    @os.setter
    def os(self, value: OSType) -> None:
        if getattr(value, "value", value) != "linux":
            other_system(f"os = {value}")
        self.reset()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.machine!r}>"
