from collections.abc import Callable
from typing import Any

from ostler.points.stack import Stack

def squash(stack: Stack, target: Any, copy_data: Callable[[int, int, int], object]) -> None: ...
