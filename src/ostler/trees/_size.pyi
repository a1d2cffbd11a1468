from typing import Any

from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._results import Counts
from ostler.trees._run import Run, _OnError, _Progress

class Size(Run):
    def totals(self, links: list[Any], directories: dict[Any, Counts]) -> None: ...

def measure(
    machine: Core,
    top: StrOrBytesPath,
    threads: int | None,
    on_error: _OnError,
    progress: _Progress,
    one_filesystem: bool,
    depth: int | bool | None,
    apart: bool,
    shallow: bool = False,
) -> tuple[Counts, list[Any]]: ...
