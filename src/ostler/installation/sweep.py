"""A sweep through what modules hold: where given objects are, by their identity.

Made for thousands of classes and functions: every value costs a look into a small table, and
nothing is called.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_functions as pyf

# What is said of a place: a value of a dict, an attribute of a class, one within a staticmethod
# there, defaults of a function, keyword defaults of one.
ITEM, ATTRIBUTE, STATIC, DEFAULTS, KEYWORD = 0, 1, 2, 3, 4


@cython.cclass
class Sweep:
    """A search for objects. They must live as long as it does."""

    def __cinit__(self, wanted):
        # A table with room for four times as many, which ends its searches soon.
        size: cython.size_t = 64
        number: cython.size_t
        while size < 4 * cython.cast(cython.size_t, len(wanted)):
            size *= 2
        self.mask = size - 1
        self.table = cython.cast(
            cython.pointer(cython.size_t), libc.calloc(size, cython.sizeof(cython.size_t))
        )
        if self.table == cython.NULL:
            raise MemoryError
        for each in wanted:
            number = each
            at: cython.size_t = (number >> 4) & self.mask
            while self.table[at] != 0:
                at = (at + 1) & self.mask
            self.table[at] = number

    def __dealloc__(self):
        libc.free(self.table)

    def namespace(self, names: dict, module: str) -> list:
        """[(what, place, key)] of a module's globals, its own classes and functions."""
        found: list = []
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        while pyf.PyDict_Next(
            names, cython.address(pos), cython.address(key), cython.address(value)
        ):
            if self.has(value):
                found.append((ITEM, names, cython.cast(object, key)))
            elif pyf.is_heap_class(value):
                if self.is_of(py.text_in(pyf.class_dict(value), "__module__"), module):
                    self.look_into_class(found, cython.cast(object, value))
            elif pyf.is_function(value) and self.is_of(pyf.PyFunction_GetModule(value), module):
                self.look_at_defaults(found, cython.cast(object, value))
        return found

    def is_of(self, name, module):
        if name == cython.cast(cython.pointer(py.PyObject), module):
            return True
        return (
            name != cython.NULL
            and py.is_exact_text(name)
            and pyf.PyUnicode_Compare(cython.cast(object, name), module) == 0
        )

    def has(self, value):
        number: cython.size_t = cython.cast(cython.size_t, value)
        at: cython.size_t = (number >> 4) & self.mask
        while self.table[at] != 0:
            if self.table[at] == number:
                return True
            at = (at + 1) & self.mask
        return False

    def look_into_class(self, found, kind):
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        names = cython.cast(object, pyf.class_dict(cython.cast(cython.pointer(py.PyObject), kind)))
        while pyf.PyDict_Next(
            names, cython.address(pos), cython.address(key), cython.address(value)
        ):
            if self.has(value):
                found.append((ATTRIBUTE, kind, cython.cast(object, key)))
            elif pyf.is_function(value):
                self.look_at_defaults(found, cython.cast(object, value))
            elif pyf.is_static_or_class_method(value):
                method = cython.cast(object, value)
                inner = method.__func__
                if self.has(cython.cast(cython.pointer(py.PyObject), inner)):
                    if isinstance(method, staticmethod):
                        found.append((STATIC, kind, cython.cast(object, key)))
                elif pyf.is_function(cython.cast(cython.pointer(py.PyObject), inner)):
                    self.look_at_defaults(found, inner)
        return 0

    def look_at_defaults(self, found, function):
        values: cython.pointer(py.PyObject) = pyf.PyFunction_GetDefaults(function)
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        i: cython.Py_ssize_t
        if values != cython.NULL:
            for i in range(pyf.tuple_size(values)):
                if self.has(pyf.tuple_item(values, i)):
                    found.append((DEFAULTS, function, None))
                    break
        values = pyf.PyFunction_GetKwDefaults(function)
        if values != cython.NULL and pyf.is_dict(values):
            names = cython.cast(object, values)
            while pyf.PyDict_Next(
                names, cython.address(pos), cython.address(key), cython.address(value)
            ):
                if self.has(value):
                    found.append((KEYWORD, names, cython.cast(object, key)))
        return 0
