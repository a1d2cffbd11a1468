from collections.abc import Callable
from io import BufferedWriter, TextIOWrapper
from typing import IO, Any, BinaryIO, Literal, overload

from _typeshed import ReadableBuffer, StrOrBytesPath

from ostler.core.crossing import Core
from ostler.verbs.replacing import Replacing

CONSTANTS: dict[str, Any]
TYPES: dict[str, Any]

_Path = StrOrBytesPath
_Fd = int | None  # of a directory

class Durable(Core):
    def rename_noreplace(
        self, src: _Path, dst: _Path, *, src_dir_fd: _Fd = None, dst_dir_fd: _Fd = None
    ) -> None: ...
    def exchange(
        self, first: _Path, second: _Path, *, first_dir_fd: _Fd = None, second_dir_fd: _Fd = None
    ) -> None: ...
    def sync_directory(self, path: _Path = ".") -> None: ...
    def replace_durable(self, src: _Path, dst: _Path) -> None: ...
    def create_file(
        self,
        path: _Path,
        contents: ReadableBuffer | str = b"",
        *,
        mode: int | None = None,
        parents: bool = True,
    ) -> None: ...
    def write_atomic(
        self,
        path: _Path,
        data_or_writer: ReadableBuffer | str | Callable[[BinaryIO], object],
        *,
        mode: int | None = None,
        owner: Literal["keep"] | None = "keep",
        durable: bool = True,
        follow_symlinks: bool = False,
    ) -> None: ...
    @overload
    def replacing(
        self,
        path: _Path,
        open_mode: Literal["w", "wt"] = "w",
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        mode: int | None = None,
        owner: Literal["keep"] | None = "keep",
        durable: bool = True,
        follow_symlinks: bool = False,
    ) -> Replacing[TextIOWrapper]: ...
    @overload
    def replacing(
        self,
        path: _Path,
        open_mode: Literal["wb"],
        *,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        mode: int | None = None,
        owner: Literal["keep"] | None = "keep",
        durable: bool = True,
        follow_symlinks: bool = False,
    ) -> Replacing[BufferedWriter]: ...
    @overload
    def replacing(
        self,
        path: _Path,
        open_mode: str,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        mode: int | None = None,
        owner: Literal["keep"] | None = "keep",
        durable: bool = True,
        follow_symlinks: bool = False,
    ) -> Replacing[IO[Any]]: ...
    def move(self, src: _Path, dst: _Path) -> None: ...
