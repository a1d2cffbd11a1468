"""Imported: modules that lie on a machine, while its importing() is entered.

A finder of ours stands before the one that looks through sys.path, and asks the machine. What it
has imported goes with it: sys.modules and the lines that tracebacks show are as before afterwards.
"""

from __future__ import annotations

import linecache
import sys
from importlib.machinery import ModuleSpec, NamespaceLoader, PathFinder
from importlib.util import decode_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType
    from typing import Any, Self


class SourceOnMachine:
    """The loader of one module: its source is a file of a machine."""

    def __init__(self, importing: Importing, path: str) -> None:
        self._importing = importing
        self.path = path
        self._text: str | None = None

    def create_module(self, spec: ModuleSpec) -> None:
        """The module is made as any other."""
        return

    def exec_module(self, module: ModuleType) -> None:
        """Compile the source and run it in the module; OSError where it can't be read."""
        code = self.get_code(module.__name__)
        self._importing._ran.add(module.__name__)
        exec(code, module.__dict__)

    def get_code(self, fullname: str) -> CodeType:
        """The source compiled; SyntaxError as it is."""
        text = decode_source(self.get_data(self.path))
        self._text = text
        self._importing._show(self.path, text)
        return compile(text, self.path, "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str:
        """The text of the source that was run last, else what the file has; or ImportError.

        Tracebacks ask for it also when the machine is closed.
        """
        if self._text is not None:
            return self._text
        try:
            return decode_source(self.get_data(self.path))
        except (OSError, ValueError) as error:
            raise ImportError(f"no source of {fullname}: {error}", name=fullname) from error

    def get_filename(self, fullname: str) -> str:
        """The path on the machine."""
        return self.path

    def get_data(self, path: str) -> bytes:
        """The bytes of a file of the machine."""
        data: bytes = self._importing._read(path)
        return data

    def is_package(self, fullname: str) -> bool:
        """Whether it is a package."""
        return self.path.endswith("/__init__.py")

    def get_resource_reader(self, fullname: str) -> Any:
        """What importlib.resources asks for the files of a package; None for a module."""
        if not self.is_package(fullname):
            return None
        return self._importing._reader([self.path.removesuffix("/__init__.py")])


class NamespaceOnMachine(NamespaceLoader):
    """The loader of a namespace package, whose directories lie on a machine."""

    def __init__(self, importing: Importing, portions: list[str]) -> None:
        self._importing = importing
        self._path = portions

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run; such a package has no file."""
        module.__file__ = None

    def get_resource_reader(self, fullname: Any) -> Any:
        """What importlib.resources asks for the files of the package."""
        return self._importing._reader(self._path)


class Importing:
    """A context manager: inside, modules in directories of a machine can be imported."""

    def __init__(self, machine: Any, directories: Sequence[str]) -> None:
        if not directories:
            raise TypeError("importing() takes one directory at least")
        self._machine = machine
        self._tops = [machine.path.abspath(machine.fsdecode(each)) for each in directories]
        self._active = False
        self._imported: dict[str, Any] = {}  # what stood in sys.modules by each name before
        self._ran: set[str] = set()
        self._shown: dict[str, Any] = {}  # and in linecache

    def __enter__(self) -> Self:
        if self._active:
            raise RuntimeError("this importing() is entered already")
        self._active = True
        places = [number for number, each in enumerate(sys.meta_path) if each is PathFinder]
        sys.meta_path.insert(places[0] if places else len(sys.meta_path), self)
        return self

    def __exit__(self, *exception: object) -> None:
        self._active = False
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self._forget()

    def _forget(self):
        for name, before in self._imported.items():
            module = sys.modules.get(name)
            if name in self._ran or self._is_ours(getattr(module, "__spec__", None)):
                _put_back(sys.modules, name, before)
        for path, lines in self._shown.items():
            _put_back(linecache.cache, path, lines)
        self._imported.clear()
        self._ran.clear()
        self._shown.clear()

    def _is_ours(self, spec):
        loader = getattr(spec, "loader", None)
        kinds = SourceOnMachine, NamespaceOnMachine
        return isinstance(loader, kinds) and loader._importing is self

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """Where a module lies on the machine, or None.

        ModuleNotFoundError for one of a package that lies there: it is looked for nowhere else.
        """
        parent, _, last = name.rpartition(".")
        above = sys.modules.get(parent) if parent else None
        if parent and not self._is_ours(getattr(above, "__spec__", None)):
            return None
        spec: ModuleSpec | None = self._spec(name, last, self._tops if path is None else list(path))
        if spec is not None:
            self._imported.setdefault(name, sys.modules.get(name))
        elif parent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec

    def _spec(self, name, last, directories):
        portions = []
        for directory in directories:
            base = self._machine.path.join(directory, last)
            for path in (f"{base}/__init__.py", f"{base}.py"):
                if self._machine.path.isfile(path):
                    return self._of_file(name, path, base)
            if self._machine.path.isdir(base):
                portions.append(base)
        if not portions:
            return None
        spec = ModuleSpec(name, NamespaceOnMachine(self, portions), is_package=True)
        spec.submodule_search_locations = portions
        return spec

    def _of_file(self, name: str, path: str, base: str) -> ModuleSpec:
        loader: Any = SourceOnMachine(self, path)
        spec = ModuleSpec(name, loader, origin=path, is_package=loader.is_package(name))
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(base)
        return spec

    def _read(self, path):
        with self._machine.Path(path).open("rb") as file:
            return file.read()

    def _reader(self, directories):
        from ostler.machines.resources import MachineResources

        return MachineResources([self._machine.Path(each) for each in directories])

    def _show(self, path, text):
        # By this entry, which has no time, a file of the host that is called the same is not read.
        self._shown.setdefault(path, linecache.cache.get(path))
        linecache.cache[path] = len(text), None, text.splitlines(keepends=True), path


def _put_back(mapping, key, value):
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
