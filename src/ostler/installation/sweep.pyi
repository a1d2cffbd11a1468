from collections.abc import Collection, Container
from typing import Any, final

ITEM: int
ATTRIBUTE: int
STATIC: int
DEFAULTS: int
KEYWORD: int

@final
class Identities:
    def __new__(cls, most: int, marked: bool = ...) -> Identities: ...

@final
class Successors:
    old: list[Any]
    new: list[Any]
    def __new__(cls, most: int) -> Successors: ...

@final
class Sweep:
    def __new__(cls, wanted: Collection[int] | Successors) -> Sweep: ...
    def modules(
        self, untouched: Collection[int], ours: Container[str] = ...
    ) -> list[tuple[int, Any, Any]]: ...
