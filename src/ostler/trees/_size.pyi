from collections.abc import Iterable
from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts
from ostler.trees._how import How
from ostler.trees._run import Run

class Size(Run):
    def after(self, before: Size | None) -> None: ...
    def meet(self, st: Any, directory: Any) -> bool: ...
    def totals(self, links: list[Any], directories: dict[Any, Counts]) -> None: ...

def number(machine: Core, top: Any, how: How) -> Counts: ...
def nothing(machine: Core) -> Size: ...
def measure(
    machine: Core,
    top: Any,
    how: How,
    depth: bool | int | None,
    apart: bool,
    shallow: bool = False,
    exclude: Iterable[str | bytes] = (),
    files: bool = False,
    before: list[Any] | None = None,
) -> tuple[Counts, list[Any]]: ...
def count_once(
    counts: Counts, links: list[Any], directories: dict[Any, Counts], depth: int, top: Any
) -> None: ...
