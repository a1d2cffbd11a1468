"""Replaced: fake modules that a test has of its own, in the places of those that they stand for."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Replaced:
    """What `modules_to_patch` asks for: an object of each class for a module, and the way back."""

    def __init__(self, filesystem: "Any", classes: "dict[str, Any]") -> None:
        self._changes: list[tuple[dict[str, Any], str, Any]] = []
        for name, kind in classes.items():
            module = sys.modules.get(name)
            if module is None:
                module = __import__(name, fromlist=["*"])
            self._put(name, module, kind(filesystem))

    def _put(self, name, module, fake):
        self._change(sys.modules, name, fake)
        for other in list(sys.modules.values()):
            names = getattr(other, "__dict__", None)
            if type(names) is dict and other is not module:
                for key, value in list(names.items()):
                    if value is module:
                        self._change(names, key, fake)

    def _change(self, names, key, value):
        self._changes.append((names, key, names[key]))
        names[key] = value

    def back(self) -> None:
        """Put the modules themselves back."""
        while self._changes:
            names, key, value = self._changes.pop()
            names[key] = value
