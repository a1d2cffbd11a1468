"""Installed: os, open and what is built on them act on a machine, for one thread's or task's code.

A layer of small functions is put in the place of those functions of os, os.path and io whose
result depends on the machine, and of what modules have taken of them. Each looks up the machine
of the running thread or task, in a context variable, and without one calls what was there before.
The layer goes in with the first machine that is installed and comes out with the last.

What is left on the host: the import of modules, and the reading of source lines for tracebacks.
What can't be reached: C code that opens files itself (sqlite3, FileIO, dbm, AF_UNIX sockets).
"""

import _thread
import builtins
import functools
import sys
from _collections_abc import MutableMapping
from contextvars import ContextVar
from types import FunctionType, ModuleType
from weakref import WeakKeyDictionary

from ostler.machines import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ostler.machines.rooted import Rooted

# The machine, or a _Stay; and the _Stay of the threads that are started from here.
_current: "ContextVar[Any]" = ContextVar("ostler_machine", default=None)
_threads: "ContextVar[Any]" = ContextVar("ostler_machine_of_threads", default=None)

_OS = """
    access chdir chmod chown chroot execl execle execlp execlpe execv execve execvp execvpe fchdir
    fwalk get_exec_path getcwd getcwdb getenv getenvb getxattr lchmod lchown link listdir listxattr
    lstat makedirs mkdir mkfifo mknod open pathconf popen posix_spawn posix_spawnp putenv readlink
    remove removedirs removexattr rename renames replace rmdir scandir setxattr spawnl spawnle
    spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe stat statvfs symlink system truncate umask
    unlink unsetenv utime walk
    fdatasync fsync ftruncate pread pwrite read write
""".split()
_PATH = """
    abspath exists expanduser expandvars getatime getctime getmtime getsize isdir isfile islink
    ismount isjunction lexists realpath relpath samefile
""".split()
_SETS = "supports_dir_fd supports_effective_ids supports_fd supports_follow_symlinks".split()
# Functions that serve the interpreter, not the program: they read the host's files.
_FOR_THE_HOST = {
    "linecache": ("checkcache", "updatecache"),
    "_pytest.assertion.rewrite": (
        "AssertionRewritingHook.exec_module",
        "AssertionRewritingHook.find_spec",
    ),
}
# Modules whose globals are left alone: the import system, and the layer's own ground.
_UNTOUCHED = frozenset(
    ("_frozen_importlib", "_frozen_importlib_external", "_io", "importlib._bootstrap",
     "importlib._bootstrap_external", "posix", "zipimport", "_pytest.capture")
)  # fmt: skip


def current():
    """The machine that is installed for the running thread or task, or None."""
    machine = _current.get()
    return machine.machine if type(machine) is _Stay else machine


class _Stay:
    """The machine of threads that were started while it was installed; None afterwards."""

    __slots__ = ("machine",)

    def __init__(self, machine):
        self.machine = machine

    def begun(self, function):
        """What a new thread is to do instead of the function: the same, on the machine."""

        def run(*args, **kwargs):
            _current.set(self)
            _threads.set(self)
            return function(*args, **kwargs)

        return run


class Installed:
    """What `machine.installed()` gives: a context manager that can be entered again."""

    def __init__(self, machine: "Rooted", threads: bool) -> None:
        self._machine = machine
        self._reaches_threads = threads
        self._entered: list[Any] = []

    def __enter__(self) -> "Rooted":
        _layer.enter()
        stay = _Stay(self._machine) if self._reaches_threads else None
        self._entered.append((_current.set(self._machine), _threads.set(stay), stay))
        return self._machine

    def __exit__(self, *exception: object) -> None:
        machine, threads, stay = self._entered.pop()
        try:
            if stay is not None:
                stay.machine = None
            _current.reset(machine)
            _threads.reset(threads)
        finally:
            _layer.leave()


class OnHost:
    """For what must not see the installed machine: a context manager."""

    def __enter__(self):
        self._token = _current.set(None)

    def __exit__(self, *exception):
        _current.reset(self._token)


class _Layer:
    """The functions that look for the machine, and the record of where they were put."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._users = 0
        self._made = {}  # id of what was there -> (it, what stands for it)
        self._record = []
        self._known = {}  # id of a module -> (the size of its namespace, the keys found in it)
        self._names = None

    def enter(self):
        with self._lock:
            if self._users == 0:
                try:
                    self._put_in()
                except BaseException:
                    self._take_out()
                    raise
            self._users += 1

    def leave(self):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._take_out()

    def _put_in(self):
        import io
        import subprocess
        import tempfile

        system = sys.modules["os"]
        path = system.path
        successors = {}
        for module, names, make in ((system, _OS, _of_os), (path, _PATH, _of_path)):
            for name in names:
                if hasattr(module, name):
                    self._replace(vars(module), name, make, successors)
        shared = sys.modules.get("genericpath")
        for name in _PATH if shared is not None else ():
            if name in vars(shared):
                self._replace(vars(shared), name, _of_path, successors)
        for name in ("environ", "environb"):
            self._replace(vars(system), name, Variables, successors)
        for module in (builtins, io):
            self._replace(vars(module), "open", _open, successors)
        for name in ("start_new_thread", "start_new", "start_joinable_thread"):
            if hasattr(_thread, name):
                self._replace(vars(_thread), name, _start, successors)
        self._replace(vars(subprocess), "_fork_exec", _fork_exec, {})
        self._replace(vars(tempfile), "_gettempdir", _gettempdir, {})
        for name in _SETS:
            self._extend(getattr(system, name, None), successors)
        for name, functions in _FOR_THE_HOST.items():
            if name in sys.modules:
                for function in functions:
                    holder, _, last = function.rpartition(".")
                    place = sys.modules[name]
                    place = getattr(place, holder) if holder else place
                    self._put(place, last, _for_the_host(getattr(place, last)))
        if vars(system) is host._names:
            # The host's own compositions go on using the host's functions.
            self._names = host._names
            before = {key: old for place, key, old, _ in self._record if place is self._names}
            host._names = {**self._names, **before, "path": host._path}
            host.path = host._path
        self._sweep(successors)

    def _take_out(self):
        while self._record:
            place, key, before, now = self._record.pop()
            if isinstance(place, set):
                place.discard(now)
            elif isinstance(place, dict):
                if place.get(key) is now:
                    place[key] = before
            elif _held(place, key) is now:
                setattr(place, key, before)
        if self._names is not None:
            host._names = self._names
            host.path = self._names["path"]
            self._names = None
        # What was taken from os while the layer was in.
        originals = {id(now): (now, old) for old, now in self._made.values()}
        self._sweep(originals, back=True)
        self._record.clear()

    def _replace(self, names, name, make, successors):
        old = names[name]
        known = self._made.get(id(old))
        if known is None:
            known = self._made[id(old)] = old, make(old, name)
        successors[id(old)] = known
        self._put(names, name, known[1])

    def _put(self, place, key, value):
        if isinstance(place, dict):
            self._record.append((place, key, place[key], value))
            place[key] = value
        else:
            self._record.append((place, key, _held(place, key), value))
            setattr(place, key, value)

    def _extend(self, members, successors):
        if isinstance(members, set):
            for member in list(members):
                found = successors.get(id(member))
                if found is not None:
                    members.add(found[1])
                    self._record.append((members, None, None, found[1]))

    def _sweep(self, successors, back=False):
        """Put the successors where modules, their classes and functions hold the old ones."""
        for name, module in list(sys.modules.items()):
            if (
                isinstance(module, ModuleType)
                and name not in _UNTOUCHED
                and name != "ostler"
                and not name.startswith("ostler.")
                and name != "os"
            ):
                self._namespace(module, vars(module), name, successors, back)

    def _namespace(self, module, names, name, successors, back):
        known = self._known.get(id(module))
        if known is not None and known[0] == len(names):
            keys = known[1]
        else:
            # Later only what could hold such a thing is looked at again.
            keys = [
                key
                for key, value in list(names.items())
                if id(value) in successors
                or (
                    isinstance(value, (type, FunctionType))
                    and getattr(value, "__module__", None) == name
                    and _holds_values(value)
                )
            ]
            if not back:
                self._known[id(module)] = len(names), keys
        for key in keys:
            value = names.get(key)
            found = successors.get(id(value))
            if found is not None and found[0] is value:
                if back:
                    names[key] = found[1]
                else:
                    self._put(names, key, found[1])
            elif isinstance(value, type):
                self._class(value, successors, back)
            elif isinstance(value, FunctionType):
                self._defaults(value, successors, back)

    def _class(self, kind, successors, back):
        for key, value in list(vars(kind).items()):
            inner = value.__func__ if isinstance(value, staticmethod) else value
            found = successors.get(id(inner))
            if found is not None and found[0] is inner:
                # As before: a function of C does not become a method of the class.
                new = found[1]
                if isinstance(new, FunctionType):
                    new = staticmethod(new)
                if back:
                    setattr(kind, key, staticmethod(new) if value is not inner else new)
                else:
                    self._put(kind, key, new)
            elif isinstance(value, FunctionType):
                self._defaults(value, successors, back)

    def _defaults(self, function, successors, back):
        values = function.__defaults__
        if values and any(id(value) in successors for value in values):
            new = tuple(successors[id(v)][1] if id(v) in successors else v for v in values)
            if not back:
                self._record.append((function, "__defaults__", values, new))
            function.__defaults__ = new
        values = function.__kwdefaults__
        for key, value in list(values.items()) if values else ():
            found = successors.get(id(value))
            if found is not None:
                if back:
                    values[key] = found[1]
                else:
                    self._put(values, key, found[1])


def _held(place, key):
    return vars(place).get(key) if isinstance(place, type) else getattr(place, key, None)


def _holds_values(value):
    if isinstance(value, FunctionType):
        return bool(value.__defaults__ or value.__kwdefaults__)
    return True


def _of_os(original, name):
    def dispatch(*args, **kwargs):
        machine = current()
        if machine is None:
            return original(*args, **kwargs)
        return getattr(machine, name)(*args, **kwargs)

    return _looking_like(dispatch, original, "os")


def _of_path(original, name):
    def dispatch(*args, **kwargs):
        machine = current()
        if machine is None:
            return original(*args, **kwargs)
        return getattr(machine.path, name)(*args, **kwargs)

    return _looking_like(dispatch, original, "posixpath")


def _open(original, name):
    def open(*args, **kwargs):
        machine = current()
        if machine is None or sys._getframe(1).f_globals.get("__name__", "").startswith("ostler."):
            return original(*args, **kwargs)
        return machine.open_file(*args, **kwargs)

    return _looking_like(open, original, original.__module__)


def _start(original, name):
    def start(function, *args, **kwargs):
        stay = _threads.get()
        if stay is not None and stay.machine is not None and stay.machine is current():
            function = stay.begun(function)
        return original(function, *args, **kwargs)

    return _looking_like(start, original, "_thread")


def _fork_exec(original, name):
    def fork_exec(*args):
        machine = current()
        if machine is None:
            return original(*args)
        from ostler.machines import forking

        return forking.fork_exec(machine, *args)

    return _looking_like(fork_exec, original, original.__module__)


def _gettempdir(original, name):
    found = WeakKeyDictionary()

    def gettempdir():
        machine = current()
        if machine is None:
            return original()
        if machine not in found:
            found[machine] = sys.modules["tempfile"]._get_default_tempdir()
        return found[machine]

    return _looking_like(gettempdir, original, original.__module__)


def _for_the_host(original):
    @functools.wraps(original)
    def on_host(*args, **kwargs):
        token = _current.set(None)
        try:
            return original(*args, **kwargs)
        finally:
            _current.reset(token)

    return on_host


def _looking_like(function, original, module):
    functools.update_wrapper(function, original)
    function.__module__ = module  # where pickle finds it
    function.__qualname__ = function.__name__
    return function


class Variables(MutableMapping):
    """os.environ, or os.environb, of the machine that is installed where it is used."""

    def __init__(self, original, name):
        self.__dict__["_there"] = lambda: (
            original if (machine := current()) is None else getattr(machine, name)
        )

    def __getitem__(self, key):
        return self._there()[key]

    def __setitem__(self, key, value):
        self._there()[key] = value

    def __delitem__(self, key):
        del self._there()[key]

    def __iter__(self):
        return iter(self._there())

    def __len__(self):
        return len(self._there())

    def __contains__(self, key):
        return key in self._there()

    def __getattr__(self, name):
        return getattr(self._there(), name)

    def __setattr__(self, name, value):
        setattr(self._there(), name, value)

    def __repr__(self):
        return repr(self._there())

    def __eq__(self, other):
        return self._there() == other

    __hash__ = None

    def __or__(self, other):
        return self._there() | other

    def __ror__(self, other):
        return other | self._there()

    def __ior__(self, other):
        self._there().update(other)
        return self

    def copy(self):
        """A dict with the same variables."""
        return self._there().copy()


_layer = _Layer()
