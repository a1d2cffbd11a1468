from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, AnyStr, Final, TypeAlias, overload

from ostler.core.crossing import Core
from ostler.core.scan import DirEntry, ScandirIterator
from ostler.core.walk import walk_symlinks_as_files as walk_symlinks_as_files
from ostler.verbs.entries import Entries, Entry, TemporaryDirectory

_Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]

CONSTANTS: Final[dict[str, object]]
TYPES: Final[dict[str, type]]

class Directories(Core):
    DirEntry: type[DirEntry[Any]]
    def getcwd(self) -> str: ...
    def getcwdb(self) -> bytes: ...
    def chdir(self, path: _Path | int) -> None: ...
    def fchdir(self, fd: Any) -> None: ...
    def chroot(self, path: _Path) -> None: ...
    def mkdir(self, path: _Path, mode: int = 0o777, *, dir_fd: int | None = None) -> None: ...
    def rmdir(self, path: _Path, *, dir_fd: int | None = None) -> None: ...
    @overload
    def listdir(self, path: bytes | PathLike[bytes]) -> list[bytes]: ...
    @overload
    def listdir(self, path: str | PathLike[str] | int | None = None) -> list[str]: ...
    @overload
    def scandir(self, path: bytes | PathLike[bytes]) -> ScandirIterator[bytes]: ...
    @overload
    def scandir(self, path: str | PathLike[str] | int | None = None) -> ScandirIterator[str]: ...
    def makedirs(
        self,
        name: _Path,
        mode: int = 0o777,
        exist_ok: bool = False,
        *,
        parent_mode: int | None = None,
    ) -> None: ...
    def removedirs(self, name: _Path) -> None: ...
    def walk(
        self,
        top: AnyStr | PathLike[AnyStr],
        topdown: bool = True,
        onerror: Callable[[OSError], object] | None = None,
        followlinks: bool = False,
    ) -> Iterator[tuple[AnyStr, list[AnyStr], list[AnyStr]]]: ...
    def fwalk(
        self,
        top: Any = ".",
        topdown: bool = True,
        onerror: Callable[[OSError], object] | None = None,
        *,
        follow_symlinks: bool = False,
        dir_fd: int | None = None,
    ) -> Iterator[tuple[Any, list[Any], list[Any], int]]: ...
    def iter_dir(
        self,
        path: _Path = ".",
        *,
        mask: int | None = None,
        follow_symlinks: bool = False,
        on_error: str | Callable[[OSError], object] = "raise",
    ) -> Entries: ...
    def walk_entries(
        self,
        top: _Path,
        *,
        mask: int | None = None,
        on_error: str | Callable[[OSError], object] = "raise",
        one_filesystem: bool = False,
    ) -> Iterator[Entry]: ...
    def temporary_directory(
        self, prefix: str = "tmp", suffix: str = "", dir: str | PathLike[str] | None = None
    ) -> TemporaryDirectory: ...
