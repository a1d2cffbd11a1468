from collections.abc import Callable
from typing import Any

from ostler.machines import Machine
from ostler.trees import Counts
from ostler.trees._run import Run

class Size(Run):
    def totals(self, links: list[Any], directories: dict[Any, Counts]) -> None: ...

def number(
    machine: Machine,
    top: Any,
    threads: int | None,
    on_error: str | Callable[[OSError], object],
    progress: Callable[[Any], object] | None,
    one_filesystem: bool,
) -> Counts: ...
def measure(
    machine: Machine,
    top: Any,
    threads: int | None,
    on_error: str | Callable[[OSError], object],
    progress: Callable[[Any], object] | None,
    one_filesystem: bool,
    depth: bool | int | None,
    apart: bool,
    shallow: bool = False,
) -> tuple[Counts, list[Any]]: ...
