from os import PathLike
from typing import Any

from _typeshed import ReadableBuffer

from ostler.core.crossing import Core

CONSTANTS: dict[str, Any]
TYPES: dict[str, Any]

_Path = str | bytes | PathLike[str] | PathLike[bytes]

class Xattrs(Core):
    def getxattr(
        self, path: int | _Path, attribute: _Path, *, follow_symlinks: bool = True
    ) -> bytes: ...
    def setxattr(
        self,
        path: int | _Path,
        attribute: _Path,
        value: ReadableBuffer,
        flags: int = 0,
        *,
        follow_symlinks: bool = True,
    ) -> None: ...
    def removexattr(
        self, path: int | _Path, attribute: _Path, *, follow_symlinks: bool = True
    ) -> None: ...
    def listxattr(
        self, path: int | _Path | None = None, *, follow_symlinks: bool = True
    ) -> list[str]: ...
