from _frozen_importlib_external import FileFinder
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType

EARLY: tuple[str, ...]
NAMES: frozenset[str]

class ByName:
    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = ..., target: ModuleType | None = ...
    ) -> ModuleSpec | None: ...

class Once(SourceFileLoader): ...

class ByFolder(FileFinder):
    def find_spec(self, fullname: str, target: ModuleType | None = ...) -> ModuleSpec | None: ...

def find_by_name() -> None: ...
def begin() -> None: ...
