from typing import ClassVar, Final, Literal

from _typeshed import FileDescriptorOrPath

from ostler.core.crossing import Core

CONSTANTS: Final[dict[str, object]]
TYPES: Final[dict[str, type]]

class Presence:
    THERE: ClassVar[Presence]
    ABSENT: ClassVar[Presence]
    UNKNOWN: ClassVar[Presence]
    name: str
    def __init__(self, name: str) -> None: ...
    def __bool__(self) -> bool: ...

class Answers(Core):
    def exists(
        self,
        path: FileDescriptorOrPath,
        *,
        follow_symlinks: bool = True,
        errors: Literal["ignore", "raise"] = "ignore",
    ) -> bool: ...
    def isfile(
        self,
        path: FileDescriptorOrPath,
        *,
        follow_symlinks: bool = True,
        errors: Literal["ignore", "raise"] = "ignore",
    ) -> bool: ...
    def isdir(
        self,
        path: FileDescriptorOrPath,
        *,
        follow_symlinks: bool = True,
        errors: Literal["ignore", "raise"] = "ignore",
    ) -> bool: ...
    def probe(self, path: FileDescriptorOrPath, *, follow_symlinks: bool = True) -> Presence: ...
