from collections.abc import Callable
from typing import Any

from ostler.points.stack import Stack

def squash(
    stack: Stack,
    target: Any,
    copy_data: Callable[[int, int, int], object],
    open_below: Callable[[bytes], int] | None = None,
) -> None: ...
