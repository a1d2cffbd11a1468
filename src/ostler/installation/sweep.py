"""A sweep through what modules hold: where given objects are, by their identity.

Made for hundreds of modules, and thousands of classes and functions: every value costs a look into
a small table, and nothing is called, nor made, until all has been looked at.
"""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_functions as pyf

from ostler.core.interpreter import ModuleType

# What is said of a place: a value of a dict, an attribute of a class, one within a staticmethod
# there, defaults of a function, keyword defaults of one.
ITEM, ATTRIBUTE, STATIC, DEFAULTS, KEYWORD = 0, 1, 2, 3, 4

_MODULE = cython.declare(str, "__module__")
_OURS = cython.declare(str, "ostler")


@cython.final
@cython.cclass
class Identities:
    """A set of objects by where they are in memory. They must live as long as it does."""

    def __cinit__(self, most: cython.size_t):
        # A table with room for four times as many, which ends its searches soon; and before it a
        # mark for each of many more places, since nearly all that is asked for is not there.
        room: cython.size_t = 64
        while room < 4 * most:
            room *= 2
        self.mask = room - 1
        self.marks_mask = 8 * room - 1
        self.table = cython.cast(
            cython.pointer(cython.size_t), libc.calloc(room, cython.sizeof(cython.size_t))
        )
        self.marks = cython.cast(cython.p_char, libc.calloc(8 * room, 1))
        if self.table == cython.NULL or self.marks == cython.NULL:
            raise MemoryError

    def __dealloc__(self):
        libc.free(self.table)
        libc.free(self.marks)

    def has(self, value):
        number: cython.size_t = cython.cast(cython.size_t, value) >> 4
        if not self.marks[number & self.marks_mask]:
            return False
        at: cython.size_t = number & self.mask
        while self.table[at] != 0:
            if self.table[at] == number:
                return True
            at = (at + 1) & self.mask
        return False

    def add(self, value):
        # Whether it is new.
        number: cython.size_t = cython.cast(cython.size_t, value) >> 4
        at: cython.size_t = number & self.mask
        while self.table[at] != 0:
            if self.table[at] == number:
                return False
            at = (at + 1) & self.mask
        self.table[at] = number
        self.marks[number & self.marks_mask] = 1
        return True


@cython.final
@cython.cclass
class Sweep:
    """A search for the objects that have these ids."""

    def __cinit__(self, wanted):
        self.wanted = _of_ids(wanted, len(wanted))

    def __dealloc__(self):
        i: cython.size_t
        for i in range(self.count):
            py.Py_DECREF(self.found[i].holder)
            py.Py_XDECREF(self.found[i].key)
        libc.free(self.found)

    def modules(self, untouched, ours) -> list:
        """[(what, place, key)] of all modules, but those with these ids.

        Of ostler's own only those of these names.
        """
        # A copy, which nobody changes meanwhile, and which keeps the modules.
        loaded: dict = dict(sys.modules)
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        names: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        seen: Identities = _of_ids(untouched, len(loaded) + len(untouched))
        kept: list = []
        while pyf.PyDict_Next(
            loaded, cython.address(pos), cython.address(key), cython.address(value)
        ):
            if pyf.is_module(value):
                names = pyf.module_dict(value)
            else:
                try:
                    if not isinstance(cython.cast(object, value), ModuleType):
                        continue
                    kept.append(vars(cython.cast(object, value)))  # it says so itself
                except Exception:  # or says it has none
                    continue
                names = cython.cast(cython.pointer(py.PyObject), kept[-1])
            if not _is_left(cython.cast(object, key), ours) and seen.add(value):
                self.through_module(names, key)  # under two names: once is enough
        return self.told()

    def namespace(self, names: dict, module: str) -> list:
        """The same of a module's globals, its own classes and functions."""
        self.through_module(
            cython.cast(cython.pointer(py.PyObject), names),
            cython.cast(cython.pointer(py.PyObject), module),
        )
        return self.told()

    def through_module(self, names, module):
        block: pyf.block
        value: cython.pointer(py.PyObject)
        i: cython.int
        count: cython.int
        block.after = 0
        count = pyf.next_of(names, cython.address(block))
        while count:
            for i in range(count):
                value = block.values[i]
                if self.wanted.has(value):
                    self.put(ITEM, names, block.keys[i])
                elif pyf.is_function(value):
                    if pyf.same_text(pyf.function_module(value), module):
                        self.through_defaults(value)
                elif pyf.is_heap_class(value):
                    if pyf.same_text(pyf.class_module(value, _MODULE), module):
                        self.through_class(value)
            count = pyf.next_of(names, cython.address(block))
        return 0

    def through_class(self, kind):
        names: cython.pointer(py.PyObject) = pyf.class_dict(kind)
        block: pyf.block
        value: cython.pointer(py.PyObject)
        inner: cython.pointer(py.PyObject)
        i: cython.int
        count: cython.int
        block.after = 0
        count = pyf.next_of(names, cython.address(block))
        while count:
            for i in range(count):
                value = block.values[i]
                if self.wanted.has(value):
                    self.put(ATTRIBUTE, kind, block.keys[i])
                elif pyf.is_function(value):
                    self.through_defaults(value)
                else:
                    inner = pyf.within_method(value)
                    if inner == cython.NULL:
                        continue
                    if self.wanted.has(inner):
                        if pyf.is_static_method(value):
                            self.put(STATIC, kind, block.keys[i])
                    elif pyf.is_function(inner):
                        self.through_defaults(inner)
            count = pyf.next_of(names, cython.address(block))
        return 0

    def through_defaults(self, function):
        values: cython.pointer(py.PyObject) = pyf.function_defaults(function)
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        i: cython.Py_ssize_t
        if values != cython.NULL:
            for i in range(pyf.tuple_size(values)):
                if self.wanted.has(pyf.tuple_item(values, i)):
                    self.put(DEFAULTS, function, cython.NULL)
                    break
        values = pyf.function_keyword_defaults(function)
        if values != cython.NULL and pyf.is_dict(values):
            while pyf.next_in(
                values, cython.address(pos), cython.address(key), cython.address(value)
            ):
                if self.wanted.has(value):
                    self.put(KEYWORD, values, key)
        return 0

    def put(self, what, holder, key):
        # Kept as it is, for what Python makes of it could set its garbage collector off.
        if self.count == self.room:
            room: cython.size_t = 2 * self.room + 64
            more = cython.cast(
                cython.pointer(Place), libc.realloc(self.found, room * cython.sizeof(Place))
            )
            if more == cython.NULL:
                raise MemoryError
            self.found, self.room = more, room
        py.Py_INCREF(holder)
        if key != cython.NULL:
            py.Py_INCREF(key)
        self.found[self.count].what = what
        self.found[self.count].holder = holder
        self.found[self.count].key = key
        self.count += 1
        return 0

    def told(self):
        places: list = []
        place: Place
        while self.count:
            self.count -= 1
            place = self.found[self.count]
            key = None if place.key == cython.NULL else cython.cast(object, place.key)
            places.append((place.what, cython.cast(object, place.holder), key))
            py.Py_DECREF(place.holder)
            py.Py_XDECREF(place.key)
        places.reverse()
        return places


@cython.cfunc
def _of_ids(ids, most: cython.size_t) -> Identities:
    made: Identities = Identities(most)
    number: cython.size_t
    for number in ids:
        made.add(cython.cast(cython.p_void, number))
    return made


@cython.cfunc
@cython.exceptval(-1)
def _is_left(name, ours) -> cython.bint:
    # Whether a module of this name is one of ostler's that stays as it is.
    if type(name) is not str:
        return False
    text: str = name
    if not text.startswith(_OURS) or text in ours:
        return False
    return text == _OURS or text.startswith("ostler.")
