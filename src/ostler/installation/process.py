"""Taking the place of os: in sys.modules, and in the modules that have taken os already."""

import _thread
import copyreg
import sys
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType

from ostler.core import records
from ostler.installation import kinship, sweep

# The modules that are replaced, by the name under which programs import them; what genericpath
# defines is seen through posixpath.
_REPLACED = ("os", "posix", "posixpath", "os.path")
_SOURCES = ("os", "posix", "posixpath", "genericpath")

_lock = _thread.allocate_lock()
_installed = None


def install(facade):
    """Put the module `facade`, ostler, in the place of os, posix and posixpath everywhere.

    `import os` gives it from then on. Modules that have imported os, or names of it, before
    are pointed at its own; that covers their globals, the attributes of their classes, and the
    defaults of their functions. A second call does nothing. uninstall() gives everything back.
    """
    global _installed
    with _lock:
        if _installed is None:
            # Two mappings stand before the one environment of the process: what the program has
            # done through the one is handed to the other.
            facade.environ._carry_over(sys.modules["os"].environ._data)
            replacement = Replacement(facade, facade.path, _posix(facade))
            replacement.apply()
            _installed = replacement


def uninstall():
    """Give everything that install() replaced back to the interpreter's own modules."""
    global _installed
    with _lock:
        if _installed is not None:
            _installed.undo()
            facade = _installed.modules["os"]
            _installed = None
            variables = sys.modules["os"].environ._data
            variables.clear()
            variables.update(facade.environb)


def installed():
    """Whether ostler stands in the place of os."""
    return _installed is not None


class Bindings:
    """What modules hold, exchanged for something else, and the record of what was there."""

    def __init__(self) -> None:
        self.record = []  # (kind of place, the place, key, what was there, what is there now)

    def exchange(self, new, untouched=(), ours=()):
        """Replace what the modules hold: `new` has {id of the old: (the old, the new)}.

        `untouched`: the ids of modules that stay as they are; `ours`: the names of those of
        ostler's own modules that don't.
        """
        seen = set(untouched)
        swept = sweep.Sweep(new)
        for name, module in list(sys.modules.items()):
            if isinstance(module, ModuleType) and id(module) not in seen:
                if name.startswith("ostler") and name not in ours:
                    if name == "ostler" or name.startswith("ostler."):
                        continue
                seen.add(id(module))  # under two names: once is enough
                for found in swept.namespace(vars(module), name):
                    self._replace(new, *found)

    def give_back(self):
        """Put back what was replaced, except where something else has been put since."""
        while self.record:
            kind, place, key, before, now = self.record.pop()
            if kind.get(place, key) is now:
                kind.put(place, key, before)

    def _replace(self, new, what, place, key):
        if what == sweep.ITEM or what == sweep.KEYWORD:
            self._put(_ITEM, place, key, new[id(place[key])][1])
        elif what == sweep.ATTRIBUTE:
            self._put(_ATTRIBUTE, place, key, new[id(vars(place)[key])][1])
        elif what == sweep.STATIC:
            held = vars(place)[key].__func__
            self._put(_ATTRIBUTE, place, key, staticmethod(new[id(held)][1]))
        else:
            replaced = tuple(new[id(v)][1] if id(v) in new else v for v in place.__defaults__)
            self._put(_ATTRIBUTE, place, "__defaults__", replaced)

    def _put(self, kind, place, key, value):
        try:
            before = kind.get(place, key)
            kind.put(place, key, value)
        except (KeyError, TypeError):  # an immutable type: it stays as it is
            return
        self.record.append((kind, place, key, before, value))


class Replacement(Bindings):
    """Three modules in the place of os, os.path and posix, and the record of what was there."""

    def __init__(self, system, path, posix):
        super().__init__()
        self.modules = dict(zip(_REPLACED, (system, posix, path, path), strict=True))
        self.finder = _Submodules(system)

    def apply(self):
        """Replace the modules, and every binding that other modules have made of their names."""
        old = {name: sys.modules[name] for name in _SOURCES if name in sys.modules}
        new = self._successors(old)
        for name, module in self.modules.items():
            self._put(_ITEM, sys.modules, name, module)
        for name, module in records.MODULES.items():  # for pickles that others can read
            self._put(_ATTRIBUTE, records.TYPES[name], "__module__", module)
        # Programs find the standard library beside os.__file__, and tell the kind of paths by
        # the name of os.path. Some know modules and functions by their names at all.
        self._put(_ITEM, vars(self.modules["os"]), "__file__", old["os"].__file__)
        self._put(_ITEM, vars(self.modules["posixpath"]), "__name__", "posixpath")
        self._put(_ITEM, vars(self.modules["os"]), "__name__", "os")
        sys.meta_path.insert(0, self.finder)
        self._name(new)
        kinship.hold(self, vars(self.modules["os"]))
        untouched = {id(module) for module in old.values() if module is not old.get("genericpath")}
        untouched.update(id(module) for module in self.modules.values())
        self.exchange(new, untouched)

    def undo(self):
        """Put back what apply() replaced, except where something else has been put since."""
        kinship.release(self)
        if self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
        for name in [name for name in sys.modules if name.startswith("os.")]:
            if name != "os.path":
                del sys.modules[name]
        self.give_back()

    def _successors(self, old):
        """The objects that are replaced, by their id: (the old, the new)."""
        new = {}
        for name, module in old.items():
            successor = self.modules.get(name, self.modules["posixpath"])
            if name in self.modules:
                new[id(module)] = module, successor
            for attribute, value in vars(module).items():
                if not attribute.startswith("__") and _is_own(value):
                    other = getattr(successor, attribute, value)
                    # Some of our modules have the name of a function that has an underscore.
                    if other is not value and not isinstance(other, ModuleType):
                        new.setdefault(id(value), (value, other))
                        if isinstance(value, type) and isinstance(other, type):
                            # Under this name pickles find it, now that it is there.
                            self._put(_ATTRIBUTE, other, "__module__", value.__module__)
        return new

    def _name(self, new):
        """Give functions the names of their modules, and pickles of them those that os's have."""
        names = {}
        for old, other in new.values():
            if isinstance(other, (BuiltinFunctionType, FunctionType)):
                self._put(_ATTRIBUTE, other, "__module__", old.__module__)
                names[id(other)] = other, old.__name__
        self._put(_ITEM, copyreg.dispatch_table, BuiltinFunctionType, _reducer(names))


class _Items:
    """Entries of a dict: module globals, keyword defaults, sys.modules."""

    @staticmethod
    def get(place, key):
        return place.get(key, _NOTHING)

    @staticmethod
    def put(place, key, value):
        if value is _NOTHING:
            del place[key]
        else:
            place[key] = value


class _Attributes:
    """Attributes of classes and functions."""

    @staticmethod
    def get(place, key):
        return vars(place)[key] if isinstance(place, type) else getattr(place, key)

    put = staticmethod(setattr)


_ITEM = _Items()
_ATTRIBUTE = _Attributes()
_NOTHING = object()


class _Submodules:
    """A finder of ostler's submodules by the name that ostler has as os.

    `from ostler import sizes` asks for it, where that is not loaded yet.
    """

    def __init__(self, system):
        self._system = system

    def find_spec(self, name, path=None, target=None):
        """A spec whose module is the one that there is, or will be, below `ostler`."""
        if not name.startswith("os.") or sys.modules.get("os") is not self._system:
            return None
        from importlib import import_module
        from importlib.machinery import ModuleSpec
        from importlib.util import find_spec

        own = f"ostler{name[2:]}"
        if find_spec(own) is None:
            return None
        return ModuleSpec(name, _Same(import_module(own)))


class _Same:
    """A loader of what is loaded."""

    def __init__(self, module):
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec):
        """The module itself."""
        return self._module

    def exec_module(self, module):
        """It has been executed; its spec is its own again."""
        module.__spec__ = self._spec


def _reducer(names):
    # Of a function with a `self` that is no module pickle asks that, which would be a machine. By a
    # name it is found again, also where there is no ostler.
    def reduce(function):
        known = names.get(id(function))
        if known is not None and known[0] is function:
            return known[1]
        return function.__reduce__()

    return reduce


def _is_own(value):
    # Whether a value is one that only os and its parts can have given away: numbers and text are
    # equal on both sides, and what os itself imported from elsewhere is not replaced.
    if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        return value.__module__ in _SOURCES
    return isinstance(value, (set, frozenset)) or type(value).__module__ == "os"


def _posix(facade):
    """A module with the names of posix; for what ostler has no use for, the interpreter's own."""
    own = sys.modules["posix"]
    # What posixpath has taken from posix under another name.
    taken = {
        id(value): getattr(facade.path, name, value)
        for name, value in vars(sys.modules["posixpath"]).items()
        if isinstance(value, BuiltinFunctionType)
    }
    module = ModuleType("posix", own.__doc__)
    for name, value in vars(own).items():
        if name.startswith("__"):
            setattr(module, name, value)
        elif name != "environ":
            setattr(module, name, getattr(facade, name, taken.get(id(value), value)))
    module.__getattr__ = partial(_environ_as_bytes, facade)
    return module


def _environ_as_bytes(facade, name):
    # On demand: once its dict is handed out, ostler.environ is not as fast as before.
    if name == "environ":
        return facade.environ._data
    raise AttributeError(f"module 'posix' has no attribute {name!r}")
