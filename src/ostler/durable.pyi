from collections.abc import Callable
from typing import IO, Any, BinaryIO

from _typeshed import ReadableBuffer, StrOrBytesPath

from ostler._core import Core

CONSTANTS: dict[str, Any]
TYPES: dict[str, Any]

class Durable(Core):
    def rename_noreplace(
        self,
        src: StrOrBytesPath,
        dst: StrOrBytesPath,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None: ...
    def exchange(
        self,
        first: StrOrBytesPath,
        second: StrOrBytesPath,
        *,
        first_dir_fd: int | None = None,
        second_dir_fd: int | None = None,
    ) -> None: ...
    def sync_directory(self, path: StrOrBytesPath = ".") -> None: ...
    def replace_durable(self, src: StrOrBytesPath, dst: StrOrBytesPath) -> None: ...
    def write_atomic(
        self,
        path: StrOrBytesPath,
        data_or_writer: ReadableBuffer | str | Callable[[BinaryIO], object],
        *,
        mode: int | None = None,
        durable: bool = True,
    ) -> None: ...
    def replacing(
        self,
        path: StrOrBytesPath,
        open_mode: str = "w",
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        mode: int | None = None,
        durable: bool = True,
    ) -> Replacing: ...
    def move(self, src: StrOrBytesPath, dst: StrOrBytesPath) -> None: ...

class Replacing:
    path: str | bytes
    def __init__(
        self,
        machine: Core,
        path: StrOrBytesPath,
        open_mode: str,
        text: tuple[str | None, str | None, str | None],
        mode: int | None,
        durable: bool,
    ) -> None: ...
    def __enter__(self) -> IO[Any]: ...
    def __exit__(self, kind: object, error: object, trace: object) -> None: ...
