"""Changes to an environment that only children see: environ.overlay()."""

from _collections_abc import Mapping

import cython
from cython.cimports.cpython.object import PyObject
from cython.cimports.ostler.core import python_functions as pyf

# The overlays in force in this thread or task, outermost first.
_IN_FORCE = pyf.PyContextVar_New(b"ostler.overlays", cython.cast(cython.pointer(PyObject), ()))


class Overlay(Mapping):
    """An environment with changes upon it, which itself stays as it is.

    A mapping, to be given as an `env`. As a context manager: what this thread or task starts
    meanwhile on the environment's machine, and names no environment for, gets this one. A value
    of None stands for a variable that is not there.
    """

    def __init__(self, environ, changes):
        self._environ = environ
        self._changes = changes
        for key, value in changes.items():
            if not isinstance(key, str):
                raise TypeError(f"a variable's name should be str, not {type(key).__name__}")
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{key}: a value should be str or None, not {type(value).__name__}")
            if not key or "=" in key or "\0" in key:
                raise ValueError(f"illegal environment variable name: {key!r}")
            if value is not None and "\0" in value:
                raise ValueError(f"{key}: embedded null character in the value")

    def _whole(self):
        found = dict(self._environ)
        found.update(changes_of(self._environ))
        found.update(self._changes)
        return {key: value for key, value in found.items() if value is not None}

    def __getitem__(self, key):
        return self._whole()[key]

    def __iter__(self):
        return iter(self._whole())

    def __len__(self):
        return len(self._whole())

    def __repr__(self):
        return f"<environ with {self._changes!r}>"

    def __enter__(self):
        _IN_FORCE.set((*_IN_FORCE.get(), self))
        return self

    def __exit__(self, *exception):
        overlays = _IN_FORCE.get()
        last = max(i for i, overlay in enumerate(overlays) if overlay is self)
        _IN_FORCE.set((*overlays[:last], *overlays[last + 1 :]))


def changes_of(environ):
    """The changes in force here upon this environment, by name; mostly none."""
    changes = {}
    for overlay in _IN_FORCE.get():
        if overlay._environ is environ:
            changes.update(overlay._changes)
    return changes
