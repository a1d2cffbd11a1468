from collections.abc import Iterable
from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts
from ostler.trees._following import Followed
from ostler.trees._how import How
from ostler.trees._run import Run

class Copy(Run): ...

def mask_for(machine: Core, keep: dict[str, Any]) -> int: ...
def copy_tree(
    machine: Core,
    top: Any,
    to: Any,
    to_machine: Core,
    how: How,
    keep: dict[str, Any],
    clone: int,
    shallow: bool = False,
    several: list[tuple[int, int, bytes]] | None = None,
    exclude: Iterable[str | bytes] = (),
    followed: Followed | None = None,
    fill: bool = False,
) -> Counts: ...
