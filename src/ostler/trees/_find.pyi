from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ostler.core.crossing import Core
from ostler.trees._how import How
from ostler.trees._run import Run

_Bounds = tuple[int | None, int | None]

class Stream(Run):
    def __iter__(self) -> Iterator[Any]: ...

class Search(Stream):
    def __init__(
        self,
        machine: Core,
        top: Any,
        how: How,
        patterns: Sequence[str | bytes] = (),
        exclude: Sequence[str | bytes] = (),
        kinds: Sequence[str] = (),
        least: int = 1,
        most: int | None = None,
        sizes: _Bounds = (None, None),
        times: _Bounds = (None, None),
        expression: Callable[[Any], object] | None = None,
        typed: bool = False,
        ignoring: tuple[list[bytes], list[tuple[bytes, bytes]], bytes] | None = None,
    ) -> None: ...
    def __next__(self) -> Any: ...
    def below(self) -> int: ...

class Walked(Stream):
    def __init__(
        self, machine: Core, top: Any, how: How, sort: bool, max_depth: int | None = None
    ) -> None: ...
    def __next__(self) -> tuple[Any, list[Any], list[Any]]: ...
