"""Resources: importlib.resources of a package that lies on a machine."""

import pathlib
from importlib.resources import as_file
from importlib.resources.abc import TraversableResources
from importlib.resources.readers import MultiplexedPath

from ostler.core import crossing
from ostler.machines.paths import MachinePath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

host = crossing.the_host()
_of_host = as_file.dispatch(pathlib.Path)  # type: ignore[attr-defined]
_lent = as_file.dispatch(object)  # type: ignore[attr-defined]


class MachineResources(TraversableResources):
    """What is in the directories of one package."""

    def __init__(self, directories: "list[MachinePath]") -> None:
        self._directories = directories

    def files(self) -> "Any":
        """The directory, or several as if they were one."""
        if len(self._directories) == 1:
            return self._directories[0]
        found: Any = MultiplexedPath.__new__(MultiplexedPath)  # before 3.13 it wants host's paths
        found._paths = self._directories
        return found


def _on_host(path: "MachinePath") -> "AbstractContextManager[pathlib.Path]":
    # By its name no other code finds such a file: it is lent a copy, as a file in an archive is.
    found: AbstractContextManager[pathlib.Path]
    found = (_of_host if path.machine is host else _lent)(path)
    return found


as_file.register(MachinePath, _on_host)  # type: ignore[attr-defined]
