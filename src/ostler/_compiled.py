"""Makes the compiled modules, all of which stand in one shared object: that of this module.

Those that `import ostler` needs are made here at once, each after what it imports, without a search
for files. The others are found when they are asked for, and then the interpreter's own loader takes
them out of the same file. Which there are says a table in the object. It is empty where each module
is a shared object of its own (OSTLER_TRACE in setup.py); those are found as files are.
"""

if __file__.endswith(".py"):  # this file itself runs: no shared object was found beside it
    from ostler._unbuilt import reason

    raise ImportError(reason())

import sys
from _frozen_importlib import (
    ModuleSpec,
    _DeadlockError,
    _find_spec,
    _get_module_lock,
    _load_unlocked,
)
from _frozen_importlib_external import ExtensionFileLoader, FileFinder

import cython
from cython.cimports.ostler.core import python_modules as py

# What `import ostler` needs and is plain Python, but for packages of what is compiled: each after
# what it imports.
EARLY = ("ostler.machine", "ostler.machines", "ostler.machines.makers", "ostler._later")


@cython.cfunc
def name_of(place: cython.int):
    return py.ostler_modules[place].name.decode()


@cython.cfunc
def names():
    place: cython.int = 0
    found = set()
    while py.ostler_modules[place].name is not cython.NULL:
        found.add(name_of(place))
        place += 1
    return found


@cython.cfunc
def spec_of(name):
    spec = ModuleSpec(name, ExtensionFileLoader(name, __file__), origin=__file__)
    spec.has_location = True
    return spec


@cython.cfunc
def load(name):
    """Load a module that is plain Python, and whose parent is loaded, without its lock."""
    modules = sys.modules
    if name in modules:
        return
    parent, _, tail = name.rpartition(".")
    module = _load_unlocked(_find_spec(name, modules[parent].__path__))
    setattr(modules[parent], tail, module)


@cython.cfunc
def import_held(name):
    """Import a module that is plain Python, also where another thread has its lock.

    One that has asked for it holds the lock while it waits until ostler is imported: from 3.14 on
    for this module itself, and before for what is in it.
    """
    try:
        if not _get_module_lock(name).count:
            __import__(name)
            return
    except _DeadlockError:
        pass
    load(name)


@cython.cfunc
def make(place: cython.int):
    """Make a module as importlib does, but for the search and the locks.

    Another thread that begins with a module below ostler meanwhile waits in its package, which
    imports ostler first of all. It may hold the locks of both then, so they are not asked for.
    """
    name = name_of(place)
    modules = sys.modules
    if name in modules:
        return
    definition = cython.cast(cython.pointer(py.PyModuleDef), py.ostler_modules[place].initfunc())
    spec = spec_of(name)
    module = py.PyModule_FromDefAndSpec(definition, spec)
    module.__spec__ = spec
    parent, _, tail = name.rpartition(".")
    load(parent)
    modules[name] = module
    try:
        py.PyModule_ExecDef(module, definition)
    except BaseException:
        modules.pop(name, None)
        raise
    setattr(modules[parent], tail, module)


class ByName:
    """On sys.meta_path: finds a module of the object by name, before its source is found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The spec of a module of the object, or None."""
        return spec_of(name) if name in NAMES else None


class ByFolder(FileFinder):
    """Finds the same for who asks importlib's own finder, as pytest does of what it may rewrite."""

    def find_spec(self, fullname, target=None):
        """The spec of a module of the object, or of what else is in the folder."""
        return ByName.find_spec(fullname) or super().find_spec(fullname, target)


NAMES = frozenset(names())


def find_by_name():
    """See to it that the modules are found.

    This is done before anything else is imported: each package of ostler imports this module first,
    so that a thread that begins with one of them, while another imports ostler, finds no source.
    """
    if not NAMES or ByName in sys.meta_path:
        return
    sys.meta_path.insert(0, ByName)
    top = __file__.rpartition("/")[0]
    # Another finder may know files that no folder has, as in a program that is frozen into one.
    finder = sys.path_importer_cache.get(top)
    if type(finder) is FileFinder:
        loaders = [(loader, [suffix]) for suffix, loader in finder._loaders]
        for parent in {name.rpartition(".")[0] for name in NAMES}:
            path = top + parent[6:].replace(".", "/")  # "ostler" is the top
            sys.path_importer_cache[path] = ByFolder(path, *loaders)


find_by_name()


def begin():
    """Make what `import ostler` needs."""
    place: cython.int
    collects: cython.int
    find_by_name()  # where the finder was taken away, or ostler is imported anew
    if not NAMES:
        return
    collects = py.PyGC_Disable()
    try:
        for place in range(py.ostler_early):
            make(place)
        for name in EARLY:
            import_held(name)
    finally:
        if collects:
            py.PyGC_Enable()
