"""The environment: variables as one coherent mapping, text and bytes."""

import sys

import cython
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, verb
from cython.cimports.ostler.core.environ import (
    EnvironCore,
    bytes_view,
    check_name,
    clear_variables,
    copied,
    environ_of,
    process_variables,
    set_variable,
    unset_variable,
)

from ostler.core.environ import _Environ

_environ_type = cython.declare(
    cython.pointer(py.PyTypeObject), cython.cast(cython.pointer(py.PyTypeObject), _Environ)
)
_whole_getenv = cython.declare(py.quick_t)

CONSTANTS = {"supports_bytes_environ": True}
TYPES = {"_Environ": _Environ}


def of_process(machine: Core, /):
    """The environ of the machine that this process stands on: changes are the process's own."""
    return environ_of(process_variables(), machine)


def of_variables(variables=(), /):
    """An environ of its own, bound to no process, from a mapping or pairs of text or bytes."""
    if py.Py_TYPE(cython.cast(cython.pointer(py.PyObject), variables)) == _environ_type:
        made = copied(cython.cast(EnvironCore, variables))
        if made is not None:
            return made
    made = environ_of({}, None)
    for key, value in dict(variables).items():
        made[_as_text(key)] = _as_text(value)
    return made


def as_bytes(environ: EnvironCore, /):
    """The bytes view of an environ, one with it."""
    return bytes_view(environ)


@cython.cfunc
def _as_text(value):
    return py.PyUnicode_DecodeFSDefaultAndSize(value, len(value)) if type(value) is bytes else value


@cython.cfunc
def _fs_bytes(value):
    # As the interpreter's file system converter: str, bytes or PathLike, no NUL inside.
    return py.fs_bytes(value)


@cython.cfunc
def _quick_getenv(
    self,
    given: cython.pointer(cython.pointer(py.PyObject)),
    count: cython.Py_ssize_t,
    names: cython.pointer(py.PyObject),
):
    if names == cython.NULL and (count == 1 or count == 2):
        environ = verb(cython.cast(Core, self), "environ")
        if py.Py_TYPE(cython.cast(cython.pointer(py.PyObject), environ)) == _environ_type:
            if cython.cast(EnvironCore, environ).ours:
                return cython.cast(EnvironCore, environ).looked_up(
                    cython.cast(object, given[0]),
                    None if count == 1 else cython.cast(object, given[1]),
                )
    return _whole_getenv(self, given, count, names)


@cython.cclass
class Environment(Core):
    """The calls of os that are about the environment."""

    @property
    def environb(self):
        """The environ as bytes."""
        return bytes_view(self.environ)

    def getenv(self, key, default=None):
        """The value of a variable, or the default."""
        environ = verb(self, "environ")
        if isinstance(environ, EnvironCore) and cython.cast(EnvironCore, environ).ours:
            return cython.cast(EnvironCore, environ).looked_up(key, default)
        return environ.get(key, default)

    def getenvb(self, key, default=None):
        """The value of a variable as bytes, or the default."""
        return verb(self, "environb").get(key, default)

    def putenv(self, name, value, /):
        """Set a variable of the process, which environ does not see; setenv(3)."""
        key = _fs_bytes(name)
        text = _fs_bytes(value)
        check_name(key)
        if self._names is not None:
            set_variable(key, text)
        else:
            bytes_view(self.environ)[key] = text

    def unsetenv(self, name, /):
        """Remove a variable of the process, which environ does not see; unsetenv(3)."""
        key = _fs_bytes(name)
        if self._names is not None:
            unset_variable(key)
        else:
            bytes_view(self.environ).pop(key, None)

    def reload_environ(self):
        """Bring environ up to date with changes that were made behind its back."""
        if self._names is None:
            return
        data = verb(self, "environ")
        if isinstance(data, EnvironCore):
            cython.cast(EnvironCore, data).store.reload()
        else:
            found = process_variables()
            data.clear()
            data.update(environ_of(found, None))

    def _create_environ(self):
        """The variables of the process as they are, as reload_environ() takes them."""
        return process_variables() if self._names is not None else dict(self.environb)

    def _clearenv(self):
        """Remove every variable of the process, which environ does not see; clearenv(3)."""
        if self._names is None:
            bytes_view(self.environ).clear()
            return
        clear_variables()

    def read_env(self, path=".env", *, expand=False, encoding="utf-8"):
        """The variables of a .env file as a dict of str, None for a name without a value.

        Nothing is set: environ.update(...) and environ.overlay(...) take the result. With
        `expand` ${NAME} stands for a variable of the file or else of environ. Read by
        python-dotenv, which the extra ostler[dotenv] installs; ImportError without it.
        """
        from ostler.verbs.dotenv import read

        return read(self, path, expand, encoding)

    def get_exec_path(self, env=None):
        """The directories of PATH, in which a program is looked for, as a list of text."""
        if env is None:
            env = verb(self, "environ")
        if sys.flags.bytes_warning:
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BytesWarning)
                path = _path_of(env)
        else:
            path = _path_of(env)
        if path is None:
            path = verb(self, "defpath")
        return path.split(verb(self, "pathsep"))


_whole_getenv = py.in_front(Environment, b"getenv", _quick_getenv)


@cython.cfunc
def _path_of(env):
    try:
        path = env.get("PATH")
    except TypeError:
        path = None
    try:
        raw = env[b"PATH"]
    except (KeyError, TypeError):
        pass
    else:
        if path is not None:
            raise ValueError("env cannot contain 'PATH' and b'PATH' keys")
        path = raw
    if isinstance(path, bytes):
        path = py.PyUnicode_DecodeFSDefaultAndSize(path, len(path))
    return path
