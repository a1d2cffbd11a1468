from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ostler.core.crossing import Core
from ostler.trees._run import Run

_Bounds = tuple[int | None, int | None]

class Stream(Run):
    def __iter__(self) -> Iterator[Any]: ...

class Search(Stream):
    def __init__(
        self,
        machine: Core,
        top: Any,
        threads: int | None,
        on_error: str | Callable[[OSError], object],
        progress: Callable[[Any], object] | None,
        one_filesystem: bool,
        patterns: Sequence[str | bytes],
        exclude: Sequence[str | bytes],
        kinds: Sequence[str],
        least: int,
        most: int | None,
        sizes: _Bounds,
        times: _Bounds,
        expression: Callable[[Any], object] | None,
        typed: bool,
        ignoring: tuple[list[bytes], list[tuple[bytes, bytes]], bytes] | None = None,
    ) -> None: ...
    def __next__(self) -> Any: ...
    def below(self) -> int: ...

class Walked(Stream):
    def __init__(
        self,
        machine: Core,
        top: Any,
        threads: int | None,
        on_error: str | Callable[[OSError], object],
        progress: Callable[[Any], object] | None,
        one_filesystem: bool,
        sort: bool,
    ) -> None: ...
    def __next__(self) -> tuple[Any, list[Any], list[Any]]: ...
