"""Asking: functions of the interpreter that look for a machine before they act.

A Stay is one machine's time of being installed. It is found by the context of the running code,
which tasks and other copies of it inherit, or, where it was begun outside of any task, by the
thread. One that is everywhere holds for all code of the process. What still belongs to a Stay that
has ended gets an error: neither the host nor another machine is meant.
"""

from _operator import is_not

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_functions as pyf

_current = cython.declare(object, pyf.PyContextVar_New(b"ostler_machine", cython.NULL))
_THREAD = cython.declare(object, "ostler_stays")
_places = cython.declare(list, [])  # of functions: the name, whether it is path's, handler ...
_host_modules = cython.declare(list, [])  # the globals of what acts on the host, whoever calls it
_skipped = cython.declare(frozenset, frozenset())  # names of modules that do, with what they use
_library = cython.declare(frozenset, frozenset())  # names of the standard library's
_loader = cython.declare(object, None)
_partial = cython.declare(object, None)
_begun = cython.declare(cython.long, 0)
_open = cython.declare(cython.long, 0)  # stays in all threads
_everywhere = cython.declare(list, [])  # those of them that hold for all code of the process
_strict = cython.declare(cython.long, 0)  # those of them that refuse
_hooked = cython.declare(cython.bint, False)
_held = cython.declare(cython.long, 0)  # stays for which the functions have to ask, ended or not
_when_gone = cython.declare(object, None)


@cython.cclass
class Stay:
    """One installation of a machine, from the way in to the way out; of the host without one."""

    def __init__(self, machine, threads=False, strict=False, is_over=None, everywhere=False):
        self.machine = machine
        self.everywhere = everywhere
        self.on_host = machine is None
        self.threads = threads
        self.strict = strict
        self.is_over = is_over
        self.ended = True

    def __del__(self):
        # Until now there may have been something that was begun in it, and would ask.
        if self.counted and not py.Py_IsFinalizing():
            self.counted = False
            if _add(cython.address(_held), -1) == 0 and _when_gone is not None:
                _when_gone()

    def hold(self):
        """From now on until it is gone the functions have to ask."""
        if not self.counted:
            self.counted = True
            _add(cython.address(_held), 1)

    def begin(self):
        """It is the running code's from now on, and its thread's unless a task has begun it."""
        self.before = _of_context()
        if not self.on_host:
            self.thread = _everywhere if self.everywhere else _of_thread(True)
            self.thread.append(self)
            _add(cython.address(_open), 1)
            _add(cython.address(_strict), self.strict)
        self.number = _add(cython.address(_begun), 1)
        self.ended = False
        pyf.PyContextVar_Set(_current, self)

    def end(self):
        """It is over, in whatever order and whichever context the ends come."""
        over: cython.bint
        with cython.critical_section(self):
            over = self.ended
            self.ended = True
        if over:
            return
        here: Stay = _of_context()
        before: Stay = self.before
        with cython.critical_section(self):
            self.after = before
        if here is self:
            pyf.PyContextVar_Set(_current, before)
        else:
            while here is not None and here.before is not self:
                here = here.outer()
            if here is not None:
                with cython.critical_section(here):
                    here.before = before
        if not self.on_host:
            self.thread.remove(self)
            _add(cython.address(_open), -1)
            _add(cython.address(_strict), -cython.cast(cython.long, self.strict))
            # Other threads may be looking at these. What goes with them goes when they are out.
            machine = self.machine
            with cython.critical_section(self):
                self.machine = self.before = None

    def outer(self):
        with cython.critical_section(self):
            return self.before

    @property
    def is_current(self):
        """Whether it is the one of the running context."""
        return _of_context() is self

    @property
    def is_of_this_thread(self):
        """Whether it is this thread's to end."""
        return self.everywhere or (self.thread is not None and self.thread is _of_thread(False))

    def pause(self, paused):
        """With True, what it holds for is on the host until this is called with False."""
        self.paused = paused

    def move(self, machine):
        """It is another machine's from now on."""
        with cython.critical_section(self):
            if not self.ended:
                self.machine = machine

    def serve_all(self):
        """Have the host's Stay hold for what serves others: one that is everywhere goes before."""
        self.serves = True

    def run(self, function, /, *args, **kwargs):
        """Call what was begun in it, wherever that is done."""
        token = pyf.PyContextVar_Set(_current, self)
        try:
            return function(*args, **kwargs)
        finally:
            pyf.PyContextVar_Reset(_current, token)

    def run_thread(self, function, /, *args, **kwargs):
        """Call the function of a new thread, whose code is in it from beginning to end."""
        pyf.PyContextVar_Set(_current, self)
        return function(*args, **kwargs)


@cython.cclass
class Block:
    """What ends the stays that a context manager begins, each in one step that no signal parts."""

    def __cinit__(self, *args, **kwargs):
        self._entered = []

    def __exit__(self, *exception):
        while True:
            stay = self._own()
            try:
                self._entered.remove(stay)
                break
            except ValueError:  # another thread has ended it meanwhile
                pass
        stay.end()
        # The functions stop asking when the last that holds the stay has gone: see __del__ there.

    def _own(self):
        # Of several threads or tasks that use this object each ends its own.
        stay: Stay
        entered: list = self._entered[::-1]
        for stay in entered:
            if _of_context() is stay:
                return stay
        for stay in entered:
            if stay.is_of_this_thread:
                return stay
        if not entered:
            stay = _of_context()
            if stay is not None and stay.ended:
                pyf.PyContextVar_Set(_current, stay.after)
            raise RuntimeError("this block has ended already, in another thread or task")
        return entered[0]


@cython.cfunc
def _of_context() -> Stay:
    value: cython.pointer(py.PyObject) = cython.NULL
    pyf.PyContextVar_Get(_current, cython.NULL, cython.address(value))
    if value == cython.NULL:
        return None
    found = cython.cast(object, value)
    py.Py_DECREF(value)
    return found


@cython.cfunc
def _of_thread(make: cython.bint) -> list:
    # This thread's stays; they go with the state that the interpreter keeps of it.
    state: cython.pointer(py.PyObject) = pyf.PyThreadState_GetDict()
    found: cython.pointer(py.PyObject)
    if state == cython.NULL:
        return [] if make else None
    held: dict = cython.cast(dict, state)
    found = py.PyDict_GetItemWithError(held, _THREAD)
    if found != cython.NULL:
        return cython.cast(list, found)
    if not make:
        return None
    made: list = []
    held[_THREAD] = made
    return made


@cython.cfunc
def _now() -> Stay:
    # The stay that the running code belongs to, which may have ended; None: the host.
    found: Stay = _of_context()
    newest: Stay
    while found is not None and found.on_host and found.ended:
        found = found.outer()
    if found is not None:
        if found.on_host:
            if not found.serves or not _everywhere:
                return None
            found = None
        elif found.ended:
            # A thread that a test has begun may serve those after it; between them it is late.
            if not found.everywhere or not _everywhere:
                return found
            found = None
        elif _open == 1:
            return None if found.paused else found
    elif _open == 0:
        return None
    stays: list = _of_thread(False)
    if stays is not None:
        for newest in stays[::-1]:  # another thread may end one of them meanwhile
            if found is not None and newest.number <= found.number:
                break
            # What a task has begun is the thread's when the task is gone without ending it.
            if newest.is_over is None or newest.is_over():
                found = newest
                break
    if _everywhere:
        for newest in _everywhere[-1:]:  # another thread may end it meanwhile
            if found is None or newest.number > found.number:
                found = newest
    return None if found is not None and found.paused else found


@cython.cfunc
@cython.exceptval(-1)
def _is_host(names: dict, ours: cython.bint) -> cython.bint:
    for known in _host_modules:
        if known is names:
            return known is not _loader or not _serves_py_compile()
    if not ours:
        return False
    lent: cython.pointer(py.PyObject) = py.lent_in(
        cython.cast(cython.pointer(py.PyObject), names), "__name__"
    )
    if lent == cython.NULL:
        return False
    name = py.kept(lent)
    return type(name) is str and cython.cast(str, name).startswith("ostler.")


@cython.cfunc
@cython.exceptval(-1)
def _serves_py_compile() -> cython.bint:
    # Which reads and writes files of the program's by the functions of the import system.
    frame = cython.cast(object, pyf.PyEval_GetFrame())
    while frame is not None and frame.f_globals is _loader:
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "py_compile"


@cython.cfunc
@cython.exceptval(-1)
def _for_host(ours: cython.bint) -> cython.bint:
    # Whether the running code serves the interpreter, or is ours.
    names: cython.pointer(py.PyObject) = pyf.PyEval_GetGlobals()
    if names == cython.NULL:
        return False
    if _is_host(cython.cast(dict, names), ours):
        return True
    return len(_skipped) > 0 and _is_skipped(cython.cast(object, pyf.PyEval_GetFrame()))


@cython.cfunc
@cython.exceptval(-1)
def _is_skipped(frame) -> cython.bint:
    # Whether the code that calls, by the standard library perhaps, is a module's that was skipped.
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if type(name) is not str:
            return False
        if name in _skipped:
            return True
        if cython.cast(str, name).partition(".")[0] not in _library:
            return False
        frame = frame.f_back
    return False


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _add(to: cython.pointer(cython.long), number: cython.long) -> cython.long:
    # Several threads count.
    return libc.atomic_add(to, number, libc.ATOMIC_SEQ_CST)


def late():
    """The error of what was begun inside and runs after the way out."""
    return RuntimeError(
        "this was begun while a machine was installed, and runs after the way out: it acts on none"
    )


def stay():
    """The Stay that the running code belongs to, which may have ended, or None: the host."""
    return _now()


def is_serving():
    """Whether the running code begins what serves others, too, and is on no machine itself."""
    found: Stay = _of_context()
    return found is not None and found.serves and not found.ended


def found():
    """The machine on which the running code acts, or None: the host."""
    now: Stay = _now()
    if now is None:
        return None
    return machine_of(now)


@cython.ccall
def machine_of(now: Stay):
    """The machine of a Stay that is not the host's; RuntimeError after its end.

    Another thread may end it at any moment: then it has none.
    """
    with cython.critical_section(now):
        machine = now.machine
    if machine is None:
        raise late()
    return machine


def is_host(frame):
    """Whether the code of this frame acts on the host, whoever calls it."""
    if _is_host(frame.f_globals, False):
        return True
    return len(_skipped) > 0 and _is_skipped(frame)


def is_held():
    """Whether there is a Stay for which the functions have to ask."""
    return _held > 0


def tell_when_gone(function):
    """Have a function called when the last machine's Stay is held by nothing any more."""
    global _when_gone
    _when_gone = function


def set_host_modules(modules, loader):
    """The globals of modules whose own calls act on the host; `loader`: the import system's."""
    global _loader
    # They are looked at without a lock, and seldom others than before.
    if len(modules) != len(_host_modules) or any(map(is_not, modules, _host_modules)):
        _host_modules[:] = modules
    if _loader is not loader:
        _loader = loader


def skip(names):
    """The names of modules whose code acts on the host, whatever it calls; in place of others."""
    global _skipped, _library
    if not _library:
        import sys

        _library = sys.stdlib_module_names
    _skipped = frozenset(names)


# ---- builtin functions


def stand(function, name, of_path=False, handler=None, if_late=False, used_by_us=False):
    """Let a builtin function ask for the machine, from the next exchange() on.

    On a machine its method `name` is called, or that of its path; or the handler, with the Stay
    and the function as it was before the arguments; `if_late` also after the way out. Called
    by our own modules, one that is `used_by_us` acts on the host.
    """
    global _partial
    if _partial is None:
        import functools

        _partial = functools.partial
        pyf.ask = _ask
        pyf.ask_opening = _ask_opening
    at: cython.int = pyf.place_of(function)
    while len(_places) <= at:
        _places.append(None)
    _places[at] = name, of_path, handler, if_late, used_by_us


def exchange(asking: cython.bint, types, wrapper):
    """Let all functions ask, or give them back as they were; and what makes files ready."""
    pyf.exchange(asking)
    for kind in types:
        pyf.exchange_init(kind, asking)
    pyf.exchange_wrapped(wrapper, asking)


def asks(function):
    """Whether a builtin function asks for the machine now."""
    return pyf.asks(function)


@cython.cfunc
@cython.exceptval(-1, check=False)
def _ask(at: cython.int, other: cython.pointer(cython.pointer(py.PyObject))) -> cython.int:
    now: Stay = _now()
    if now is None:
        return 0
    name, of_path, handler, if_late, used_by_us = cython.cast(tuple, _places[at])
    if _for_host(used_by_us):
        return 0
    if now.ended and not if_late:
        raise late()
    if handler is not None:
        instead = _partial(handler, now, pyf.plain(at))
    elif of_path:
        instead = getattr(machine_of(now).path, name)
    else:
        instead = getattr(machine_of(now), name)
    py.Py_INCREF(cython.cast(cython.pointer(py.PyObject), instead))
    other[0] = cython.cast(cython.pointer(py.PyObject), instead)
    return 0


@cython.cfunc
@cython.exceptval(-1, check=False)
def _ask_opening(
    given: cython.pointer(py.PyObject),
    keywords: cython.pointer(py.PyObject),
    other: cython.pointer(cython.pointer(py.PyObject)),
    other_keywords: cython.pointer(cython.pointer(py.PyObject)),
) -> cython.int:
    # FileIO(file, mode, closefd, opener): on a machine with an opener of the machine.
    now: Stay = _now()
    if now is None or _for_host(True):
        return 0
    args: tuple = cython.cast(tuple, given)
    named: dict = {} if keywords == cython.NULL else dict(cython.cast(dict, keywords))
    file = args[0] if args else named.get("file")
    if file is None or hasattr(file, "__index__"):
        return 0
    if (args[3] if len(args) > 3 else named.get("opener")) is not None:
        return 1
    named["opener"] = _opener(machine_of(now))
    args = args[:3] + args[4:]
    py.Py_INCREF(cython.cast(cython.pointer(py.PyObject), args))
    py.Py_INCREF(cython.cast(cython.pointer(py.PyObject), named))
    other[0] = cython.cast(cython.pointer(py.PyObject), args)
    other_keywords[0] = cython.cast(cython.pointer(py.PyObject), named)
    return 1


@cython.cfunc
def _opener(machine):
    return lambda path, flags: machine.open(path, flags, 0o666)


# ---- refusing

INSTEAD = "a test with @pytest.mark.scratch(process=True) has all code act on its machine"


def refuse_in_strict():
    """From the first strict Stay on, look at what C code tells of the files that it opens."""
    global _hooked
    if not _hooked:
        pyf.PySys_AddAuditHook(_hook, cython.NULL)
        _hooked = True


@cython.cfunc
@cython.exceptval(-1, check=False)
def _hook(
    event: cython.p_const_char, given: cython.pointer(py.PyObject), data: cython.p_void
) -> cython.int:
    if _strict == 0 or not pyf.may_mean_files(event):
        return 0
    now: Stay = _now()
    if now is None or not now.strict or now.ended or _for_host(True):
        return 0
    name: bytes = event
    args: tuple = cython.cast(tuple, given)
    if _is_file(name, args):
        raise RuntimeError(
            f"{name.decode()} of {args[-1] if name != b'open' else args[0]!r} would act on the "
            f"host's files, not on {machine_of(now)!r}; {INSTEAD}"
        )
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _is_file(event: bytes, args: tuple) -> cython.bint:
    if event == b"open":
        # Of os.open there is no mode; and that one asks for the machine itself.
        return not pyf.opening and args[1] is not None and not hasattr(args[0], "__index__")
    if event == b"ctypes.dlopen":
        return args[0] is not None
    if event == b"sqlite3.connect":
        file = args[0]
        if isinstance(file, bytes):
            file = file.decode("utf-8", "replace")
        return not isinstance(file, str) or not (
            file in ("", ":memory:")
            or (file.startswith("file:") and (":memory:" in file or "mode=memory" in file))
        )
    if event.startswith(b"socket."):
        address = args[-1]  # a path, but for an abstract name
        return isinstance(address, (str, bytes)) and address[:1] not in ("", b"", "\0", b"\0")
    return True
