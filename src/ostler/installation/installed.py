"""Installed: os, open and what is built on them act on a machine, for one thread's or task's code.

The functions of the interpreter whose result depends on the machine are themselves changed, in
place: wherever a program keeps one of them, it has the one that looks for the machine first (see
asking.py). They are given back when no machine is installed any more, and nothing is left that was
begun inside and could go on.

Which functions these are is derived from what os and its parts have: all but those that touch no
file. One that a machine doesn't have is refused.

What is left on the host: the import of modules, and the reading of source lines for tracebacks.
What can't be reached: C code that opens files without the interpreter's functions. `strict` refuses
what of it the interpreter tells of.
"""

import _io
import _posixsubprocess
import _thread
import atexit
import sys
import weakref
from types import BuiltinFunctionType, FunctionType, MethodType
from weakref import WeakKeyDictionary

from ostler.core import asking, interpreter
from ostler.core.asking import Block, Stay
from ostler.core.living import lock_over_forks
from ostler.installation import kinship, threads
from ostler.installation.codes import code_like
from ostler.installation.distributions import OnHost, find_distributions, from_package
from ostler.installation.imports import Watch, wait_for
from ostler.installation.tasks import task_is_over
from ostler.installation.variables import Variables
from ostler.machine import Machine, MachineUnavailable, host
from ostler.path import Path
from ostler.verbs import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What touches no file, nor a variable or a program, is left alone: by the table of verbs, and what
# os has besides. Everything else that it has, or will have, is the machine's.
_ALONE = (table.NOTHING, table.PROCESS, table.SYSTEM, table.DESCRIPTOR)
_NO_VERBS = frozenset(
    """
    _cpu_count _path_normpath _path_splitroot _path_splitroot_ex _get_sep _inputhook
    _is_inputhook_installed
    """.split()
)
# Functions that serve the interpreter, not the program: they read the host's files.
_FOR_THE_HOST = {
    "linecache": ("checkcache", "updatecache"),
    "multiprocessing.util": ("get_temp_dir", "_remove_temp_dir"),
    "_pytest.assertion.rewrite": (
        "AssertionRewritingHook.exec_module",
        "AssertionRewritingHook.find_spec",
    ),
    # What pytest has for the whole session, whoever asks for it first.
    "_pytest.cacheprovider": ("Cache.get", "Cache.set", "Cache.mkdir"),
    "_pytest.capture": ("FDCaptureBase.__init__",),
}
# Modules whose own calls act on the host, whoever calls them.
_LOADER = "_frozen_importlib_external"
_HOST_MODULES = ("_frozen_importlib", _LOADER, "zipimport", "pkgutil", "_pytest.capture")
# Modules in C with functions that ask, which are always loaded.
_NOT_ANEW = ("posix", "_io", "_thread", "_posixsubprocess", "atexit")
# C code that opens files and tells nobody.
_UNSEEN = (("_dbm", "open"), ("_gdbm", "open"))


def current():
    """The machine that is installed for the running thread or task, or None."""
    return asking.found()


def is_here():
    """Whether a machine is installed for the running code, or was when it was begun."""
    return asking.stay() is not None


def skip(names: "list[str]") -> None:
    """The names of modules whose code acts on the host, in place of those told before."""
    asking.skip(names)


class Installed(Block):
    """What `machine.installed()` gives: a context manager that can be entered again."""

    def __init__(
        self, machine: "Machine", threads: bool, strict: bool, everywhere: bool = False
    ) -> None:
        self._machine = machine
        self._threads = threads or strict or everywhere
        self._strict = strict
        self._everywhere = everywhere

    def pause(self, paused: bool) -> None:
        """With True, all that is inside is on the host, until this is called with False."""
        for stay in self._entered:
            stay.pause(paused)

    def move(self, machine: "Machine") -> None:
        """All that is inside is on another machine from now on."""
        self._machine = machine
        for stay in self._entered:
            stay.move(machine)

    def __enter__(self) -> "Machine":
        is_over = None if self._everywhere else task_is_over()
        stay = Stay(self._machine, self._threads, self._strict, is_over, self._everywhere)
        try:
            stay.hold()
            _layer.enter(self._strict)
            self._entered.append(stay)
            stay.begin()
            return self._machine
        except BaseException:  # also an interrupt, after which there is no way out
            stay.end()
            if stay in self._entered:
                self._entered.remove(stay)
            raise


class Begun:
    """What was handed over inside, to be called later: on the machine, or an error."""

    def __init__(self, stay, function):
        self._stay = stay
        self._function = function

    def __call__(self, *args, **kwargs):
        return self._stay.run(self._function, *args, **kwargs)

    def __eq__(self, other):
        return self._function == (other._function if type(other) is Begun else other)

    def __hash__(self):
        return hash(self._function)

    def __repr__(self):
        return repr(self._function)


class _Layer:
    """All that asks for the machine, put in with the first that is installed."""

    def __init__(self):
        self._lock = lock_over_forks()
        self._in = False  # all of it
        self._begun = False  # some of it
        self._prepared = False
        self._functions = {}  # Python's own -> _InCode
        self._mappings = []
        self._host = None
        self._watch = Watch({*_OF_MODULES, *_HOST_MODULES}, self._has_come)

    # A signal's handler may interrupt each of these and install a machine itself: it finds what is
    # not all in, does it itself, and what was interrupted does again what is done.

    def enter(self, strict):
        if not self._prepared:
            self._watch.begin()
            for name in _OF_MODULES:  # another thread may be importing it: not with our lock held
                wait_for(name)
        with self._lock:
            if not self._in or self._is_behind():
                self._put_in()
            if strict:
                self._prepare_strict()

    def leave(self):
        with self._lock:
            if not asking.is_held():
                self._take_out()
            if asking.is_held() and not self._in:
                self._put_in()

    def _is_behind(self):
        # os was loaded anew, and has other variables.
        return not self._mappings[0].is_of(interpreter.os.environ)

    def _put_in(self):
        if not self._prepared:
            self._prepare()
        if self._is_behind():
            for number, name in enumerate(("environ", "environb")):
                self._mappings[number] = Variables(getattr(interpreter.os, name), name)
        self._begun = True
        _set_host_modules()
        self._watch.begin()
        for name in _OF_MODULES:
            self._prepare_module(name)
        for function in list(self._functions.values()):
            function.put_in()
        for mapping in self._mappings:
            mapping.put_in()
        # The host's own calls go on using the host's functions.
        host.path, host.environ = host._path, self._mappings[-1].apart
        host._aside = True
        self._exchange(True)
        kinship.hold(self, host._names)
        self._in = True

    def _take_out(self):
        if not self._begun:
            return
        self._in = False
        kinship.release(self)
        self._exchange(False)
        host._aside = False
        host.path, host.environ = self._host
        for mapping in self._mappings:
            mapping.take_out()
        for function in list(self._functions.values()):
            function.take_out()
        self._in = self._begun = False

    def _exchange(self, wanted):
        kinds = [_io.FileIO]
        for kind in kinds:
            kinds.extend(kind.__subclasses__())
        asking.exchange(wanted, kinds, vars(_io.FileIO)["__init__"])

    def _prepare(self):
        _refuse_traces()
        asking.tell_when_gone(self.leave)
        for function, name, of_path, handler in builtins_that_ask():
            asking.stand(
                function, name, of_path, handler, handler in (_by_descriptor, _by_identity)
            )
        for name in ("start_new_thread", "start_new", "start_joinable_thread"):
            if hasattr(_thread, name):
                asking.stand(getattr(_thread, name), name, handler=_start, if_late=True)
        asking.stand(_io.open, "open_file", handler=_open, if_late=True, used_by_us=True)
        asking.stand(_io.open_code, "open_code", handler=_open_code, used_by_us=True)
        asking.stand(_posixsubprocess.fork_exec, "fork_exec", handler=_fork_exec)
        asking.stand(atexit.register, "register", handler=_register, if_late=True)
        for function, name, of_path in functions_that_ask():
            self._add(function, _of_machine(name, of_path))
        self._add(weakref.finalize.__init__, _finalize)
        loads = sys.modules["_frozen_importlib"].BuiltinImporter.create_module
        self._functions.setdefault(loads, _InCode(loads, _load_builtin, True))
        system = interpreter.os
        if not self._prepared:
            self._mappings = [
                Variables(system.environ, "environ"),
                Variables(system.environb, "environb"),
                Variables(host._names["environb"], "environb"),
                Variables(host._names["environ"], "environ"),
            ]
            self._host = host.path, host.environ
        self._prepared = True

    def _add(self, function, act, whoever=False):
        self._functions.setdefault(function, _InCode(function, act, whoever))

    def _prepare_module(self, name: str) -> None:
        # What isn't loaded has no functions that somebody could hold; see _has_come().
        module = sys.modules.get(name)
        for parts, act in _OF_MODULES.get(name, ()) if module is not None else ():
            function: Any = module
            for part in parts:
                function = getattr(function, part, None)
            if type(function) is MethodType:
                function = function.__func__
            if type(function) is FunctionType and function not in self._functions:
                self._add(function, act, act is find_distributions)

    def _has_come(self, name):
        with self._lock:
            if self._begun:
                _set_host_modules()
                self._prepare_module(name)
                self._put_all_in()

    def _put_all_in(self):
        for function in list(self._functions.values()):
            function.put_in()

    def _prepare_strict(self):
        asking.refuse_in_strict()
        for name, function in _UNSEEN:
            try:
                module = __import__(name)
            except ImportError:
                continue
            asking.stand(getattr(module, function), function, handler=_refuse_unseen, if_late=True)
        if self._in:
            self._exchange(True)


def _set_host_modules():
    modules = [module for name in _HOST_MODULES if (module := sys.modules.get(name))]
    asking.set_host_modules([vars(module) for module in modules], vars(sys.modules[_LOADER]))


def builtins_that_ask():
    """The builtin functions that are the machine's: each with its name and what handles it."""
    system, paths = interpreter.os, interpreter.posixpath
    seen = set()
    facade = host._names
    for names, of_path in (
        (vars(facade["path"]), True),
        (facade, False),
        (vars(paths), True),
        (vars(system), False),
        (vars(interpreter.register_at_fork.__self__), False),
    ):
        owners = (host, host._path, interpreter.register_at_fork.__self__)
        for name, function in list(names.items()):
            if (
                type(function) is BuiltinFunctionType
                and any(function.__self__ is owner for owner in owners)
                and function not in seen
                and is_affected(name, of_path)
                and is_affected(function.__name__, of_path)
            ):
                seen.add(function)
                yield function, name, of_path, _handler(name, Path if of_path else Machine)


def _touches(name):
    try:
        return table.touched_by(name)
    except AttributeError:
        return None


def is_affected(name, of_path):
    """Whether a function of os, or of os.path, acts on the machine that is installed."""
    touches = _touches(f"path.{name}" if of_path else name) or _touches(name)
    return table.by_identity(name) or (name not in _NO_VERBS and touches not in _ALONE)


def _handler(name, kind):
    if name == "_create_environ":
        return lambda stay, plain: dict(asking.machine_of(stay).environb)
    if _touches(name) == table.OPENED:  # whose file it is, it says also after the way out
        return _by_descriptor
    if table.by_identity(name):
        return _by_identity
    return None if hasattr(kind, name) else _refuse_unknown


def functions_that_ask():
    """Those functions of os and os.path written in Python that a machine has itself."""
    system, paths = interpreter.os, interpreter.posixpath
    shared = sys.modules.get("genericpath", paths)
    seen = set()
    for module, of_path in ((system, False), (paths, True), (shared, True)):
        for name, function in list(vars(module).items()):
            if (
                type(function) is FunctionType
                and function.__module__ in ("os", "posixpath", "genericpath")
                and not name.startswith("_")
                and is_affected(name, of_path)
                and hasattr(Path if of_path else Machine, name)
                and function not in seen
            ):
                seen.add(function)
                yield function, name, of_path


def _refuse_traces():
    # From 3.15 on its compiled traces go to a builtin function without a look at its object.
    compiler = getattr(sys, "_jit", None)
    if sys.version_info >= (3, 15) and compiler is not None and compiler.is_enabled():
        raise MachineUnavailable(
            "compiled code of this interpreter passes by what is installed", "PYTHON_JIT=0"
        )


# ---- what takes the place of a function


class _InCode:
    """A function written in Python that asks, by code which is put in the place of its own.

    `whoever`: whether it asks for all callers, the import system, too.
    """

    def __init__(self, function, act, whoever=False):
        self._function = function
        self._act = act
        self._whoever = whoever
        self._before = self._now = None

    def put_in(self):
        function = self._function
        code = function.__code__
        if code is self._now:
            return
        if code is not self._before:
            original = FunctionType(
                code, function.__globals__, function.__name__, closure=function.__closure__
            )
            self._before, self._now = (
                code,
                code_like(code, _asking_first(original, self._act, self._whoever)),
            )
        function.__code__ = self._now

    def take_out(self):
        if self._function.__code__ is self._now:
            self._function.__code__ = self._before


def _asking_first(original, act, whoever=False):
    if act is None:

        def ask(*args, **kwargs):
            with OnHost():
                return original(*args, **kwargs)
    else:

        def ask(*args, **kwargs):
            stay = asking.stay()
            # The code that calls is behind the one in whose place this is.
            if stay is None:
                return original(*args, **kwargs)
            if not whoever and asking.is_host(sys._getframe(2)):
                with OnHost():  # what it calls itself asks, too
                    return original(*args, **kwargs)
            return act(stay, original, *args, **kwargs)

    return ask


def _of_machine(name, of_path):
    def act(stay, original, *args, **kwargs):
        machine = asking.machine_of(stay)
        return getattr(machine.path if of_path else machine, name)(*args, **kwargs)

    return act


def _refuse_unknown(stay, plain, *args, **kwargs):
    raise NotImplementedError(f"a machine has no {plain.__name__}, and it would act on the host")


def _refuse_unseen(stay, plain, *args, **kwargs):
    if not stay.strict:
        return plain(*args, **kwargs)
    raise RuntimeError(
        f"{plain.__module__}.{plain.__name__} would act on the host's files, not on the machine; "
        f"{asking.INSTEAD}"
    )


def _start(stay, plain, *args, **kwargs):
    if stay.threads and args and not asking.is_serving():
        return plain(_InThread(stay, args[0]), *args[1:], **kwargs)
    return plain(*args, **kwargs)


class _InThread(Begun):
    """The function of a thread that is begun inside."""

    def __call__(self, *args, **kwargs):
        return self._stay.run_thread(self._function, *args, **kwargs)


def _by_descriptor(stay, plain, *args, **kwargs):
    machine = stay.machine
    return (plain if machine is None else getattr(machine, plain.__name__))(*args, **kwargs)


def _by_identity(stay, plain, *args, **kwargs):
    machine = stay.machine
    is_anothers = getattr(machine, "_is_anothers", False)
    return (getattr(machine, plain.__name__) if is_anothers else plain)(*args, **kwargs)


def _open(stay, plain, *args, **kwargs):
    if (machine := stay.machine) is not None:
        return machine.open_file(*args, **kwargs)
    if isinstance(args[0] if args else kwargs.get("file"), int):
        return plain(*args, **kwargs)
    raise asking.late()


def _open_code(stay, plain, path):
    return asking.machine_of(stay).open_file(path, "rb")


def _fork_exec(stay, plain, *args):
    if not args[1]:  # no program: it is the question whether one may fork at all (processes.py)
        return plain(*args)
    if sys._getframe(1).f_globals.get("__name__") == "multiprocessing.util":
        if stay.strict:
            problem = f"multiprocessing starts its interpreter on the host; {asking.INSTEAD}"
            raise RuntimeError(problem)
        return plain(*args)
    from ostler.installation import subprocess

    return subprocess.fork_exec(asking.machine_of(stay), *args)


def _gettempdir():
    found = WeakKeyDictionary()

    def act(stay, original):
        machine = asking.machine_of(stay)
        if machine not in found:
            found[machine] = sys.modules["tempfile"]._get_default_tempdir()
        return found[machine]

    return act


def _submit(stay, original, pool, function, /, *args, **kwargs):
    # The worker that this may start serves others, too: it is on no machine itself.
    return threads.workers.run(original, pool, Begun(stay, function), *args, **kwargs)


def _make_pool(stay, original, pool, workers=None, name="", initializer=None, *args, **kwargs):
    if initializer is not None:
        initializer = Begun(stay, initializer)
    return original(pool, workers, name, initializer, *args, **kwargs)


def _finalize(stay, original, finalizer, owner, function, /, *args, **kwargs):
    return original(finalizer, owner, Begun(stay, function), *args, **kwargs)


def _register(stay, plain, function, *args, **kwargs):
    caller = sys._getframe(1)
    module = caller.f_globals.get("__name__")
    if module == "weakref" or (caller.f_code.co_name == "<module>" and module != "__main__"):
        # What serves the whole process, and only happens to be first used or imported here.
        return plain(function, *args, **kwargs)
    plain(Begun(stay, function), *args, **kwargs)
    return function


def _load_builtin(stay, original, spec):
    if spec.name in _NOT_ANEW:
        # The new one's functions would be others, which don't ask.
        raise RuntimeError(f"{spec.name} can't be loaded anew while a machine is installed")
    return original(spec)


def _reload(stay, original, module):
    if module is interpreter.os:
        # Its new variables would be the host's, whoever asks.
        raise RuntimeError("os can't be loaded anew while a machine is installed")
    return original(module)


def _mktemp(stay, original, factory, *args, **kwargs):
    # A directory of the machine's, at the path that it would have on the host.
    machine = asking.machine_of(stay)
    if getattr(machine, "_tmp_is_hosts", False):
        with OnHost():
            return original(factory, *args, **kwargs)
    machine.makedirs(factory.getbasetemp(), exist_ok=True)
    return original(factory, *args, **kwargs)


# Functions of modules that may be loaded: what they do for code inside; None: they are the host's.
_ACTS = {name: dict.fromkeys(paths) for name, paths in _FOR_THE_HOST.items()} | {
    "importlib": {"reload": _reload},
    "_pytest.tmpdir": {
        "TempPathFactory.getbasetemp": None,
        "TempPathFactory.mktemp": _mktemp,
    },
    "importlib.metadata": {"MetadataPathFinder.find_distributions": find_distributions},
    "importlib_metadata": {"MetadataPathFinder.find_distributions": find_distributions},
    "importlib.resources._common": {"from_package": from_package},
    "importlib_resources._common": {"from_package": from_package},
    **threads.OF_MODULES,
    "tempfile": {"_gettempdir": _gettempdir()},
    "concurrent.futures.thread": {
        "ThreadPoolExecutor.submit": _submit,
        "ThreadPoolExecutor.__init__": _make_pool,
    },
}
# The same as each way in needs it: by module, [(the parts of a name, what it does)].
_OF_MODULES = {
    name: [(path.split("."), act) for path, act in acts.items()] for name, acts in _ACTS.items()
}
_layer = _Layer()
