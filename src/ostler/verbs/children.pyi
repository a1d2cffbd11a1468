from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, Self

from _typeshed import ReadableBuffer, StrOrBytesPath

from ostler.core.crossing import Core
from ostler.core.outcome import CommandResult
from ostler.core.process_info import ProcessInfo as ProcessInfo
from ostler.machines.recording import Log

CONSTANTS: Final[dict[str, object]]
TYPES: Final[dict[str, type]]

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

class Children(Core):
    def run(
        self,
        argv: Sequence[StrOrBytesPath],
        *,
        input: ReadableBuffer | str | None = None,
        capture: bool = False,
        timeout: float | None = None,
        check: bool = False,
        env: Mapping[Any, Any] | None = None,
        cwd: StrOrBytesPath | None = None,
        stdin: int | str | _HasFileno | None = None,
        stdout: int | str | _HasFileno | None = None,
        stderr: int | str | _HasFileno | None = None,
        encoding: str | None = None,
        errors: str = "strict",
        record: Log | None = None,
    ) -> CommandResult: ...
    def process(self, pid: int) -> Process: ...
    def wait_for(self, pid: int, timeout: float | None = None) -> int | None: ...

class Process:
    pid: int
    status: int | None
    def __init__(self, pid: int) -> None: ...
    @property
    def fd(self) -> int: ...
    def fileno(self) -> int: ...
    def signal(self, number: int, /) -> None: ...
    def poll(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> int | None: ...
    def info(self) -> ProcessInfo: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def __del__(self) -> None: ...
