from collections.abc import Callable
from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts
from ostler.trees._run import Run

class Remove(Run): ...

def remove_tree(
    machine: Core,
    top: Any,
    threads: int | None,
    on_error: str | Callable[[OSError], object],
    progress: Callable[[Any], object] | None,
    one_filesystem: bool,
    beside: int = -1,
) -> Counts: ...
