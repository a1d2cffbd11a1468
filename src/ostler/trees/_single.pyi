from collections.abc import Callable
from typing import Any

from ostler.core.crossing import Core
from ostler.trees import Counts

def copy_entry(
    machine: Core,
    top: Any,
    to: Any,
    to_machine: Core,
    on_error: str | Callable[[OSError], object],
    progress: Callable[[Any], object] | None,
    flags: int,
    clone: int,
) -> Counts: ...
