from collections.abc import Collection
from types import ModuleType
from typing import Any

CLASSES: tuple[type[Any], ...]
WITH_TYPES: tuple[ModuleType, ...]

def given() -> dict[str, Any]: ...
def offer(target: dict[str, Any], source: object, also: Collection[str] = ()) -> None: ...
