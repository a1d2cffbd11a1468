from collections.abc import Iterable
from typing import Self

from _typeshed import StrOrBytesPath

from ostler.machines.rehearsal.changes import Change, Walk
from ostler.machines.rehearsal.layout import Overlay
from ostler.machines.rehearsal.recovery import Outcome
from ostler.machines.rehearsal.writers import Quiet
from ostler.machines.rooted import Rooted

class Rehearsal(Rooted):
    _base: bytes
    _directory: str | None
    _overlays: tuple[Overlay, ...]
    _own: dict[int, int]
    _prefix_of_marks: bytes
    _started: int
    def __new__(
        cls,
        base: StrOrBytesPath | None = None,
        upper: StrOrBytesPath | None = None,
        weaker: bool = False,
    ) -> Self: ...
    def __init__(
        self,
        base: StrOrBytesPath | None = None,
        upper: StrOrBytesPath | None = None,
        weaker: bool = False,
    ) -> None: ...
    @classmethod
    def _empty(cls) -> Self: ...
    def _walk(self, overlay: Overlay) -> Walk: ...
    def changes(self) -> list[Change]: ...
    def diff(self) -> str: ...
    def commit(
        self,
        paths: StrOrBytesPath | Change | Iterable[StrOrBytesPath | Change] | None = None,
        *,
        leave_behind: bool = False,
    ) -> list[Change]: ...
    def _commit_at_last(
        self, paths: StrOrBytesPath | Change | Iterable[StrOrBytesPath | Change] | None = None
    ) -> list[Change]: ...
    def _quiet(self, leave_behind: bool) -> Quiet: ...
    def _begin_again(self, keep: bool, done: Iterable[Change]) -> None: ...
    def keep(self, directory: StrOrBytesPath) -> None: ...
    def discard(self, *, leave_behind: bool = False) -> None: ...
    @staticmethod
    def recover() -> list[Outcome]: ...
    def tree(self) -> str: ...

def rehearsal(
    base: StrOrBytesPath | None = None,
    upper: StrOrBytesPath | None = None,
    weaker: bool = False,
) -> Rehearsal: ...
