from os import PathLike
from typing import Any, AnyStr, overload

from ostler.core.crossing import Core

CONSTANTS: dict[str, Any]
TYPES: dict[str, Any]

_Path = str | bytes | PathLike[str] | PathLike[bytes]
_Fd = int | None  # of a directory

class Links(Core):
    def remove(self, path: _Path, *, dir_fd: _Fd = None) -> None: ...
    def unlink(self, path: _Path, *, dir_fd: _Fd = None) -> None: ...
    def rename(
        self, src: _Path, dst: _Path, *, src_dir_fd: _Fd = None, dst_dir_fd: _Fd = None
    ) -> None: ...
    def replace(
        self, src: _Path, dst: _Path, *, src_dir_fd: _Fd = None, dst_dir_fd: _Fd = None
    ) -> None: ...
    def link(
        self,
        src: _Path,
        dst: _Path,
        *,
        src_dir_fd: _Fd = None,
        dst_dir_fd: _Fd = None,
        follow_symlinks: bool = True,
    ) -> None: ...
    def symlink(
        self, src: _Path, dst: _Path, target_is_directory: bool = False, *, dir_fd: _Fd = None
    ) -> None: ...
    @overload
    def readlink(self, path: PathLike[AnyStr], *, dir_fd: _Fd = None) -> AnyStr: ...
    @overload
    def readlink(self, path: AnyStr, *, dir_fd: _Fd = None) -> AnyStr: ...
    def renames(self, old: _Path, new: _Path) -> None: ...
