from typing import Any, Self

class CommandResult:
    argv: list[Any]
    code: int | None
    core_dumped: bool
    peak_memory: int
    pid: int
    signal: int | None
    stderr: Any  # str or bytes as was asked for, or None
    stdout: Any
    system: float
    timed_out: bool
    user: float
    wall: float
    def __init__(self, **fields: Any) -> None: ...
    @property
    def ok(self) -> bool: ...
    @property
    def status(self) -> int | None: ...
    def check(self) -> Self: ...
    def outcome(self) -> str: ...

class CommandFailed(Exception):
    result: CommandResult
    def __init__(self, result: CommandResult) -> None: ...

class CommandTimeout(CommandFailed, TimeoutError): ...
