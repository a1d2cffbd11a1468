"""Imported: modules that lie on a machine, while its importing() is entered.

A finder of ours stands before the one that looks through sys.path, and asks the machine. What it
has imported goes with it: sys.modules and the lines that tracebacks show are as before afterwards.
"""

from __future__ import annotations

import linecache
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ModuleSpec,
    NamespaceLoader,
    PathFinder,
    SourcelessFileLoader,
)
from importlib.util import decode_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


class BytecodeOnMachine(SourcelessFileLoader):
    """The loader of a module of which a machine has the compiled file alone: `name.pyc`."""

    def __init__(self, importing: Importing, name: str, path: str) -> None:
        super().__init__(name, path)
        self._importing = importing

    def exec_module(self, module: ModuleType) -> None:
        """Run the code in the module; ImportError for another Python's."""
        super().exec_module(module)
        self._importing._ran.add(module.__name__)

    def get_data(self, path: str) -> bytes:
        """The bytes of a file of the machine."""
        data: bytes = self._importing._read(path)
        return data

    def get_resource_reader(self, name: str | None = None) -> Any:
        """What importlib.resources asks for the files of a package; None for a module."""
        if not self.is_package(self.name):
            return None
        return self._importing._reader([self.path.removesuffix("/__init__.pyc")])


class CompiledOnMachine:
    """The loader of an extension module, which is refused: the system would look on the host."""

    def __init__(self, importing: Importing, path: str) -> None:
        self._importing = importing
        self.path = path

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Always an ImportError, which says why."""
        raise ImportError(
            f"{spec.name} is an extension module of a machine, {self.path}: the system loads such "
            "files from the host alone. Run a program on the machine that imports it.",
            name=spec.name,
            path=self.path,
        )

    def exec_module(self, module: ModuleType) -> None:
        """Never called: there is no module."""


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


class Directory:
    """What sys.path_importer_cache has for a directory of a machine: pkgutil lists its modules.

    `beside`: what the host has by this path, in which Python goes on to look for modules.
    """

    def __init__(self, importing: Importing, path: str, beside: Any) -> None:
        self._importing = importing
        self._path = path
        self._beside = beside

    def find_spec(self, name: str, target: Any = None) -> ModuleSpec | None:
        """Where the host has the module; what the machine has was looked for before."""
        found: ModuleSpec | None = self._beside and self._beside.find_spec(name, target)
        return found

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """The names of the modules in it, and whether they are packages, as pkgutil asks."""
        from pkgutil import iter_importer_modules

        yield from self._importing._modules(self._path, prefix)
        if self._beside is not None:
            yield from iter_importer_modules(self._beside, prefix)

    def invalidate_caches(self) -> None:
        """Nothing of the machine is kept."""
        if hasattr(self._beside, "invalidate_caches"):
            self._beside.invalidate_caches()


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
        self._taken: dict[str, Any] = {}  # and in sys.path_importer_cache

    def __enter__(self) -> Self:
        if self._active:
            raise RuntimeError("this importing() is entered already")
        self._active = True
        self._taken.clear()
        places = [number for number, each in enumerate(sys.meta_path) if each is PathFinder]
        sys.meta_path.insert(places[0] if places else len(sys.meta_path), self)
        self._take_tops()
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
        for path in self._taken:
            if self._is_taken(path):
                _put_back(sys.path_importer_cache, path, self._before(path), _NOTHING)
        self._imported.clear()
        self._ran.clear()
        self._shown.clear()

    def _is_ours(self, spec):
        loader = getattr(spec, "loader", None)
        return isinstance(loader, _LOADERS) and loader._importing is self

    def _take_tops(self):
        for path in self._tops:
            self._take(path, _on_host(path))

    def _take(self, path, beside=None):
        if not self._is_taken(path):
            self._taken.setdefault(path, sys.path_importer_cache.get(path, _NOTHING))
            sys.path_importer_cache[path] = Directory(self, path, beside)

    def _is_taken(self, path):
        known = sys.path_importer_cache.get(path)
        return isinstance(known, Directory) and known._importing is self

    def _before(self, path):
        before = self._taken[path]
        while isinstance(before, Directory) and not before._importing._active:
            before = before._importing._taken[path]  # that one was left meanwhile
        return before

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """Where a module lies on the machine, or None.

        What is not in a package that lies there is looked for nowhere else.
        """
        parent, _, last = name.rpartition(".")
        above = sys.modules.get(parent) if parent else None
        if parent and not self._is_ours(getattr(above, "__spec__", None)):
            return None
        if parent:
            self._take_all(path or ())
        spec: ModuleSpec | None = self._spec(name, last, self._tops if path is None else list(path))
        if spec is not None:
            self._imported.setdefault(name, sys.modules.get(name))
            self._take_all(spec.submodule_search_locations or ())
        return spec

    def _take_all(self, directories):
        # So that neither Python nor pkgutil looks for the package's modules on the host.
        for path in directories:
            if self._machine.path.isdir(path):
                self._take(path)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """The modules that can be imported from the machine by one name, as pkgutil asks."""
        for path in self._tops:
            yield from self._modules(path, prefix)

    def _modules(self, directory, prefix):
        found = {}
        for name in sorted(self._names(directory)):
            base = self._machine.path.join(directory, name)
            is_package = self._file(f"{base}/__init__") is not None
            stem = name if is_package else _stem(name)
            if stem and stem != "__init__" and "." not in stem:
                found.setdefault(stem, is_package)
        return [(prefix + name, is_package) for name, is_package in found.items()]

    def _names(self, directory):
        if not self._active:
            return []
        try:
            return self._machine.listdir(directory)
        except OSError:
            return []

    def _file(self, base):
        for suffix in _SUFFIXES:
            if self._machine.path.isfile(base + suffix):
                return base + suffix
        return None

    def _spec(self, name, last, directories):
        portions = []
        for directory in directories:
            base = self._machine.path.join(directory, last)
            path = self._file(f"{base}/__init__") or self._file(base)
            if path is not None:
                return self._of_file(name, path, base)
            if self._machine.path.isdir(base):
                portions.append(base)
        if not portions:
            return None
        spec = ModuleSpec(name, NamespaceOnMachine(self, portions), is_package=True)
        spec.submodule_search_locations = portions
        return spec

    def _of_file(self, name: str, path: str, base: str) -> ModuleSpec:
        loader: Any
        if path.endswith(tuple(SOURCE_SUFFIXES)):
            loader = SourceOnMachine(self, path)
        elif path.endswith(tuple(BYTECODE_SUFFIXES)):
            loader = BytecodeOnMachine(self, name, path)
        else:
            loader = CompiledOnMachine(self, path)
        is_package = path.startswith(f"{base}/")
        spec = ModuleSpec(name, loader, origin=path, is_package=is_package)
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


_LOADERS = SourceOnMachine, BytecodeOnMachine, CompiledOnMachine, NamespaceOnMachine
_SUFFIXES = *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES, *EXTENSION_SUFFIXES
_NOTHING = object()


def _stem(name):
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return None


def _on_host(path):
    known = sys.path_importer_cache.get(path)
    for hook in sys.path_hooks if known is None else ():
        known = known or _asked(hook, path)
    return known


def _asked(hook, path):
    try:
        return hook(path)
    except ImportError:
        return None


def _put_back(mapping, key, value, nothing=None):
    if value is nothing:
        mapping.pop(key, None)
    else:
        mapping[key] = value
