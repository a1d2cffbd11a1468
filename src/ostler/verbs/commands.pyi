import sys
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, NoReturn

from ostler.core.crossing import Core
from ostler.core.popen import _wrap_close

_Path = str | bytes | PathLike[str] | PathLike[bytes]
_Arguments = Sequence[_Path]
_Environment = Mapping[Any, Any]

CONSTANTS: dict[str, int]
TYPES: dict[str, Any]

# Since 3.14 None stands for what is not given.
if sys.version_info >= (3, 14):
    _Group = int | None
    _Scheduler = tuple[Any, Any] | None
else:
    _Group = int
    _Scheduler = tuple[Any, Any]

class Commands(Core):
    def system(self, command: _Path) -> int: ...
    def popen(self, cmd: str, mode: str = "r", buffering: int = -1) -> _wrap_close: ...
    def execv(self, path: _Path, argv: _Arguments, /) -> NoReturn: ...
    def execve(self, path: _Path | int, argv: _Arguments, env: _Environment) -> NoReturn: ...
    def execl(self, file: _Path, *args: Any) -> NoReturn: ...
    def execle(self, file: _Path, *args: Any) -> NoReturn: ...
    def execlp(self, file: _Path, *args: Any) -> NoReturn: ...
    def execlpe(self, file: _Path, *args: Any) -> NoReturn: ...
    def execvp(self, file: _Path, args: _Arguments) -> NoReturn: ...
    def execvpe(self, file: _Path, args: _Arguments, env: _Environment) -> NoReturn: ...
    def spawnv(self, mode: int, file: _Path, args: _Arguments) -> int: ...
    def spawnve(self, mode: int, file: _Path, args: _Arguments, env: _Environment) -> int: ...
    def spawnvp(self, mode: int, file: _Path, args: _Arguments) -> int: ...
    def spawnvpe(self, mode: int, file: _Path, args: _Arguments, env: _Environment) -> int: ...
    def spawnl(self, mode: int, file: _Path, *args: Any) -> int: ...
    def spawnle(self, mode: int, file: _Path, *args: Any) -> int: ...
    def spawnlp(self, mode: int, file: _Path, *args: Any) -> int: ...
    def spawnlpe(self, mode: int, file: _Path, *args: Any) -> int: ...
    def posix_spawn(
        self,
        path: _Path,
        argv: _Arguments,
        env: _Environment | None,
        /,
        *,
        file_actions: Sequence[tuple[Any, ...]] | None = (),
        setpgroup: _Group = ...,
        resetids: bool = False,
        setsid: bool = False,
        setsigmask: Iterable[int] = ...,
        setsigdef: Iterable[int] = (),
        scheduler: _Scheduler = ...,
    ) -> int: ...
    def posix_spawnp(
        self,
        path: _Path,
        argv: _Arguments,
        env: _Environment | None,
        /,
        *,
        file_actions: Sequence[tuple[Any, ...]] | None = (),
        setpgroup: _Group = ...,
        resetids: bool = False,
        setsid: bool = False,
        setsigmask: Iterable[int] = ...,
        setsigdef: Iterable[int] = (),
        scheduler: _Scheduler = ...,
    ) -> int: ...
