"""What tells of packages, while a machine is installed: imports are the host's, and so is this.

importlib.metadata and importlib.resources give paths, on which their callers act. They give such as
act on the host, whatever is installed.
"""

import sys

from ostler.core.asking import Stay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_made = {}  # the class of paths, once made


class OnHost:
    """For what must not see the installed machine: a context manager."""

    def __enter__(self) -> None:
        self._stay = Stay(None)
        self._stay.begin()

    def __exit__(self, *exception: object) -> None:
        self._stay.end()


def find_distributions(stay, original, finder, *args, **kwargs):
    """As MetadataPathFinder's, on the host, unless it is for directories that the caller names."""
    context = args[0] if args else kwargs.get("context")
    named = vars(context).get("path") if context is not None else None
    if named is not None and not set(named) <= set(sys.path):
        return original(finder, *args, **kwargs)
    with OnHost():
        found = list(original(finder, *args, **kwargs))
    for distribution in found:
        distribution._path = _on_host(distribution._path)
    return iter(found)


def from_package(stay, original, *args, **kwargs):
    """As importlib.resources', what is in a package, on the host."""
    with OnHost():
        found = original(*args, **kwargs)
    parts = vars(found).get("_paths") if hasattr(found, "__dict__") else None
    if isinstance(parts, list):  # of a namespace package, in several directories
        found._paths = [_on_host(part) for part in parts]
    return _on_host(found)


def _on_host(path: "Any") -> "Any":
    kind = sys.modules["pathlib"].PosixPath
    return _path_class(kind)(path) if type(path) is kind else path


def _path_class(kind):
    if kind not in _made:
        members = {}
        for parent in reversed(kind.__mro__[: kind.__mro__.index(sys.modules["pathlib"].PurePath)]):
            for name, member in vars(parent).items():
                if not name.startswith("_") and callable(member):
                    members[name] = _acting_on_host(member)
        _made[kind] = made = type(kind.__name__, (kind,), {"__slots__": (), **members})
        made.__module__ = kind.__module__
    for name in ("importlib.resources._common", "importlib_resources._common"):
        # Such a file has no name on the machine: it gets one, as a resource in an archive does.
        module = sys.modules.get(name)
        if module is not None and _made[kind] not in module.as_file.registry:
            module.as_file.register(_made[kind], module.as_file.dispatch(object))
    return _made[kind]


def _acting_on_host(method):
    def on_host(*args, **kwargs):
        with OnHost():
            found = method(*args, **kwargs)
            # What is found step by step, but no file.
            return iter(list(found)) if hasattr(found, "send") or type(found) is map else found

    on_host.__name__ = method.__name__
    on_host.__doc__ = method.__doc__
    return on_host
