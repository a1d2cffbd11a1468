"""The whole crossing between a Python call and the kernel.

Every call travels the same four steps: *take* (convert) its arguments, *place* its path,
make one system call with the GIL released, and *settle* (check) the result::

    w: Where
    kept = take(cython.address(w), path, "rmdir", "path", 0)
    w.dir = to_dir_fd(dir_fd)
    with cython.nogil:
        r = self.place(cython.address(w), ENTRY)
        if r == 0:
            r = libc.unlinkat(w.dir, w.name, libc.AT_REMOVEDIR)
        r = settle(cython.address(w), r)
    if r:
        raise failure(r, kept)

Only `place` differs between machines: the host hands the path on as it is, a rooted machine
resolves it below its own root.
"""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.numbers import to_fd_or_overflow

_UTF8 = cython.declare(
    cython.bint,
    (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()) == ("utf-8", "surrogateescape"),
)
_CLOSED = cython.declare(cython.long, 1 << 20)
_GONE = cython.declare(cython.long, 1 << 24)
ABSENT = libc.OSTLER_ABSENT  # the value of a constant that the headers lacked
_CLASSES = {}  # errno -> (exception class, message), filled as they occur


@cython.cclass
class Core:
    """What all machines share: how a path is placed, and where compositions find primitives."""

    _acts = False  # whether the kind says what its paths and its programs are

    @property
    def path(self):
        """The machine's os.path."""
        with cython.critical_section(self):
            shown = self.shown
        if shown is not None:
            return shown
        if self.lent != cython.NULL:
            return cython.cast(object, self.lent)
        return self.its_path()

    @path.setter
    def path(self, value):
        with cython.critical_section(self):
            self.shown = value

    def its_path(self):
        return None

    def is_hooked(self, name):
        # Whether a call of it may fail on purpose; asked where there are any.
        with cython.critical_section(self):
            hooked = self._hooked
        return hooked is not None and name in hooked

    def door(self):
        with cython.critical_section(self):
            return self._door

    # A machine that says nothing of its own has no files, and starts no programs.

    def place(self, w, purpose):
        return _refuse()

    def open_at(self, w, flags, mode):
        return _refuse()

    def mkdir_at(self, w, mode):
        return _refuse()

    def mknod_at(self, w, mode, device):
        return _refuse()

    def may_go(self, w, directory):
        return _refuse()

    def may_move(self, w, w2, flags):
        return _refuse()

    def has_mounts(self):
        return False

    def file_mask(self):
        raise plain_failure(libc.ENOSYS)

    def enter(self, s):
        raise plain_failure(libc.ENOSYS)


def record_children(machine: Core, door):
    """Have what a machine starts be recorded from now on, or no longer (None); the Door before."""
    with cython.critical_section(machine):
        before = machine._door
        machine._door = door
    return before


def _refuse():
    libc.errno = libc.ENOSYS
    return -1


@cython.cclass
class HostCore(Core):
    """The machine that this process stands on: the kernel gets each path as the caller gave it."""

    _acts = True

    def place(self, w, purpose):
        return 0

    def open_at(self, w, flags, mode):
        return libc.openat(w.dir, w.name, flags, mode)

    def mkdir_at(self, w, mode):
        return libc.mkdirat(w.dir, w.name, mode)

    def mknod_at(self, w, mode, device):
        return libc.mknodat(w.dir, w.name, mode, device)

    def may_go(self, w, directory):
        return 0

    def may_move(self, w, w2, flags):
        return 0

    def file_mask(self):
        from ostler.core.umask import process_umask

        return process_umask()

    def enter(self, s):
        return 0


_host = cython.declare(object, None)


def the_host():
    """The machine that this process stands on, for what stands below ostler.machine."""
    return _host


def be_host(machine):
    """This machine is the one that the process stands on; said once, by who has made it."""
    global _host
    _host = machine


def take(w, path, function, argument, allow):
    """Convert a path argument; return what an error names, which also keeps the text alive.

    The rules and messages are those of the interpreter's own path converter.
    """
    size: cython.Py_ssize_t = 0
    w.fd = -1
    w.flags = 0
    w.held = -1
    w.life = cython.NULL
    w.dir = libc.AT_FDCWD
    w.name = cython.NULL
    if not py.PyUnicode_Check(path) and not py.PyBytes_Check(path):
        if path is None and allow & ALLOW_NONE:
            return None
        if allow & ALLOW_FD and py.PyIndex_Check(path):
            w.fd = to_fd_or_overflow(path)
            if py.PY_VERSION_HEX >= 0x030F0000 and w.fd == -1:
                w.fd = -2  # since 3.15 a descriptor like any other: the call itself fails
            return path
        if py.PY_VERSION_HEX < 0x030C0000 and py.PyObject_CheckBuffer(path):
            message = _should_be(path, function, argument, allow)
            py.PyErr_WarnEx(DeprecationWarning, message.encode(), 1)
            encoded = py.PyBytes_FromObject(path)
            return _bytes(w, encoded, (path, encoded), function, argument)
        path = _fspath(path, function, argument, allow)
    if py.PyUnicode_Check(path):
        if py.PyUnicode_IS_COMPACT_ASCII(path):
            w.name = py.PyUnicode_DATA(path)
            size = py.PyUnicode_GET_LENGTH(path)
        else:
            encoded = _encoded(path)
            if encoded is None:
                w.name = py.PyUnicode_AsUTF8AndSize(path, cython.address(size))
            else:
                w.name = py.PyBytes_AS_STRING(encoded)
                size = py.PyBytes_GET_SIZE(encoded)
                if libc.strlen(w.name) == cython.cast(cython.size_t, size):
                    return (path, encoded)
        if libc.strlen(w.name) != cython.cast(cython.size_t, size):
            if py.PY_VERSION_HEX < 0x030D0000:
                raise ValueError("embedded null byte")
            raise ValueError(f"{function}: embedded null character in {argument}")
        return path
    return _bytes(w, path, path, function, argument)


@cython.cfunc
def _bytes(w: cython.pointer(Where), path, kept, function, argument):
    w.name = py.PyBytes_AS_STRING(path)
    if libc.strlen(w.name) != cython.cast(cython.size_t, py.PyBytes_GET_SIZE(path)):
        raise ValueError(f"{function}: embedded null character in {argument}")
    return kept


@cython.cfunc
def _encoded(path):
    # None when the text's own UTF-8 form serves; else the bytes, surrogates escaped.
    size: cython.Py_ssize_t = 0
    if _UTF8:
        try:
            py.PyUnicode_AsUTF8AndSize(path, cython.address(size))
            return None
        except UnicodeEncodeError:
            pass
    return py.PyUnicode_EncodeFSDefault(path)


@cython.cfunc
def _should_be(path, function, argument, allow: cython.int):
    if allow & ALLOW_FD:
        kinds = (
            "string, bytes, os.PathLike, integer or None"
            if allow & ALLOW_NONE
            else ("string, bytes, os.PathLike or integer")
        )
    else:
        kinds = (
            "string, bytes, os.PathLike or None"
            if allow & ALLOW_NONE
            else ("string, bytes or os.PathLike")
        )
    return f"{function}: {argument} should be {kinds}, not {type(path).__name__}"


@cython.cfunc
def _fspath(path, function, argument, allow: cython.int):
    kind = type(path)
    method = getattr(kind, "__fspath__", None)
    if method is None:
        raise TypeError(_should_be(path, function, argument, allow))
    text = method(path)
    if not py.PyUnicode_Check(text) and not py.PyBytes_Check(text):
        raise TypeError(
            f"expected {kind.__name__}.__fspath__() to return str or bytes, "
            f"not {type(text).__name__}"
        )
    return text


def settle(w, result):
    # 0, or the errno of a failed call; closes what place() opened.
    number: cython.int = 0
    if result < 0:
        number = libc.errno
    if w.held >= 0:
        libc.close(w.held)
        w.held = -1
    if w.life != cython.NULL:
        leave(w.life)
        w.life = cython.NULL
        if w.acting:
            take_off()
    return number


def come_in(life):
    if libc.atomic_add(cython.address(life.calls), 1, libc.ATOMIC_SEQ_CST) < _CLOSED:
        return True
    leave(life)
    libc.errno = libc.EBADF
    return False


def leave(life):
    if libc.atomic_add(cython.address(life.calls), -1, libc.ATOMIC_SEQ_CST) == _CLOSED:
        _give_back(life)
    return 0


def end(life):
    if libc.atomic_add(cython.address(life.calls), _CLOSED, libc.ATOMIC_SEQ_CST) == _CLOSED:
        _give_back(life)
    return 0


def end_in_copy(life):
    # Who was inside in the other process is not in this one.
    closed: cython.bint = life.calls >= _CLOSED
    given: cython.bint = life.calls >= _GONE
    life.calls = 0
    if closed:
        life.calls = _CLOSED
        if given:
            life.calls += _GONE
        else:
            _give_back(life)
    return 0


def _give_back(life):
    # Several may find that nobody is inside, since who comes too late is counted for a moment.
    i: cython.int
    if (
        libc.atomic_add(cython.address(life.calls), _GONE, libc.ATOMIC_SEQ_CST)
        < _CLOSED + 2 * _GONE
    ):
        for i in range(LIFE_FDS):
            if life.fds[i] >= 0:
                libc.close(life.fds[i])
                life.fds[i] = -1
    return 0


def plain_failure(number):
    """The exception of the right class for this errno, naming no path."""
    kind, message = _kind(number)
    return kind(number, message)


def failure(number, kept):
    """The exception of the right class for this errno, naming one path."""
    kind, message = _kind(number)
    return kind(number, message, named(kept))


def failure2(number, kept, kept2):
    """The exception of the right class for this errno, naming two paths."""
    kind, message = _kind(number)
    return kind(number, message, named(kept), None, named(kept2))


@cython.cfunc
def _kind(number: cython.int):
    known = _CLASSES.get(number)
    if known is None:
        if number == 0:
            message = "Error"  # as in os: some of libc's functions fail and say nothing of it
        else:
            message = py.PyUnicode_DecodeLocale(libc.strerror(number), b"surrogateescape")
        known = _CLASSES[number] = (type(OSError(number, message)), message)
    return known


def named(kept):
    """What an error or an audit event names, of what take() returned."""
    return kept[0] if type(kept) is tuple else kept


def is_own(machine, name):
    """Whether verb(machine, name) is the machine's own, so that its C path may be taken."""
    if machine._names is None:
        return machine._hooked is None or not machine.is_hooked(name)
    found = py.lent_in(cython.cast(cython.pointer(py.PyObject), machine._names), name)
    own: cython.bint = found == cython.NULL or (
        py.is_builtin(found)
        and py.self_of(found) == cython.cast(cython.pointer(py.PyObject), machine)
    )
    py.give_back(found)
    return own


def struck(machine, call, args):
    """The errno with which a call shall fail that is made here, in C; mostly 0.

    For the steps of a composition: args are the paths and descriptors of the call.
    """
    if machine._hooked is None or not machine.is_hooked(call):
        return 0
    from ostler.core.standers import step

    return step(machine, call, args)


def is_replaced(machine, name, found):
    """Whether the facade's function, or mapping, is one that a program has put there."""
    if py.PyCFunction_Check(found):
        return py.PyCFunction_GET_SELF(found) != cython.cast(cython.pointer(py.PyObject), machine)
    if name == "environ" or name == "environb":
        # The facade's own asks now whose it is; what a test has put there is another mapping.
        return not isinstance(found, type(getattr(machine, name)))
    return name != "path"
