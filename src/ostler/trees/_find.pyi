from collections.abc import Callable, Iterable
from typing import Any, Self

from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._run import Run, _OnError, _Progress

class Stream(Run):
    def __iter__(self) -> Self: ...

class Found(Stream):
    def __init__(
        self,
        machine: Core,
        top: StrOrBytesPath,
        threads: int | None,
        on_error: _OnError,
        progress: _Progress,
        one_filesystem: bool,
        patterns: Iterable[str | bytes],
        exclude: Iterable[str | bytes],
        kinds: Iterable[str],
        least: int,
        most: int | None,
        sizes: tuple[int | None, int | None],
        times: tuple[float | None, float | None],
        expression: Callable[[Any], object] | None,
        typed: bool,
    ) -> None: ...
    def __next__(self) -> Any: ...
    def below(self, /) -> int: ...
    def below_text(self, /) -> int: ...

class Walked(Stream):
    def __init__(
        self,
        machine: Core,
        top: StrOrBytesPath,
        threads: int | None,
        on_error: _OnError,
        progress: _Progress,
        one_filesystem: bool,
        sort: bool,
    ) -> None: ...
    def __next__(self) -> tuple[Any, list[Any], list[Any]]: ...
