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
    _find_spec,
    _load_unlocked,
    _lock_unlock_module,
    _module_locks,
)
from _frozen_importlib_external import (
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    _path_isfile,
)
from _imp import acquire_lock, release_lock
from _thread import allocate_lock, get_ident
from time import monotonic

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
def is_under_way(name) -> cython.bint:
    """Whether a module is there, but not all of it."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "_initializing", False) is True


class Once(SourceFileLoader):
    """Loads plain Python; who has waited until it was loaded gets the same module."""

    _given = None

    def create_module(self, spec):
        """The module, if it is there."""
        self._given = sys.modules.get(spec.name)
        return self._given

    def exec_module(self, module):
        """Execute a module that was not there, or is to be loaded anew."""
        given, self._given = self._given, None
        if given is not module:
            super().exec_module(module)


@cython.cfunc
def load(name):
    """Load a module that is plain Python, and whose parent is loaded, without its lock."""
    modules = sys.modules
    if name in modules:
        return
    parent, _, tail = name.rpartition(".")
    spec = spec_beside(name)
    if spec is None:
        spec = _find_spec(name, modules[parent].__path__)
        if type(spec.loader) is SourceFileLoader:
            spec.loader = Once(spec.loader.name, spec.loader.path)
    module = _load_unlocked(spec)
    setattr(modules[parent], tail, module)


@cython.cfunc
def spec_beside(name):
    """The spec of a module whose source stands where it belongs, found without a search.

    None where folders are not looked through by importlib's own finder, as in a program that is
    frozen into one file.
    """
    top = __file__.rpartition("/")[0]
    if type(sys.path_importer_cache.get(top)) not in (FileFinder, ByFolder):
        return None
    place = top + name[6:].replace(".", "/")  # "ostler" is the top
    path, is_package = place + ".py", False
    if not _path_isfile(path):
        path, is_package = place + "/__init__.py", True
        if not _path_isfile(path):
            return None
    spec = ModuleSpec(name, Once(name, path), origin=path, is_package=is_package)
    spec.has_location = True
    if is_package:
        spec.submodule_search_locations.append(place)
    return spec


@cython.cfunc
def make(place: cython.int):
    """Make a module as importlib does, but for the search and the locks.

    Another thread that begins with a module below ostler meanwhile waits in ostler.__getattr__. It
    has the lock of that module then, so that is not asked for.
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
        if forking and (name == "ostler" or name.startswith("ostler.")):
            wait_for_forks(name)
        return spec_of(name) if name in NAMES else None


class ByFolder(FileFinder):
    """Finds the same for who asks importlib's own finder, as pytest does of what it may rewrite."""

    def __init__(self, path, like):
        # As another finder of this file system is made, but for a look at each suffix.
        vars(self).update(vars(like))
        self.path = path
        self.invalidate_caches()

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
        for parent in {name.rpartition(".")[0] for name in NAMES}:
            path = top + parent[6:].replace(".", "/")  # "ostler" is the top
            sys.path_importer_cache[path] = ByFolder(path, finder)


find_by_name()

# Forks: a copy has the locks of what other threads were importing, and not these threads. What is
# plain Python can be imported anew there, but the C of a module can't be. So a thread that forks
# waits until no other is in the middle of an import, and those that begin one meanwhile wait for
# the fork, where they look for the module, of which nothing has been made yet.
_told = cython.declare(cython.bint, False)
forking = cython.declare(set, set())  # the threads that are about to fork
waiting = cython.declare(set, set())  # the names of modules that wait for it
# Nobody waits longer, for who forks could do what needs the very module.
LONGEST = cython.declare(cython.double, 10.0)


@cython.cfunc
def see_to_forks():
    global _told
    if not _told:
        _told = True
        from ostler.core.interpreter import register_at_fork

        register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_copy)


@cython.cfunc
def wait_for_forks(name):
    """Wait with an import of this name until no other thread is about to fork."""
    end = monotonic() + LONGEST
    pause = allocate_lock()
    pause.acquire()
    own = get_ident()
    waiting.add(name)
    held: cython.int = 0
    try:
        # Up to 3.12 importlib asks finders with the lock of all imports, which a fork takes, too.
        while is_let_go():
            held += 1
        while forking.difference((own,)) and monotonic() < end:
            pause.acquire(timeout=0.001)
    finally:
        waiting.discard(name)
        while held:
            acquire_lock()
            held -= 1


@cython.cfunc
def is_let_go() -> cython.bint:
    """Whether this thread had the lock of all imports once more, and has it once less now."""
    try:
        release_lock()
    except RuntimeError:
        return False
    return True


@cython.cfunc
def others():
    """The names of what other threads are importing of ostler."""
    found = []
    for name, known in list(_module_locks.items()):
        if name == "ostler" or name.startswith("ostler."):
            lock = known()
            if lock is not None and lock.owner is not None and lock.owner != get_ident():
                found.append(name)
    return found


def _before_fork():
    # Who is in the middle may import more: so nobody has to wait until all have come to an end.
    own = get_ident()
    end = monotonic() + LONGEST
    while monotonic() < end:
        forking.add(own)
        found = [name for name in others() if name not in waiting]
        if not found:
            return
        forking.discard(own)
        for name in found:
            _lock_unlock_module(name)
    forking.add(own)


def _after_fork():
    forking.discard(get_ident())


def _in_copy():
    # What nobody will finish is imported anew; the C of a module can't be, which is an ImportError.
    forking.clear()
    waiting.clear()
    for name in others():
        _module_locks.pop(name, None)
        if is_under_way(name):
            if name in NAMES:
                sys.modules[name] = None
            else:
                sys.modules.pop(name, None)


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
            load(name)
        see_to_forks()
    finally:
        if collects:
            py.PyGC_Enable()
