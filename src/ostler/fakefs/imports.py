"""Imports: modules that lie on a FakeFilesystem, for tests that import some."""

import sys
from typing import Any

from ostler.machines.imported import Importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Imports(Importing):
    """While it is entered, modules are looked for by `sys.path` on the file system first."""

    def __init__(self, patcher: "Any") -> None:
        super().__init__(patcher.fs.machine, ["/"])
        self._patcher = patcher

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Where a module lies on the file system; None where it does not, or it is paused."""
        if not self._patcher.is_patching:
            return None
        self._follow()
        return super().find_spec(name, path, target)

    def iter_modules(self, prefix: str = "") -> "Iterator[tuple[str, bool]]":
        """The modules of the file system that can be imported by one name; none while paused."""
        if self._patcher.is_patching:
            self._follow()
            yield from super().iter_modules(prefix)

    def _follow(self):
        self._machine = self._patcher.fs.machine  # another one after reset()
        self._tops = [each for each in sys.path if isinstance(each, str) and each.startswith("/")]

    def _take_tops(self):
        pass  # they are the host's as well
