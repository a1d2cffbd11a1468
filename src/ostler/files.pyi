from os import PathLike
from typing import Any, AnyStr, overload

from ostler.records import stat_result, statvfs_result, statx_result
from ostler.xattrs import Xattrs

CONSTANTS: dict[str, Any]
TYPES: dict[str, Any]

_Path = str | bytes | PathLike[str] | PathLike[bytes]

class Files(Xattrs):
    def stat(
        self, path: int | _Path, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> stat_result: ...
    def lstat(self, path: _Path, *, dir_fd: int | None = None) -> stat_result: ...
    def fstat(self, fd: int) -> stat_result: ...
    def statvfs(self, path: int | _Path) -> statvfs_result: ...
    def fstatvfs(self, fd: int, /) -> statvfs_result: ...
    def statx(
        self,
        path: int | _Path,
        mask: int,
        *,
        flags: int = 0,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> statx_result: ...
    def pathconf(self, path: int | _Path, name: str | int) -> int: ...
    def fpathconf(self, fd: Any, name: str | int, /) -> int: ...
    def remove(self, path: _Path, *, dir_fd: int | None = None) -> None: ...
    def unlink(self, path: _Path, *, dir_fd: int | None = None) -> None: ...
    def rename(
        self,
        src: _Path,
        dst: _Path,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None: ...
    def replace(
        self,
        src: _Path,
        dst: _Path,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None: ...
    def link(
        self,
        src: _Path,
        dst: _Path,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None: ...
    def symlink(
        self,
        src: _Path,
        dst: _Path,
        target_is_directory: bool = False,
        *,
        dir_fd: int | None = None,
    ) -> None: ...
    @overload
    def readlink(self, path: PathLike[AnyStr], *, dir_fd: int | None = None) -> AnyStr: ...
    @overload
    def readlink(self, path: AnyStr, *, dir_fd: int | None = None) -> AnyStr: ...
    def truncate(self, path: int | _Path, length: int) -> None: ...
    def ftruncate(self, fd: int, length: int, /) -> None: ...
    def utime(
        self,
        path: int | _Path,
        times: tuple[float, float] | None = None,
        *,
        ns: tuple[int, int] = ...,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None: ...
    def mkfifo(self, path: _Path, mode: int = 0o666, *, dir_fd: int | None = None) -> None: ...
    def mknod(
        self, path: _Path, mode: int = 0o600, device: int = 0, *, dir_fd: int | None = None
    ) -> None: ...
    def major(self, device: int, /) -> int: ...
    def minor(self, device: int, /) -> int: ...
    def makedev(self, major: int, minor: int, /) -> int: ...
    def renames(self, old: _Path, new: _Path) -> None: ...
