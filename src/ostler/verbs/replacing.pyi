from typing import IO, Any, AnyStr, Generic, TypeVar

from _typeshed import StrOrBytesPath

from ostler.core.crossing import Core

_File = TypeVar("_File", bound=IO[Any], covariant=True)

class Replacing(Generic[_File]):
    path: str | bytes
    keeps_owner: bool
    follows: bool
    def __init__(
        self,
        machine: Core,
        path: StrOrBytesPath,
        open_mode: str,
        text: tuple[str | None, str | None, str | None],
        mode: int | None,
        durable: bool,
    ) -> None: ...
    def __enter__(self) -> _File: ...
    def __exit__(self, kind: object, error: object, trace: object) -> None: ...

def named(error: OSError, path: StrOrBytesPath, path2: StrOrBytesPath | None = None) -> None: ...
def split(machine: Core, path: AnyStr) -> tuple[AnyStr, AnyStr]: ...
def temporary_name(machine: Core, base: AnyStr) -> AnyStr: ...
