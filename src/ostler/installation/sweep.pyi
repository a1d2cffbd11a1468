from collections.abc import Collection, Container
from typing import Any, final

ITEM: int
ATTRIBUTE: int
STATIC: int
DEFAULTS: int
KEYWORD: int

@final
class Identities:
    def __new__(cls, most: int) -> Identities: ...

@final
class Sweep:
    def __new__(cls, wanted: Collection[int]) -> Sweep: ...
    def modules(
        self, untouched: Collection[int], ours: Container[str] = ...
    ) -> list[tuple[int, Any, Any]]: ...
