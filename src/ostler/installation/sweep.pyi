from collections.abc import Iterable
from typing import Any

ITEM: int
ATTRIBUTE: int
STATIC: int
DEFAULTS: int
KEYWORD: int

class Sweep:
    def __new__(cls, wanted: Iterable[int]) -> Sweep: ...
    def namespace(self, names: dict[str, Any], module: str) -> list[tuple[int, Any, Any]]: ...
