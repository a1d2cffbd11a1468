"""A sweep through what modules hold: where given objects are, by their identity.

Made for hundreds of modules, and thousands of classes and functions. Every value costs a look into
a small table, and nothing is called, nor made, until all has been looked at. What takes the time is
the memory: so what is found is not followed at once, but put into a queue, and memory is asked for
all that stands there before the first of it is needed.
"""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_dicts as pyd
from cython.cimports.ostler.core import python_functions as pyf

from ostler.core.interpreter import ModuleType

# What is said of a place: a value of a dict, an attribute of a class, one within a staticmethod
# there, defaults of a function, keyword defaults of one.
ITEM, ATTRIBUTE, STATIC, DEFAULTS, KEYWORD = 0, 1, 2, 3, 4

_MODULE = cython.declare(str, "__module__")
_OURS = cython.declare(str, "ostler")


def _sample(last) -> dict:
    names: dict = {"a": 1, "b": 2, "c": 3, last: 4}
    del names["b"]
    return names


@cython.cfunc
def _is_laid_out(names: dict) -> cython.bint:
    return pyd.is_laid_out(cython.cast(cython.pointer(py.PyObject), names))


# Whether dicts have their entries where this looks for them.
_has_entries = cython.declare(cython.bint, _is_laid_out(_sample("d")) and _is_laid_out(_sample(1)))


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
        self.functions_end, self.classes_end = self.functions, self.classes
        self.rest_end = self.rest
        self.copied = []

    def __dealloc__(self):
        i: cython.size_t
        for i in range(self.count):
            py.Py_DECREF(self.found[i].holder)
            py.Py_XDECREF(self.found[i].key)
        libc.free(self.found)

    def modules(self, untouched, ours=()) -> list:
        """[(what, place, key)] of all modules, but those with these ids, and ostler's own.

        `ours`: the names of those of ostler's own that are looked at all the same.
        """
        # A copy, which nobody changes meanwhile, and which keeps the modules.
        loaded: dict = dict(sys.modules)
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        names: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        seen: Identities = _of_ids(untouched, len(loaded) + len(untouched))
        kept: list = []
        count: cython.Py_ssize_t = 0
        many = cython.cast(
            cython.pointer(Named), libc.malloc((len(loaded) + 1) * cython.sizeof(Named))
        )
        if many == cython.NULL:
            raise MemoryError
        try:
            while pyf.PyDict_Next(
                loaded, cython.address(pos), cython.address(key), cython.address(value)
            ):
                pyd.fetch(value)
            pos = 0
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
                if not pyf.is_dict(names):  # what only says it is a module may have anything
                    continue
                # Under two names: once is enough.
                if not _is_left(cython.cast(object, key), ours) and seen.add(value):
                    many[count].holder, many[count].module = names, key
                    count += 1
            # From here on nothing of Python's runs, so that what is borrowed stays.
            self.through_modules(many, count)
        finally:
            libc.free(many)
        return self.told()

    def through_modules(self, many, count):
        i: cython.Py_ssize_t
        for i in range(min(count, 24)):
            pyd.fetch_dict(many[i].holder)
        for i in range(min(count, 12)):
            pyd.fetch_keys(many[i].holder)
        for i in range(count):
            if i + 24 < count:
                pyd.fetch_dict(many[i + 24].holder)
            if i + 12 < count:
                pyd.fetch_keys(many[i + 12].holder)
            if i + 4 < count:
                pyd.fetch_entries(many[i + 4].holder)
            if i + 1 < count:
                pyd.fetch_values(many[i + 1].holder)
            self.through_module(many[i].holder, many[i].module)
        self.through_classes()
        self.through_rest()
        self.through_functions()
        return 0

    # What values are is hard to foretell, and a wrong guess costs the processor as much as ten
    # values do. So these loops don't ask: each value is written at the end of each queue, and what
    # it is decides whether the end moves on.

    def through_module(self, names, module):
        held: pyd.entries
        at: cython.pointer(cython.pointer(py.PyObject))
        value: cython.pointer(py.PyObject)
        functions: cython.pointer(Named)
        classes: cython.pointer(Named)
        marks: cython.p_char = self.wanted.marks
        mask: cython.size_t = self.wanted.marks_mask
        self.entries_of(names, cython.address(held))
        at = held.value
        while at < held.end:
            # In this order, for classes give more functions.
            classes, functions = self.room_for_classes(), self.room_for_functions()
            chunk = pyd.chunk_after(cython.address(held), at)
            while at < chunk:
                value = at[0]
                if value != cython.NULL:
                    if marks[cython.cast(cython.size_t, value) >> 4 & mask] and self.wanted.has(
                        value
                    ):
                        self.put(ITEM, names, at[-1])
                    else:
                        functions.holder, functions.module = value, module
                        functions += pyf.is_function(value)
                        classes.holder, classes.module = value, module
                        classes += pyf.is_class(value)
                at += held.step
            self.functions_end, self.classes_end = functions, classes
        return 0

    def through_class(self, kind, module):
        held: pyd.entries
        at: cython.pointer(cython.pointer(py.PyObject))
        value: cython.pointer(py.PyObject)
        functions: cython.pointer(Named)
        rest: cython.pointer(Attribute)
        marks: cython.p_char = self.wanted.marks
        mask: cython.size_t = self.wanted.marks_mask
        self.entries_of(pyf.class_dict(kind), cython.address(held))
        if not pyf.same_text(_module_of(cython.address(held)), module):
            return 0
        at = held.value
        while at < held.end:
            rest, functions = self.room_for_rest(), self.room_for_functions()
            chunk = pyd.chunk_after(cython.address(held), at)
            while at < chunk:
                value = at[0]
                if value != cython.NULL:
                    if marks[cython.cast(cython.size_t, value) >> 4 & mask] and self.wanted.has(
                        value
                    ):
                        self.put(ATTRIBUTE, kind, at[-1])
                    else:
                        functions.holder, functions.module = value, cython.NULL
                        functions += pyf.is_function(value)
                        rest.kind, rest.key, rest.value = kind, at[-1], value
                        rest += pyf.may_be_method(value)
                at += held.step
            self.functions_end, self.rest_end = functions, rest
        return 0

    def room_for_functions(self):
        if self.functions_end - self.functions > QUEUE - pyd.CHUNK:
            self.through_functions()
        return self.functions_end

    def room_for_classes(self):
        if self.classes_end - self.classes > QUEUE - pyd.CHUNK:
            self.through_classes()
        return self.classes_end

    def room_for_rest(self):
        if self.rest_end - self.rest > QUEUE - pyd.CHUNK:
            self.through_rest()
        return self.rest_end

    def through_classes(self):
        kinds: cython.pointer(Named) = self.classes
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t = self.classes_end - self.classes
        heap: cython.Py_ssize_t = 0
        for i in range(count):
            pyf.fetch_class(kinds[i].holder)
        for i in range(count):
            if pyf.is_heap_class(kinds[i].holder):
                kinds[heap] = kinds[i]
                heap += 1
                pyd.fetch_dict(pyf.class_dict(kinds[i].holder))
        for i in range(heap):
            pyd.fetch_keys(pyf.class_dict(kinds[i].holder))
        for i in range(min(heap, 6)):
            pyd.fetch_entries(pyf.class_dict(kinds[i].holder))
        for i in range(min(heap, 3)):
            pyd.fetch_values(pyf.class_dict(kinds[i].holder))
        for i in range(heap):
            if i + 6 < heap:
                pyd.fetch_entries(pyf.class_dict(kinds[i + 6].holder))
            if i + 3 < heap:
                pyd.fetch_values(pyf.class_dict(kinds[i + 3].holder))
            self.through_class(kinds[i].holder, kinds[i].module)
        self.classes_end = self.classes
        return 0

    def through_rest(self):
        # What may be a staticmethod or a classmethod.
        at: cython.pointer(Attribute) = self.rest
        inner: cython.pointer(py.PyObject)
        functions: cython.pointer(Named)
        while at < self.rest_end:
            inner = pyf.within_method(at.value)
            if inner != cython.NULL:
                if self.wanted.has(inner):
                    if pyf.is_static_method(at.value):
                        self.put(STATIC, at.kind, at.key)
                elif pyf.is_function(inner):
                    functions = self.room_for_functions()
                    functions.holder, functions.module = inner, cython.NULL
                    self.functions_end = functions + 1
            at += 1
        self.rest_end = self.rest
        return 0

    def through_functions(self):
        functions: cython.pointer(Named) = self.functions
        function: cython.pointer(py.PyObject)
        values: cython.pointer(py.PyObject)
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t = self.functions_end - self.functions
        left: cython.Py_ssize_t = 0
        for i in range(count):
            pyf.fetch_function(functions[i].holder)
        for i in range(count):
            function = functions[i].holder
            values = pyf.of_function(function, False)
            if values != cython.NULL:
                pyd.fetch(values)
                py.give_back(values)
            else:
                values = pyf.of_function(function, True)
                if values == cython.NULL:
                    continue
                py.give_back(values)
            if functions[i].module == cython.NULL or pyf.is_of(function, functions[i].module):
                functions[left].holder = function
                left += 1
        for i in range(left):
            self.through_defaults(functions[i].holder)
        self.functions_end = self.functions
        return 0

    def through_defaults(self, function):
        values: cython.pointer(py.PyObject) = pyf.of_function(function, False)
        held: pyd.entries
        i: cython.Py_ssize_t
        if values != cython.NULL:
            for i in range(pyf.tuple_size(values)):
                if self.wanted.has(pyf.tuple_item(values, i)):
                    self.put(DEFAULTS, function, cython.NULL)
                    break
            py.give_back(values)
        values = pyf.of_function(function, True)
        if values != cython.NULL and pyf.is_dict(values):
            self.entries_of(values, cython.address(held))
            while held.value < held.end:
                if held.value[0] != cython.NULL and self.wanted.has(held.value[0]):
                    self.put(KEYWORD, values, held.value[-1])
                held.value += held.step
        py.give_back(values)
        return 0

    def entries_of(self, names, held):
        # They stay until all has been told.
        if _has_entries and pyd.entries_of(names, held):
            return 0
        if py.FREE_THREADED:
            # Others change the dict meanwhile, but not this one.
            kept: dict = cython.cast(dict, names).copy()
            self.copied.append(kept)
            names = cython.cast(cython.pointer(py.PyObject), kept)
        count: cython.size_t = pyf.dict_size(names)
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        room = py.PyBytes_FromStringAndSize(
            cython.NULL, 2 * (count + 1) * cython.sizeof(cython.p_void)
        )
        self.copied.append(room)
        held.value = (
            cython.cast(cython.pointer(cython.pointer(py.PyObject)), py.PyBytes_AS_STRING(room)) + 1
        )
        held.end, held.step = held.value, 2
        while count and pyf.next_in(
            names, cython.address(pos), cython.address(key), cython.address(value)
        ):
            held.end[-1], held.end[0] = key, value
            held.end += 2
            count -= 1
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
        self.copied.clear()
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
@cython.exceptval(check=False)
def _module_of(held: cython.pointer(pyd.entries)) -> cython.pointer(py.PyObject):
    # A class statement puts it first. It is not looked up, for that could ask another key, which is
    # no text, whether it is equal.
    name = cython.cast(cython.pointer(py.PyObject), _MODULE)
    at: cython.pointer(cython.pointer(py.PyObject)) = held.value
    while at < held.end:
        if at[0] != cython.NULL and at[-1] == name:
            return at[0]
        at += held.step
    at = held.value
    while at < held.end:
        if at[0] != cython.NULL and pyf.same_text(at[-1], name):
            return at[0]
        at += held.step
    return cython.NULL


@cython.cfunc
@cython.exceptval(-1)
def _is_left(name, ours) -> cython.bint:
    # Whether a module of this name is one of ostler's, and none of these.
    if type(name) is not str:
        return False
    text: str = name
    if not text.startswith(_OURS) or text in ours:
        return False
    return text == _OURS or text.startswith("ostler.")
