"""The mapping behind os.environ: one store of variables, seen as text and as bytes.

A variable's text is kept beside its bytes, so that a look-up neither encodes nor decodes. The
two are in step because every change goes through Store; once a program has taken `_data`, which
it may change behind the mapping's back, only the bytes count.
"""

import sys
from _collections_abc import Mapping, MutableMapping  # loaded by every interpreter

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import is_own, plain_failure, verb

from ostler.core.crossing import the_host
from ostler.core.environ_overlay import Overlay

# C's own, as a global of the module takes longer to find than a variable of the environment.
_PLAIN_ASCII = cython.declare(
    cython.bint, sys.getfilesystemencoding() in ("utf-8", "ascii", "iso8859-1")
)


def encode(value):
    """Text to the bytes of the environment."""
    if not py.PyUnicode_Check(value):
        raise TypeError(f"str expected, not {type(value).__name__}")
    return py.PyUnicode_EncodeFSDefault(value)


def decode(value):
    """The bytes of the environment to text."""
    return py.PyUnicode_DecodeFSDefaultAndSize(value, len(value))


@cython.cfunc
@cython.inline
def text_of(value, given):
    # ASCII is the same forwards and backwards; surrogates that escape bytes need not be.
    if _PLAIN_ASCII and py.PyUnicode_CheckExact(given) and py.PyUnicode_IS_COMPACT_ASCII(given):
        return given
    return decode(value)


def check_bytes(value):
    """Bytes as they are; anything else is refused."""
    if not py.PyBytes_Check(value):
        raise TypeError(f"bytes expected, not {type(value).__name__}")
    return value


def process_variables():
    # As the interpreter reads them: the first of two with one name, none without "=".
    found: dict = {}
    entry: cython.p_const_char
    equals: cython.p_const_char
    table: cython.pointer(cython.p_const_char) = libc.copied_environment()
    if table == cython.NULL:
        raise MemoryError
    at: cython.pointer(cython.p_const_char) = table
    try:
        while at[0] != cython.NULL:
            entry = at[0]
            at += 1
            equals = libc.strchr(entry, b"="[0])
            if equals == cython.NULL:
                continue
            key = py.PyBytes_FromStringAndSize(entry, equals - entry)
            if key not in found:
                found[key] = py.PyBytes_FromString(equals + 1)
    finally:
        libc.free(table)
    return found


def process_entries():
    # The process's own variables as they stand, for a child: with whatever has no "=" too.
    found: list = []
    table: cython.pointer(cython.p_const_char) = libc.copied_environment()
    if table == cython.NULL:
        raise MemoryError
    entry: cython.pointer(cython.p_const_char) = table
    try:
        while entry[0] != cython.NULL:
            found.append(py.PyBytes_FromString(entry[0]))
            entry += 1
    finally:
        libc.free(table)
    return found


def check_name(key):
    if libc.strchr(py.PyBytes_AS_STRING(key), b"="[0]) != cython.NULL:
        raise ValueError("illegal environment variable name")
    return 0


def set_variable(key, value):
    # The process's own environment; NULs and "=" were looked for before.
    error: cython.int = 0
    py.audit2(b"os.putenv", b"OO", key, value)
    if libc.locked_setenv(py.PyBytes_AS_STRING(key), py.PyBytes_AS_STRING(value)):
        error = libc.errno
        raise plain_failure(error)
    return 0


def clear_variables():
    error: cython.int = 0
    py.PySys_Audit(b"os._clearenv", cython.NULL)
    if libc.locked_clearenv():
        error = libc.errno
        raise plain_failure(error)
    return 0


def unset_variable(key):
    error: cython.int = 0
    py.audit1(b"os.unsetenv", b"O", key)
    if libc.locked_unsetenv(py.PyBytes_AS_STRING(key)):
        error = libc.errno
        raise plain_failure(error)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _no_null(value) -> cython.int:
    size: cython.size_t = py.PyBytes_GET_SIZE(value)
    if libc.strlen(py.PyBytes_AS_STRING(value)) != size:
        raise ValueError("embedded null byte")
    return 0


@cython.cclass
class Store:
    """Variables by name; what one view changes, the other sees.

    Without the GIL names are looked up while others are set, with no lock: so the text is one dict
    for ever, and a flag says whether it counts. Each change is made as a whole (see begin_change).
    """

    def put(self, key, value, given, given_value):
        # The name and the value, as bytes and as they were given; None: unlike their text.
        process: cython.bint = False
        error: cython.int = 0
        if self.machine is not None and not is_own(self.machine, "putenv"):
            verb(self.machine, "putenv")(key, value)
        else:
            if not py.PyBytes_Check(key) or not py.PyBytes_Check(value):
                # A mapping made with functions of its own that give something else.
                self.machine.putenv(key, value)
            else:
                _no_null(key)
                _no_null(value)
                check_name(key)
                if self.machine is not None:
                    py.audit2(b"os.putenv", b"OO", key, value)
                    process = True
                elif not key:
                    raise plain_failure(libc.EINVAL)
        name = text = None
        if self.text is not None:
            name = text_of(key, given)
            text = text_of(value, given_value)
        # Where they are of classes of their own, these may have a say in what follows.
        alone: cython.bint = py.PyBytes_CheckExact(key) and py.PyBytes_CheckExact(value)
        if alone:
            py.begin_change()
        try:
            # What is told last to the process is what the mapping has in the end.
            if process and libc.locked_setenv(
                py.PyBytes_AS_STRING(key), py.PyBytes_AS_STRING(value)
            ):
                error = libc.errno
            else:
                self._set(key, value, name, text)
        finally:
            if alone:
                py.end_change()
        if error:
            raise plain_failure(error)
        return 0

    def _set(self, key, value, name, text):
        self.data[key] = value
        if self.in_step:
            self.text[name] = text
        return 0

    def drop(self, key):
        # Whether it was there.
        process: cython.bint = False
        there: cython.bint = False
        error: cython.int = 0
        if self.machine is not None and not (
            py.PyBytes_Check(key) and is_own(self.machine, "unsetenv")
        ):
            verb(self.machine, "unsetenv")(key)
        else:
            _no_null(key)
            if self.machine is not None:
                py.audit1(b"os.unsetenv", b"O", key)
                process = True
            elif not key or libc.strchr(py.PyBytes_AS_STRING(key), b"="[0]) != cython.NULL:
                raise plain_failure(libc.EINVAL)
        name = None if self.text is None else decode(key)
        alone: cython.bint = py.PyBytes_CheckExact(key)  # see put()
        if alone:
            py.begin_change()
        try:
            if process and libc.locked_unsetenv(py.PyBytes_AS_STRING(key)):
                error = libc.errno
            else:
                there = self._delete(key, name)
        finally:
            if alone:
                py.end_change()
        if error:
            raise plain_failure(error)
        return there

    def _delete(self, key, name):
        if key not in self.data:
            return False
        del self.data[key]
        if self.in_step:
            del self.text[name]
        return True

    def reload(self):
        # With the variables as the process has them, and none that is set meanwhile is lost.
        py.begin_change()
        try:
            self._become(process_variables())
        finally:
            py.end_change()
        return 0

    def replace(self, data):
        py.begin_change()
        try:
            self._become(data)
        finally:
            py.end_change()
        return 0

    def _become(self, data):
        if not py.FREE_THREADED:
            if self.data == data and list(self.data) == list(data):
                return 0
            self.data.clear()
            self.data.update(data)
            if self.in_step:
                self.text.clear()
                self.text.update({decode(key): decode(value) for key, value in data.items()})
            return 0
        # In place, and what stays is never missing: others look at it meanwhile.
        self.data.update(data)
        for key in [key for key in self.data.copy() if key not in data]:
            del self.data[key]
        if self.in_step:
            text: dict = {decode(key): decode(value) for key, value in data.items()}
            self.text.update(text)
            for name in [name for name in self.text.copy() if name not in text]:
                del self.text[name]
        return 0

    def now(self):
        # The variables as bytes: the dict itself.
        with cython.critical_section(self):
            return self.data

    def as_text(self):
        if self.in_step:
            return self.text.copy()
        return {decode(key): decode(value) for key, value in self.now().copy().items()}


_NO_DEFAULT = cython.declare(object, object())


@cython.cclass
class EnvironCore:
    """The part of the mapping that is compiled; _Environ makes a MutableMapping of it."""

    def __init__(self, data, encodekey, decodekey, encodevalue, decodevalue):
        self.store = Store()
        self.store.data = data
        self.store.machine = the_host()
        self.kind = GIVEN
        self._encodekey = encodekey
        self._decodekey = decodekey
        self._encodevalue = encodevalue
        self._decodevalue = decodevalue

    @property
    def _data(self):
        py.begin_change()
        self.store.in_step = False
        py.end_change()
        return self.store.now()

    @_data.setter
    def _data(self, data):
        given: dict = data
        py.begin_change()
        self.store.in_step = False
        with cython.critical_section(self.store):
            before = self.store.data  # which goes when all is done
            self.store.data = given
        py.end_change()

    def _carry_over(self, data):
        # installation/process.py: other variables, the process's own environment left as it is.
        self.store.replace(dict(data))

    @property
    def encodekey(self):
        with cython.critical_section(self):
            return self._encodekey

    @encodekey.setter
    def encodekey(self, function):
        with cython.critical_section(self):
            self.kind = GIVEN
            self._encodekey = function

    @property
    def decodekey(self):
        with cython.critical_section(self):
            return self._decodekey

    @decodekey.setter
    def decodekey(self, function):
        with cython.critical_section(self):
            self.kind = GIVEN
            self._decodekey = function

    @property
    def encodevalue(self):
        with cython.critical_section(self):
            return self._encodevalue

    @encodevalue.setter
    def encodevalue(self, function):
        with cython.critical_section(self):
            self.kind = GIVEN
            self._encodevalue = function

    @property
    def decodevalue(self):
        with cython.critical_section(self):
            return self._decodevalue

    @decodevalue.setter
    def decodevalue(self, function):
        with cython.critical_section(self):
            self.kind = GIVEN
            self._decodevalue = function

    def looked_up(self, key, default):
        # The value, or the default. Callers that must know which give the store, never a value.
        value: cython.pointer(py.PyObject)
        if self.kind == TEXT and self.store.in_step and py.PyUnicode_CheckExact(key):
            value = py.lent_text_in(cython.cast(cython.pointer(py.PyObject), self.store.text), key)
            if value != cython.NULL:
                return py.kept(value)
            if _PLAIN_ASCII and py.PyUnicode_IS_COMPACT_ASCII(key):
                return default
        encoded = self.encoded(key)
        data: dict = self.store.now()
        value = py.lent_in(cython.cast(cython.pointer(py.PyObject), data), encoded)
        if value == cython.NULL:
            return default
        found = py.kept(value)
        return self.decodevalue(found)

    def encoded(self, key):
        with cython.critical_section(self):
            function = self._encodekey
        return function(key)

    def __getitem__(self, key):
        value = self.looked_up(key, self.store)
        if value is self.store:
            raise KeyError(key) from None
        return value

    def get(self, key, default=None):
        """The value of a variable, or the default."""
        return self.looked_up(key, default)

    def __contains__(self, key):
        return self.looked_up(key, self.store) is not self.store

    def __setitem__(self, key, value):
        encoded = self.encoded(key)
        with cython.critical_section(self):
            function = self._encodevalue
        if self.kind == TEXT:
            self.store.put(encoded, function(value), key, value)
        else:
            self.store.put(encoded, function(value), None, None)

    def __delitem__(self, key):
        encoded = self.encoded(key)
        if not self.store.drop(encoded):
            raise KeyError(key) from None

    def __iter__(self):
        for key in list(self.store.now()):
            yield self.decodekey(key)

    def __len__(self):
        return len(self.store.now())

    def plain(self):
        # A dict of its own with all the variables.
        if self.kind == TEXT:
            return self.store.as_text()
        data: dict = self.store.now().copy()
        if self.kind == BYTES:
            return data
        return {self.decodekey(key): self.decodevalue(value) for key, value in data.items()}

    def __repr__(self):
        return f"environ({self.plain()!r})"

    def copy(self):
        """A plain dict with all the variables."""
        return self.plain()

    def __copy__(self):
        return _view(type(self), self.store, self)

    def __deepcopy__(self, memo):
        return _view(type(self), _apart(self.store, self.store.machine), self)

    def overlay(self, variables=(), /, **changes):
        """These variables with changes upon them, for children: a mapping and a context manager.

        Changes are str, or None for a variable that is not to be there. The environment itself,
        and so the process, is not touched.
        """
        if self.kind != TEXT:
            raise TypeError("only the environ of text can have an overlay")
        return Overlay(self, {**dict(variables), **changes})

    def clear(self):
        """Remove all variables at once; clearenv(3)."""
        machine = self.store.machine
        if machine is not None and machine._names is not None:
            verb(machine, "_clearenv")()
        elif machine is not None:
            clear_variables()
        py.begin_change()
        try:
            self.store.data.clear()
            if self.store.in_step:
                self.store.text.clear()
        finally:
            py.end_change()

    # Another thread may remove what is just being removed here.

    def pop(self, key, default=_NO_DEFAULT):
        """Remove a variable and return its value; where it is missing the default, or KeyError."""
        try:
            value = self[key]
            del self[key]
        except KeyError:
            if default is _NO_DEFAULT:
                raise
            return default
        return value

    def popitem(self):
        """Remove some variable; return (name, value). KeyError when there is none."""
        for key in self:
            try:
                return key, self.pop(key)
            except KeyError:
                pass
        raise KeyError

    def setdefault(self, key, value):
        """The value of a variable, which is set to the given one if it is missing."""
        if self.looked_up(key, self.store) is self.store:
            self[key] = value
        return self[key]

    def __ior__(self, other):
        self.update(other)
        return self

    def __or__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**self.plain(), **other}

    def __ror__(self, other):
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**other, **self.plain()}


if py.PY_VERSION_HEX < 0x030F0000:
    py.forget(EnvironCore, b"clear")  # one after the other, as any MutableMapping


class _Environ(EnvironCore, MutableMapping):
    """Environment variables; a change is the process's own for the environ of the host."""

    def __reduce__(self):
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")


# The interpreter's fast way of calling a method is for those of the object's very own class.
for _name in ("copy", "get", "setdefault"):
    setattr(_Environ, _name, py.method_for(_Environ, vars(EnvironCore)[_name]))
del _name


@cython.cfunc
def _view(kind, store: Store, like: EnvironCore):
    made: EnvironCore = kind.__new__(kind)
    made.store = store
    made.kind = like.kind
    made.ours = like.ours
    made._encodekey = like._encodekey
    made._decodekey = like._decodekey
    made._encodevalue = like._encodevalue
    made._decodevalue = like._decodevalue
    return made


@cython.cfunc
def _apart(store: Store, machine):
    made: Store = Store()
    made.machine = machine
    py.begin_change()
    try:
        made.data = store.data.copy()
        made.in_step = store.in_step
        if made.in_step:
            made.text = store.text.copy()
    finally:
        py.end_change()
    return made


def copied(environ):
    """An environ of the same variables, bound to no process; None where only its bytes count."""
    store: Store = _apart(environ.store, None)
    return _view(_Environ, store, environ) if environ.kind == TEXT and store.in_step else None


def environ_of(data, machine):
    """An environ over these variables, bytes to bytes; bound to a machine's process, or None."""
    store: Store = Store()
    store.data = data
    store.machine = machine
    # Names interned, as those in a program's text are: equal then means identical.
    store.text = {sys.intern(key): value for key, value in store.as_text().items()}
    store.in_step = True
    made: EnvironCore = _Environ.__new__(_Environ)
    made.store = store
    made.kind = TEXT
    made.ours = True
    made._encodekey = made._encodevalue = encode
    made._decodekey = made._decodevalue = decode
    return made


def bytes_view(environ):
    """The same variables as bytes; ENOSYS of a machine that has none."""
    if environ is None:
        raise plain_failure(libc.ENOSYS)
    with cython.critical_section(environ):
        found = environ.twin
    if found is not None:
        return found
    made: EnvironCore = _Environ.__new__(_Environ)
    made.store = environ.store
    made.kind = BYTES
    made.ours = True
    made._encodekey = made._encodevalue = check_bytes
    made._decodekey = made._decodevalue = bytes
    with cython.critical_section(environ):
        if environ.twin is None:  # else another thread was first meanwhile
            environ.twin = made
        return environ.twin


# A forked copy of the process finds the locks free, whoever held them.
libc.pthread_atfork(libc.lock_environment, libc.unlock_environment, libc.unlock_environment)
libc.pthread_atfork(cython.NULL, cython.NULL, py.forget_changes)
