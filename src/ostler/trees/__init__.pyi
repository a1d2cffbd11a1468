from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from os import PathLike
from typing import Any, AnyStr, Literal, TypeAlias

from ostler.core.crossing import Core

_Path: TypeAlias = AnyStr | PathLike[AnyStr]
_OnError: TypeAlias = Literal["raise", "collect"] | Callable[[OSError], object]
_Progress: TypeAlias = Callable[[Any], object] | None
_Bytes: TypeAlias = bytes
_Patterns: TypeAlias = str | bytes | Iterable[str | bytes]
_Kind: TypeAlias = Literal["file", "directory", "link", "fifo", "socket", "block", "character"]

class Counts:
    files: int
    directories: int
    links: int
    others: int
    bytes: int
    disk: int
    errors: list[OSError]
    by_directory: dict[Any, Counts] | None
    def __init__(
        self,
        files: int = 0,
        directories: int = 0,
        links: int = 0,
        others: int = 0,
        bytes: int = 0,
        disk: int = 0,
        errors: Iterable[OSError] = (),
        by_directory: dict[Any, Counts] | None = None,
    ) -> None: ...
    @property
    def entries(self) -> int: ...
    def add(self, kind: int, size: int, disk: int) -> None: ...
    def plus(self, numbers: dict[str, int]) -> None: ...
    def numbers(self) -> dict[str, int]: ...

class Difference(tuple[Any, str]):
    def __new__(cls, path: Any, what: str) -> Difference: ...
    @property
    def path(self) -> Any: ...
    @property
    def what(self) -> str: ...

class Digest:
    algorithm: str
    bytes: int
    errors: list[OSError]
    files: Mapping[Any, str]
    hex: str | None
    def __init__(self, algorithm: str) -> None: ...
    def finish(self, lines: Iterable[_Bytes]) -> None: ...

class Trees:
    def __init__(self, machine: Core, /) -> None: ...
    def walk(
        self,
        top: _Path[AnyStr],
        *,
        sort: bool = False,
        max_depth: int | None = None,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
    ) -> Iterator[tuple[AnyStr, list[AnyStr], list[AnyStr]]]: ...
    def find(
        self,
        top: _Path[AnyStr],
        name: _Patterns = (),
        *,
        exclude: _Patterns = (),
        type: _Kind | Iterable[_Kind] = (),
        regex: AnyStr | None = None,
        ignore_case: bool = False,
        size: tuple[int | None, int | None] = (None, None),
        newer: float | None = None,
        older: float | None = None,
        min_depth: int = 1,
        max_depth: int | None = None,
        sort: bool = False,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        gitignore: bool = False,
        ignore_files: _Patterns = (),
        executor: Executor | None = None,
    ) -> Iterator[AnyStr]: ...
    def count(
        self,
        top: _Path[AnyStr],
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
    ) -> Counts: ...
    def size(
        self,
        top: _Path[AnyStr],
        *,
        by_directory: bool | int = False,
        exclude: _Patterns = (),
        files: bool = False,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        executor: Executor | None = None,
    ) -> Counts: ...
    def sizes(
        self,
        tops: Iterable[str | bytes | PathLike[str] | PathLike[bytes]],
        *,
        by_directory: bool | int = False,
        exclude: _Patterns = (),
        files: bool = False,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
    ) -> list[Counts | None]: ...
    def copy(
        self,
        top: _Path[AnyStr],
        to: _Path[AnyStr],
        *,
        machine: Core | None = None,
        existing: Literal["refuse", "merge", "update"] = "refuse",
        exclude: _Patterns = (),
        follow_links: bool = False,
        modes: bool = True,
        owners: bool | None = None,
        times: bool = True,
        xattrs: bool = True,
        hard_links: bool = True,
        sparse: bool = True,
        special: bool = True,
        reflink: Literal["auto", "always", "never"] = "auto",
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        executor: Executor | None = None,
    ) -> Counts: ...
    def remove(
        self,
        top: _Path[AnyStr],
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        executor: Executor | None = None,
    ) -> Counts: ...
    def chmod(
        self,
        top: _Path[AnyStr],
        mode: int | str,
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
    ) -> Counts: ...
    def chown(
        self,
        top: _Path[AnyStr],
        uid: int = -1,
        gid: int = -1,
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
    ) -> Counts: ...
    def compare(
        self,
        first: _Path[AnyStr],
        second: _Path[AnyStr],
        *,
        machine: Core | None = None,
        metadata: bool = True,
        times: bool = False,
        content: bool = True,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
    ) -> list[Difference]: ...
    def digest(
        self,
        top: _Path[AnyStr],
        algorithm: str = "sha256",
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        executor: Executor | None = None,
    ) -> Digest: ...

_host: Trees
chmod = _host.chmod
chown = _host.chown
compare = _host.compare
copy = _host.copy
count = _host.count
digest = _host.digest
find = _host.find
remove = _host.remove
size = _host.size
sizes = _host.sizes
walk = _host.walk
