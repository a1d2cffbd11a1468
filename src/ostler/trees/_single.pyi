from collections.abc import Callable
from typing import Any

from ostler.machine import Machine
from ostler.trees import Counts

def copy_entry(
    machine: Machine,
    top: Any,
    to: Any,
    to_machine: Machine,
    on_error: str | Callable[[OSError], object],
    progress: Callable[[Any], object] | None,
    flags: int,
    clone: int,
) -> Counts: ...
