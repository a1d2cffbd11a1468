"""Imports: being told when modules have come that nothing here needs, but that need something."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any


class Watch:
    """A finder before all others, which lets them find, and tells when a module was executed."""

    def __init__(self, names: "Collection[str]", tell: "Callable[[str], object]") -> None:
        self._names = names
        self._tell = tell

    def begin(self) -> None:
        """From now on; a second time does nothing."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """The spec that the next finder has, with a loader that tells."""
        for finder in list(sys.meta_path) if name in self._names else ():
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = None if find is None else find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self._tell)
                return spec
        return None


def wait_for(name: str) -> None:
    """Wait until no other thread is importing a module."""
    sys.modules["_frozen_importlib"]._lock_unlock_module(name)


class _Loader:
    def __init__(self, loader, tell):
        self._loader = loader
        self._tell = tell

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        """As the loader itself does."""
        return self._loader.create_module(spec)

    def exec_module(self, module):
        """As the loader itself does, which is the module's again, as if we had not been there."""
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._tell(module.__name__)
