"""Kinship: while ostler stands for os, what is of a class of ours is of os's own class, and back.

A program has os's classes from before, or makes its records then, and asks with isinstance(). So
both classes of a pair get, while somebody holds them, a metaclass that looks at both.
"""

import cython
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_dicts as pyd
from cython.cimports.ostler.core import python_functions as pyf

from ostler.core import interpreter

_twins = cython.declare(dict, {})  # a class -> the other of its pair, while they are kin
_before = cython.declare(dict, {})  # a class -> its metaclass without that
_kinds = cython.declare(dict, {})  # a metaclass -> that with the two checks
_holders = cython.declare(set, set())


class Kin(type):
    """The two checks, for both classes of a pair."""

    def __instancecheck__(cls, instance):
        if super().__instancecheck__(instance):
            return True
        twin = _twins.get(cls)
        return twin is not None and super(Kin, twin).__instancecheck__(instance)

    def __subclasscheck__(cls, kind):
        if super().__subclasscheck__(kind):
            return True
        twin = _twins.get(cls)
        return twin is not None and super(Kin, twin).__subclasscheck__(kind)


def hold(holder, names):
    """Let the classes among a module's names be kin of os's. Once for one holder."""
    if not _holders:
        theirs: dict = vars(interpreter.os)
        for name, kind in _classes_among(names):
            other = theirs.get(name)
            if (
                other is not kind
                and isinstance(other, type)
                and not _has(kind, "__subclasshook__")  # it is told by its methods
            ):
                _join(kind, other)
    _holders.add(holder)


def release(holder):
    """Let them be as before, when nobody else holds them."""
    _holders.discard(holder)
    if not _holders:
        for kind in list(_twins):
            if kind in _before:
                py.set_type(kind, _before.pop(kind))
        _twins.clear()


@cython.cfunc
def _has(kind, name) -> cython.bint:
    if pyf.class_dict(cython.cast(cython.pointer(py.PyObject), kind)) == cython.NULL:
        return name in vars(kind)  # one of the interpreter's own
    return py.in_class(kind, name) != cython.NULL


@cython.cfunc
def _classes_among(names: dict) -> list:
    found: list = []
    key: cython.pointer(py.PyObject)
    value: cython.pointer(py.PyObject)
    pos: cython.Py_ssize_t = 0
    if py.FREE_THREADED:  # others change it meanwhile
        names = names.copy()
    while pyd.next_in(
        cython.cast(cython.pointer(py.PyObject), names),
        cython.address(pos), cython.address(key), cython.address(value),
    ):  # fmt: skip
        if pyf.is_class(value):
            found.append((cython.cast(object, key), cython.cast(object, value)))
    return found


@cython.cfunc
def _join(one, other):
    _twins[one] = other
    _twins[other] = one
    for kind in (one, other):
        if kind not in _before:
            _before[kind] = type(kind)
            py.set_type(kind, _kind_of(type(kind)))


@cython.cfunc
def _kind_of(kind):
    found = _kinds.get(kind)
    if found is None:
        found = Kin if kind is type else type("Kin", (Kin, kind), {})
        # Or they would be found as attributes of classes that have none by that name.
        py.forget(found, b"__module__")
        py.forget(found, b"__doc__")
        py.forget(found, b"__static_attributes__")
        py.forget(found, b"__firstlineno__")
        _kinds[kind] = found
    return found
