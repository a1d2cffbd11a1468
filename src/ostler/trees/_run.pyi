from collections.abc import Callable
from typing import Literal

from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._results import Counts

_OnError = Literal["raise", "collect"] | Callable[[OSError], object]
_Progress = Callable[[Counts], object] | None

class Run:
    errors: list[OSError]
    def __init__(
        self,
        machine: Core,
        threads: int | None,
        on_error: _OnError,
        progress: _Progress,
        one_filesystem: bool,
    ) -> None: ...
    def place_below(self, parent: int, name: bytes, top: StrOrBytesPath) -> None: ...
    def on_fault(self, error: OSError) -> None: ...
    def spoiled(self, /) -> bool: ...
    def failed(self, error: OSError) -> None: ...
    def counts(self, /) -> Counts: ...

def default_threads() -> int: ...
