from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from os import PathLike
from typing import AnyStr, Literal

from _typeshed import StrOrBytesPath

from ostler._core import Core
from ostler.trees._results import Counts as Counts
from ostler.trees._results import Difference as Difference
from ostler.trees._results import Digest as Digest
from ostler.trees._run import _OnError, _Progress

_Several = str | bytes | Iterable[str | bytes]

__all__ = [
    "Counts",
    "Difference",
    "Digest",
    "Trees",
    "chmod",
    "chown",
    "compare",
    "copy",
    "digest",
    "find",
    "remove",
    "size",
    "walk",
]

class Trees:
    def __init__(self, machine: Core, /) -> None: ...
    def walk(
        self,
        top: AnyStr | PathLike[AnyStr],
        *,
        sort: bool = False,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
    ) -> Iterator[tuple[AnyStr, list[AnyStr], list[AnyStr]]]: ...
    def find(
        self,
        top: AnyStr | PathLike[AnyStr],
        name: _Several = (),
        *,
        exclude: _Several = (),
        type: _Several = (),
        regex: str | bytes | None = None,
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
        executor: Executor | None = None,
    ) -> Iterator[AnyStr]: ...
    def size(
        self,
        top: StrOrBytesPath,
        *,
        by_directory: bool | int = False,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        executor: Executor | None = None,
    ) -> Counts: ...
    def copy(
        self,
        top: StrOrBytesPath,
        to: StrOrBytesPath,
        *,
        machine: Core | None = None,
        existing: Literal["refuse", "merge"] = "refuse",
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
        top: StrOrBytesPath,
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        executor: Executor | None = None,
    ) -> Counts: ...
    def chmod(
        self,
        top: StrOrBytesPath,
        mode: int | str,
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
    ) -> Counts: ...
    def chown(
        self,
        top: StrOrBytesPath,
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
        first: StrOrBytesPath,
        second: StrOrBytesPath,
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
        top: StrOrBytesPath,
        algorithm: str = "sha256",
        *,
        threads: int | None = None,
        on_error: _OnError = "raise",
        progress: _Progress = None,
        one_filesystem: bool = False,
        executor: Executor | None = None,
    ) -> Digest: ...

# The host's.
_host: Trees
chmod = _host.chmod
chown = _host.chown
compare = _host.compare
copy = _host.copy
digest = _host.digest
find = _host.find
remove = _host.remove
size = _host.size
walk = _host.walk
