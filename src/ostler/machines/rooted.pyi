from collections.abc import Callable
from io import BufferedRandom, BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from typing import IO, Any, BinaryIO, Literal, NoReturn, Self, TypeAlias, TypeVar, overload

from _typeshed import (
    FileDescriptorOrPath,
    OpenBinaryMode,
    OpenBinaryModeReading,
    OpenBinaryModeUpdating,
    OpenBinaryModeWriting,
    OpenTextMode,
)

from ostler.core.living import Living
from ostler.core.mounts import Made
from ostler.core.standers import Stander
from ostler.installation.installed import Installed
from ostler.machine import Machine
from ostler.machine import MachineUnavailable as MachineUnavailable
from ostler.machines.below_root import RootedCore
from ostler.machines.faults import Faults

_F = TypeVar("_F", bound=Callable[..., Any])
_Opener: TypeAlias = Callable[[str, int], int]

PATHS: str
THIS: Any

def children_in(made: Made) -> str: ...
def staying(function: _F) -> _F: ...

class Rooted(RootedCore, Machine):
    _guarantees: dict[str, str]
    _kind: str
    def __init__(self) -> None: ...
    @classmethod
    def _made(cls, made: Made, guarantees: Any = ()) -> Self: ...
    def _become(
        self, root: int, user_ns: int, mount_ns: int, guarantees: Any, stores: int, *owners: Made
    ) -> None: ...
    def _stand_as_process(self, base: bytes) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def guarantees(self) -> dict[str, str]: ...
    # As the built-in open.
    @overload
    def open_file(
        self,
        file: FileDescriptorOrPath,
        mode: OpenTextMode = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: _Opener | None = None,
    ) -> TextIOWrapper: ...
    @overload
    def open_file(
        self,
        file: FileDescriptorOrPath,
        mode: OpenBinaryMode,
        buffering: Literal[0],
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        closefd: bool = True,
        opener: _Opener | None = None,
    ) -> FileIO: ...
    @overload
    def open_file(
        self,
        file: FileDescriptorOrPath,
        mode: OpenBinaryModeUpdating,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        closefd: bool = True,
        opener: _Opener | None = None,
    ) -> BufferedRandom: ...
    @overload
    def open_file(
        self,
        file: FileDescriptorOrPath,
        mode: OpenBinaryModeWriting,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        closefd: bool = True,
        opener: _Opener | None = None,
    ) -> BufferedWriter: ...
    @overload
    def open_file(
        self,
        file: FileDescriptorOrPath,
        mode: OpenBinaryModeReading,
        buffering: Literal[-1, 1] = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        closefd: bool = True,
        opener: _Opener | None = None,
    ) -> BufferedReader: ...
    @overload
    def open_file(
        self,
        file: FileDescriptorOrPath,
        mode: OpenBinaryMode,
        buffering: int = -1,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
        closefd: bool = True,
        opener: _Opener | None = None,
    ) -> BinaryIO: ...
    @overload
    def open_file(
        self,
        file: FileDescriptorOrPath,
        mode: str,
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: _Opener | None = None,
    ) -> IO[Any]: ...
    @property
    def faults(self) -> Faults: ...
    def installed(
        self, *, threads: bool = False, strict: bool = False, everywhere: bool = False
    ) -> Installed: ...
    def close(self, fd: int = ...) -> None: ...
    def _close_because(self, reason: str) -> None: ...
    def _change(
        self,
        size: int | None,
        inodes: int | None,
        read_only: bool | None,
        whole: bool = False,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def __reduce_ex__(self, protocol: object) -> NoReturn: ...

_LIVING: Living

class Closed(Stander):
    reason: str | None
    def __init__(self, reason: str | None = None) -> None: ...
    mixin: type
