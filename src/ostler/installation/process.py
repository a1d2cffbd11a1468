"""Taking the place of os: in sys.modules, and in the modules that have taken os already."""

import copyreg
import sys
from _functools import partial  # functools itself would load collections

import cython
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_dicts as pyd
from cython.cimports.ostler.core import python_functions as pyf
from cython.cimports.ostler.installation.sweep import Place, Successors, Sweep

from ostler.core import interpreter, records
from ostler.core.interpreter import BuiltinFunctionType, ModuleType
from ostler.core.living import lock_over_forks
from ostler.installation import kinship, sweep

# The modules that are replaced, by the name under which programs import them; what genericpath
# defines is seen through posixpath.
_REPLACED = ("os", "posix", "posixpath", "os.path")
_SOURCES = ("os", "posix", "posixpath", "genericpath")

# What the sweep says of a place; see there.
ITEM = cython.declare(cython.int, sweep.ITEM)
KEYWORD = cython.declare(cython.int, sweep.KEYWORD)
DEFAULTS = cython.declare(cython.int, sweep.DEFAULTS)
_NOTHING = cython.declare(object, object())

# A signal's handler may interrupt each of these and call one itself, and another thread may fork.
_lock = lock_over_forks()
_installed = None
_wanted = None  # what the last call has asked for: the module that is to stand for os, or None
_changing = False


def install(facade):
    """Put the module `facade`, ostler, in the place of os, posix and posixpath everywhere.

    `import os` gives it from then on. Modules that have imported os, or names of it, before
    are pointed at its own; that covers their globals, the attributes of their classes, and the
    defaults of their functions. A place that can't be changed, such as a class whose metaclass
    refuses it, is left as it is. A second call does nothing. uninstall() gives everything back.

    An error leaves everything as before. In a signal's handler that has interrupted an install()
    or uninstall(), what the last call asks for is done at the end of the interrupted one.
    """
    _change(facade)


def uninstall():
    """Give everything that install() replaced back to the interpreter's own modules."""
    _change(None)


@cython.cfunc
def _change(wanted):
    global _wanted, _changing
    with _lock:
        _wanted = wanted
        if _changing:  # it is seen where this was interrupted
            return
        _changing = True
        try:
            while (_wanted is None) != (_installed is None):
                if _wanted is None:
                    _take_out()
                else:
                    _put_in(_wanted)
        finally:
            _changing = False


@cython.cfunc
def _put_in(facade):
    global _installed
    # Two mappings stand before the one environment of the process: what the program has done
    # through the one is handed to the other.
    variables = sys.modules["os"].environ._data
    before = dict(variables)
    facade.environ._carry_over(before)
    replacement = Replacement(facade, facade.path, _posix(facade))
    try:
        replacement.apply()
    except BaseException:
        replacement.undo()
        raise
    _installed = replacement
    _catch_up(facade.environb, before, dict(variables))


@cython.cfunc
def _take_out():
    global _installed
    replacement = _installed
    ours = replacement.modules["os"].environb
    variables = replacement.replaced.environ._data
    before = ours.copy()
    _become(variables, before)
    try:
        replacement.undo()
    finally:
        _installed = None
        _catch_up(variables, before, ours.copy())


@cython.cfunc
def _become(variables, wanted: dict):
    # Other threads look at them meanwhile, and miss none that stays.
    if py.FREE_THREADED or type(variables) is not dict:
        variables.update(wanted)
        for key in [key for key in list(variables) if key not in wanted]:
            variables.pop(key, None)
    elif variables != wanted or list(variables) != list(wanted):
        variables.clear()
        variables.update(wanted)  # nobody runs between these two


@cython.cfunc
def _catch_up(variables, before: dict, now: dict):
    # What other threads have changed through the one mapping, while the other took its place.
    if now == before:
        return
    for key in [*before, *now]:
        value = now.get(key)
        if before.get(key) != value and variables.get(key) == before.get(key):
            if value is None:
                variables.pop(key, None)
            else:
                variables[key] = value


def installed():
    """Whether ostler stands in the place of os."""
    return _installed is not None


@cython.cclass
class Bindings:
    """What modules hold, exchanged for something else, and the record of what was there."""

    _record: list  # (whether it is an item, the place, key, what was there, what is there now)

    def __cinit__(self):
        self._record = []

    def exchange(self, pairs, untouched=(), ours=()):
        """Replace what the modules hold: `pairs` are of the old and the new.

        `untouched`: the ids of modules that stay as they are; `ours`: the names of those of
        ostler's own modules that don't.
        """
        pairs = list(pairs)
        new: Successors = Successors(len(pairs))
        for old, other in pairs:
            new.put(old, other)
        self._exchange(new, untouched, ours)

    @cython.cfunc
    def _exchange(self, new: Successors, untouched, ours):
        found: Sweep = Sweep(new)
        place: cython.pointer(Place)
        i: cython.size_t
        found.look(untouched, ours)
        for i in range(found.count):
            place = found.found + i
            try:
                self._replace(
                    new, place.what, cython.cast(object, place.holder),
                    None if place.key == cython.NULL else cython.cast(object, place.key),
                )  # fmt: skip
            except Exception:  # it refuses, as a metaclass can: it stays as it is
                pass

    def give_back(self):
        """Put back what was replaced, except where something else has been put since.

        A place that refuses doesn't stop the rest, nor does an interrupt, which is raised then.
        """
        interrupt = None
        while self._record:
            is_item, place, key, before, now = self._record.pop()
            try:
                if is_item:
                    self._give_back_item(place, key, before, now)
                elif _attribute(place, key) is now:
                    setattr(place, key, before)
            except Exception:
                pass
            except BaseException as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    @cython.cfunc
    def _give_back_item(self, place, key, before, now):
        if place.get(key, _NOTHING) is now:
            if before is _NOTHING:
                del place[key]
            else:
                place[key] = before

    @cython.cfunc
    def _replace(self, new: Successors, what: cython.int, place, key):
        # What is there may be another by now: then it is nothing of ours.
        successor: cython.pointer(py.PyObject)
        if what == DEFAULTS:
            before = place.__defaults__ or ()
            now = tuple([_successor(new, value) for value in before])
            self._put_attribute(place, "__defaults__", now)
        elif what == ITEM or what == KEYWORD:
            if type(place) is dict:
                names: dict = place
                before = names.get(key)
            else:
                before = place.get(key)
            successor = new.of(before)
            if successor != cython.NULL:
                now = cython.cast(object, successor)
                self._record.append((True, place, key, before, now))
                if type(place) is dict:
                    names[key] = now
                else:
                    place[key] = now
        else:
            held = _attribute(place, key)
            wraps = isinstance(held, staticmethod)
            successor = new.of(held.__func__ if wraps else held)
            if successor != cython.NULL:
                now = cython.cast(object, successor)
                self._put_attribute(place, key, staticmethod(now) if wraps else now)

    @cython.cfunc
    def _put_item(self, place, key, value):
        # The record comes first: what is then refused, or done and followed by an error, is known.
        self._record.append((True, place, key, place.get(key, _NOTHING), value))
        place[key] = value

    @cython.cfunc
    def _put_attribute(self, place, key, value):
        before = _attribute(place, key)
        if before is not _NOTHING:
            self._record.append((False, place, key, before, value))
            try:
                setattr(place, key, value)
            except TypeError:  # an immutable type: it stays as it is
                pass


@cython.cfunc
def _successor(new: Successors, value):
    successor = new.of(value)
    return value if successor == cython.NULL else cython.cast(object, successor)


@cython.cfunc
def _attribute(place, key):
    # Of classes and functions.
    if not isinstance(place, type):
        return getattr(place, key)
    names = pyf.class_dict(cython.cast(cython.pointer(py.PyObject), place))
    if names == cython.NULL:  # of one of the interpreter's own
        return vars(place).get(key, _NOTHING)
    held: dict = cython.cast(dict, names)
    return held.get(key, _NOTHING)


@cython.cclass
class Replacement(Bindings):
    """Three modules in the place of os, os.path and posix, and the record of what was there."""

    modules = cython.declare(dict, visibility="readonly")  # by the names that they take
    replaced = cython.declare(object, visibility="readonly")  # the os in whose place they are
    # Functions, each with its __module__ from before, and that of now.
    _named: list
    _before: list
    _now: list

    def __init__(self, system, path, posix):
        self._named, self._before, self._now = [], [], []
        self.modules = dict(zip(_REPLACED, (system, posix, path, path), strict=True))
        self.replaced = sys.modules["os"]

    def apply(self):
        """Replace the modules, and every binding that other modules have made of their names."""
        old = {name: sys.modules[name] for name in _SOURCES if name in sys.modules}
        new = self._successors(old)
        for name, module in self.modules.items():
            self._put_item(sys.modules, name, module)
        for name, module in records.MODULES.items():  # for pickles that others can read
            self._put_attribute(records.TYPES[name], "__module__", module)
        # Programs find the standard library beside os.__file__, and tell the kind of paths by
        # the name of os.path. Some know modules and functions by their names at all.
        self._put_item(vars(self.modules["os"]), "__file__", old["os"].__file__)
        self._put_item(vars(self.modules["posixpath"]), "__name__", "posixpath")
        self._put_item(vars(self.modules["os"]), "__name__", "os")
        _finder.begin(self.modules["os"])
        self._name(new)
        kinship.hold(self, vars(self.modules["os"]))
        untouched = {_id(module) for module in old.values() if module is not old.get("genericpath")}
        untouched.update(_id(module) for module in self.modules.values())
        self._exchange(new, untouched, ())

    def undo(self):
        """Put back what apply() replaced, except where something else has been put since."""
        kinship.release(self)
        _finder.end()
        for name in list(sys.modules):
            if type(name) is str and name.startswith("os.") and name != "os.path":
                sys.modules.pop(name, None)
        self._give_back_names()
        self.give_back()

    @cython.cfunc
    def _successors(self, old: dict) -> Successors:
        """The objects that are replaced, with what takes their place."""
        most: cython.size_t = len(old)
        for module in old.values():
            most += len(vars(module))
        new: Successors = Successors(most)
        for name, module in old.items():
            successor = self.modules.get(name, self.modules["posixpath"])
            if name in self.modules:
                new.put(module, successor)
            self._pair(new, vars(module), vars(successor))
        return new

    @cython.cfunc
    def _pair(self, new: Successors, held: dict, theirs: dict):
        source: object = _NOTHING
        is_own: cython.bint = False
        key: cython.pointer(py.PyObject)
        found: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        if py.FREE_THREADED:  # others change them meanwhile
            held, theirs = held.copy(), theirs.copy()
        _fetch(held)
        _fetch(theirs)
        while pyd.next_in(
            cython.cast(cython.pointer(py.PyObject), held),
            cython.address(pos), cython.address(key), cython.address(found),
        ):  # fmt: skip
            # Most are numbers and text.
            if pyf.is_plain(found) or not pyf.is_text(key) or pyf.is_dunder(key):
                continue
            # Of two modules with one object the first names it.
            if new.olds.has(found):
                continue
            value = cython.cast(object, found)
            other = theirs.get(cython.cast(str, key), value)
            # Some of our modules have the name of a function that has an underscore.
            if other is value or _is_module(other):
                continue
            if pyf.is_any_function(found):
                # Most are of one module, one after the other.
                module = pyf.module_of(value)
                if module is not source:
                    source, is_own = module, module in _SOURCES
                if not is_own:
                    continue
            elif not _is_own(value):
                continue
            if new.put(value, other) and isinstance(value, type) and isinstance(other, type):
                # Under this name pickles find it, now that it is there.
                self._put_attribute(other, "__module__", value.__module__)

    @cython.cfunc
    def _name(self, new: Successors):
        """Give functions the names of their modules, and pickles of them those that os's have."""
        i: cython.Py_ssize_t
        for i in range(len(new.old)):
            old, other = new.old[i], new.new[i]
            if _is_function(other):
                now = pyf.module_of(old) if _is_function(old) else old.__module__
                self._before.append(pyf.module_of(other))
                self._now.append(now)
                self._named.append(other)
                pyf.set_module(other, now)
        self._put_item(copyreg.dispatch_table, BuiltinFunctionType, _reducer(new.old, new.new))

    @cython.cfunc
    def _give_back_names(self):
        while self._named:
            function, before, now = self._named.pop(), self._before.pop(), self._now.pop()
            if pyf.module_of(function) is now:
                pyf.set_module(function, before)


class _Submodules:
    """A finder of ostler's submodules by the name that ostler has as os.

    `from ostler import sizes` asks for it, where that is not loaded yet.

    It stays on sys.meta_path, and finds nothing while os is the interpreter's: another thread that
    imports would miss one of the other finders, if they moved up.
    """

    def __init__(self):
        self._system = None

    def begin(self, system):
        """From now on, where that is os."""
        self._system = system
        if all(finder is not self for finder in sys.meta_path):
            sys.meta_path.insert(0, self)

    def end(self):
        """Find nothing."""
        self._system = None

    def find_spec(self, name, path=None, target=None):
        """A spec whose module is the one that there is, or will be, below `ostler`."""
        system = self._system
        if system is None or not name.startswith("os.") or sys.modules.get("os") is not system:
            return None
        from importlib import import_module
        from importlib.machinery import ModuleSpec
        from importlib.util import find_spec

        own = f"ostler{name[2:]}"
        if find_spec(own) is None:
            return None
        return ModuleSpec(name, _Same(import_module(own)))


_finder = _Submodules()


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


def _reducer(old, new):
    # Of a function with a `self` that is no module pickle asks that, which would be a machine. By a
    # name it is found again, also where there is no ostler.
    names = {}

    def reduce(function):
        if not names:
            for one, other in zip(old, new, strict=True):
                if _is_function(other):
                    names[_id(other)] = other, one.__name__
        known = names.get(id(function))
        if known is not None and known[0] is function:
            return known[1]
        return function.__reduce__()

    return reduce


@cython.cfunc
def _id(value):
    return cython.cast(cython.size_t, cython.cast(cython.pointer(py.PyObject), value))


@cython.cfunc
def _is_module(value) -> cython.bint:
    return pyf.is_module(cython.cast(cython.pointer(py.PyObject), value))


@cython.cfunc
def _fetch(names: dict):
    pyd.fetch_all(cython.cast(cython.pointer(py.PyObject), names))


@cython.cfunc
def _is_function(value) -> cython.bint:
    return pyf.is_any_function(cython.cast(cython.pointer(py.PyObject), value))


@cython.cfunc
def _is_own(value) -> cython.bint:
    # Whether a value that is no function is one that only os and its parts can have given away:
    # numbers and text are equal on both sides, and what os itself imported from elsewhere is not
    # replaced.
    if isinstance(value, type):
        return value.__module__ in _SOURCES
    return isinstance(value, (set, frozenset)) or type(value).__module__ == "os"


def _posix(facade):
    """A module with the names of posix; for what ostler has no use for, the interpreter's own."""
    own = sys.modules["posix"]
    held: dict = vars(own)
    ours: dict = vars(facade)
    _fetch(held)
    _fetch(ours)
    # What posixpath has taken from posix under another name.
    taken = {
        _id(value): name
        for name, value in vars(sys.modules["posixpath"]).items()
        if py.PyCFunction_Check(value)
    }
    module = ModuleType("posix", own.__doc__)
    names: dict = vars(module)
    names.clear()  # an empty dict takes all of another's at once
    names.update(held)
    key: cython.pointer(py.PyObject)
    found: cython.pointer(py.PyObject)
    pos: cython.Py_ssize_t = 0
    kept: dict = held.copy() if py.FREE_THREADED else held  # others change it meanwhile
    while pyd.next_in(
        cython.cast(cython.pointer(py.PyObject), kept),
        cython.address(pos), cython.address(key), cython.address(found),
    ):  # fmt: skip
        # Numbers and text, which most are, are equal on both sides.
        if pyf.is_plain(found) or not pyf.is_text(key) or pyf.is_dunder(key):
            continue
        name = cython.cast(str, key)
        value = cython.cast(object, found)
        other = ours.get(name, _NOTHING)
        if other is not _NOTHING:
            if other is not value:
                names[name] = other
        elif py.PyCFunction_Check(value) and _id(value) in taken:
            names[name] = getattr(facade.path, taken[_id(value)], value)
    names.pop("environ", None)
    names["__getattr__"] = partial(_environ_as_bytes, facade)
    return module


def _environ_as_bytes(facade, name):
    # On demand: once its dict is handed out, ostler.environ is not as fast as before.
    if name == "environ":
        return facade.environ._data
    raise AttributeError(f"module 'posix' has no attribute {name!r}")
