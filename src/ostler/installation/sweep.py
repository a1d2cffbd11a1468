"""A sweep through what modules hold: where given objects are, by their identity.

Made for hundreds of modules, and thousands of classes and functions. Every value costs a look into
a small table, and nothing is called, nor made, until all has been looked at. What takes the time is
the memory: so a value is looked at when memory has been asked for some more, and what is found is
not followed at once, but put into a queue.
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
ITEM, ATTRIBUTE, STATIC, DEFAULTS, KEYWORD = AN_ITEM, AN_ATTRIBUTE, A_STATIC, A_DEFAULT, A_KEYWORD

_MODULE = cython.declare(str, "__module__")
_NOTHING = cython.declare(object, object())  # which nobody can ask for


def _sample(last) -> dict:
    names: dict = {"a": 1, "b": 2, "c": 3, last: 4}
    del names["b"]
    return names


@cython.cfunc
def _is_laid_out(names: dict) -> cython.bint:
    return pyd.is_laid_out(cython.cast(cython.pointer(py.PyObject), names))


# Whether dicts have their entries where this looks for them.
pyd.laid_out = _is_laid_out(_sample("d")) and _is_laid_out(_sample(1))


@cython.final
@cython.cclass
class Identities:
    """A set of objects by where they are in memory. They must live as long as it does."""

    def __cinit__(self, most: cython.size_t, marked: cython.bint = True):
        # A table with room for twice as many, which ends its searches soon; and before it a bit for
        # each of many more places, since nearly all that is asked for is not there.
        room: cython.size_t = 64
        while room < 2 * most:
            room *= 2
        words: cython.size_t = room // 8 if marked else 1
        self.mask, self.marks_mask = room - 1, words - 1
        self.table = cython.cast(
            cython.pointer(cython.size_t), libc.calloc(room, cython.sizeof(cython.size_t))
        )
        self.marks = cython.cast(
            cython.pointer(cython.ulonglong), libc.calloc(words, cython.sizeof(cython.ulonglong))
        )
        if self.table == cython.NULL or self.marks == cython.NULL:
            raise MemoryError

    def __dealloc__(self):
        libc.free(self.table)
        libc.free(self.marks)

    def has(self, value):
        return (
            pyd.is_marked(self.marks, self.marks_mask, value) and self.table[self.place(value)] != 0
        )

    def place(self, value):
        # Where it is, or would be.
        number: cython.size_t = cython.cast(cython.size_t, value) >> 4
        at: cython.size_t = number & self.mask
        while self.table[at] != 0 and self.table[at] != number:
            at = (at + 1) & self.mask
        return at

    def add(self, value):
        # Whether it is new.
        number: cython.size_t = cython.cast(cython.size_t, value) >> 4
        at: cython.size_t = self.place(value)
        if self.table[at] != 0:
            return False
        self.table[at] = number
        pyd.mark(self.marks, self.marks_mask, value)
        return True


@cython.final
@cython.cclass
class Successors:
    """What takes the place of which object; both are kept. Room for so many pairs as are told."""

    def __cinit__(self, most: cython.size_t):
        self.olds = Identities(most)
        self.old, self.new = [], []
        self.successors = cython.cast(
            cython.pointer(cython.pointer(py.PyObject)),
            libc.malloc((self.olds.mask + 1) * cython.sizeof(cython.p_void)),
        )
        if self.successors == cython.NULL:
            raise MemoryError

    def __dealloc__(self):
        libc.free(self.successors)

    def put(self, old, new):
        # Whether it has had none. The first that is put stays.
        held = cython.cast(cython.pointer(py.PyObject), old)
        if not self.olds.add(held):
            return False
        self.old.append(old)
        self.new.append(new)
        self.successors[self.olds.place(held)] = cython.cast(cython.pointer(py.PyObject), new)
        return True

    def of(self, value):
        # NULL of what has none.
        held = cython.cast(cython.pointer(py.PyObject), value)
        return self.successors[self.olds.place(held)] if self.olds.has(held) else cython.NULL


@cython.final
@cython.cclass
class Sweep:
    """A search for the objects that have these ids, or for those that have these successors."""

    def __cinit__(self, wanted):
        i: cython.int
        none = cython.cast(cython.pointer(py.PyObject), _NOTHING)
        if isinstance(wanted, Successors):
            successors: Successors = wanted
            self.wanted, self.kept = successors.olds, successors
        else:
            self.wanted = _of_ids(wanted, len(wanted))
        self.functions[0].holder = self.classes[0].holder = none
        self.functions_end, self.classes_end = self.functions + 1, self.classes + 1
        self.rest_end = self.rest
        for i in range(LAG):
            self.nothing[i] = self.named[i] = none
            self.members[i] = cython.address(self.nothing[i])
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
        self.look(untouched, ours)
        return self.told()

    def look(self, untouched, ours):
        # The same, which stands in `found` then.
        loaded: dict = _modules()
        key: cython.pointer(py.PyObject)
        value: cython.pointer(py.PyObject)
        names: cython.pointer(py.PyObject)
        pos: cython.Py_ssize_t = 0
        seen: Identities = _of_ids(untouched, len(loaded) + len(untouched), False)
        kept: list = []
        count: cython.Py_ssize_t = 0
        many = cython.cast(
            cython.pointer(Named), libc.malloc((len(loaded) + 1) * cython.sizeof(Named))
        )
        if many == cython.NULL:
            raise MemoryError
        try:
            while _next(loaded, cython.address(pos), cython.address(key), cython.address(value)):
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
                if pyf.is_ours(key) and cython.cast(object, key) not in ours:
                    continue
                if seen.add(value):
                    many[count].holder, many[count].module = names, key
                    count += 1
            # From here on nothing of Python's runs, so that what is borrowed stays.
            self.through_modules(many, count)
        finally:
            libc.free(many)
        return 0

    def through_modules(self, many, count):
        i: cython.Py_ssize_t
        held: pyd.entries
        # Not far ahead: the processor forgets soon where pages of memory are.
        for i in range(min(count, 6)):
            pyd.fetch_dict(many[i].holder)
        for i in range(min(count, 4)):
            pyd.fetch_keys(many[i].holder)
        for i in range(count):
            if i + 6 < count:
                pyd.fetch_dict(many[i + 6].holder)
            if i + 4 < count:
                pyd.fetch_keys(many[i + 4].holder)
            if i + 2 < count:
                pyd.fetch_entries(many[i + 2].holder)
            self.through_module(many[i].holder, many[i].module)
        # What waits goes on when as much comes behind it.
        self.nothings(cython.address(held))
        self.through_names(cython.address(held), cython.NULL, cython.NULL)
        self.through_classes()
        self.nothings(cython.address(held))
        self.through_members(cython.address(held), cython.NULL)
        self.through_rest()
        self.through_functions()
        return 0

    def nothings(self, held):
        held.value = self.nothing
        held.end = self.nothing + LAG
        held.step = 1

    def through_module(self, names, module):
        held: pyd.entries
        if not (pyd.laid_out and pyd.entries_of(names, cython.address(held))):
            self.copy_entries(names, cython.address(held))
        return self.through_names(cython.address(held), names, module)

    # What values are is hard to foretell, and a wrong guess costs the processor as much as ten
    # values do. So these loops don't ask: each value is written at the end of each queue, and what
    # it is decides whether the end moves on.

    def through_names(self, held, names, module):
        at: cython.pointer(cython.pointer(py.PyObject)) = held.value
        step: cython.int = held.step
        value: cython.pointer(py.PyObject)
        of: cython.pointer(py.PyObject)
        now: cython.pointer(py.PyObject)
        functions: cython.pointer(Named)
        classes: cython.pointer(Named)
        last: cython.size_t = self.last_named
        marks: cython.pointer(cython.ulonglong) = self.wanted.marks
        mask: cython.size_t = self.wanted.marks_mask
        while at < held.end:
            # In this order, for classes give more functions.
            classes, functions = self.room_for_classes(), self.room_for_functions()
            chunk = pyd.chunk_after(held, at)
            while at < chunk:
                value = at[0]
                if value != cython.NULL:
                    pyd.fetch(value)
                    if pyd.is_marked(marks, mask, value) and self.wanted.has(value):
                        self.put(AN_ITEM, names, at[-1])
                    else:
                        last = (last + 1) % LAG
                        of = self.named_of[last]
                        self.named_of[last] = module
                        now = self.named[last]
                        self.named[last] = value
                        functions.holder, functions.module = now, of
                        functions += pyf.is_function(now)
                        pyf.fetch_function(functions[-1].holder)
                        classes.holder, classes.module = now, of
                        classes += pyf.is_class(now)
                        pyf.fetch_class(classes[-1].holder)
                at += step
            self.functions_end, self.classes_end = functions, classes
        self.last_named = last
        return 0

    def through_class(self, kind, module):
        held: pyd.entries
        name: cython.pointer(py.PyObject)
        names: cython.pointer(py.PyObject) = pyf.class_dict(kind)
        if not (pyd.laid_out and pyd.entries_of(names, cython.address(held))):
            self.copy_entries(names, cython.address(held))
        name = _module_of(cython.address(held))
        if not pyf.same_text(name, module):
            return 0
        if held.value[0] == name and pyf.is_text(name) and not self.wanted.has(name):
            held.value += held.step  # a text is neither of what is looked for
        return self.through_members(cython.address(held), kind)

    def through_members(self, held, kind):
        at: cython.pointer(cython.pointer(py.PyObject)) = held.value
        step: cython.int = held.step
        value: cython.pointer(py.PyObject)
        of: cython.pointer(py.PyObject)
        now: cython.pointer(cython.pointer(py.PyObject))
        functions: cython.pointer(Named)
        rest: cython.pointer(Member)
        last: cython.size_t = self.last_member
        marks: cython.pointer(cython.ulonglong) = self.wanted.marks
        mask: cython.size_t = self.wanted.marks_mask
        while at < held.end:
            rest, functions = self.room_for_rest(), self.room_for_functions()
            chunk = pyd.chunk_after(held, at)
            while at < chunk:
                value = at[0]
                if value != cython.NULL:
                    pyd.fetch(value)
                    if pyd.is_marked(marks, mask, value) and self.wanted.has(value):
                        self.put(AN_ATTRIBUTE, kind, at[-1])
                    else:
                        last = (last + 1) % LAG
                        of = self.members_of[last]
                        self.members_of[last] = kind
                        now = self.members[last]
                        self.members[last] = at
                        value = now[0]
                        functions.holder, functions.module = value, cython.NULL
                        functions += pyf.is_function(value)
                        pyf.fetch_function(functions[-1].holder)
                        rest.value, rest.kind = now, of
                        rest += pyf.may_be_method(value)
                at += step
            self.functions_end, self.rest_end = functions, rest
        self.last_member = last
        return 0

    def room_for_functions(self):
        if self.functions_end - self.functions > QUEUE + 1 - pyd.CHUNK:
            self.through_functions()
        return self.functions_end

    def room_for_classes(self):
        if self.classes_end - self.classes > QUEUE + 1 - pyd.CHUNK:
            self.through_classes()
        return self.classes_end

    def room_for_rest(self):
        if self.rest_end - self.rest > QUEUE - pyd.CHUNK:
            self.through_rest()
        return self.rest_end

    def through_classes(self):
        kinds: cython.pointer(Named) = self.classes + 1
        names: cython.pointer(py.PyObject)
        i: cython.Py_ssize_t
        count: cython.Py_ssize_t = self.classes_end - kinds
        left: cython.Py_ssize_t = 0
        for i in range(count):
            names = pyf.class_dict(kinds[i].holder)
            if names != cython.NULL:
                kinds[left] = kinds[i]
                left += 1
                pyd.fetch_dict(names)
        for i in range(min(left, 12)):
            pyd.fetch_keys(pyf.class_dict(kinds[i].holder))
        for i in range(min(left, 6)):
            pyd.fetch_entries(pyf.class_dict(kinds[i].holder))
        for i in range(left):
            if i + 12 < left:
                pyd.fetch_keys(pyf.class_dict(kinds[i + 12].holder))
            if i + 6 < left:
                pyd.fetch_entries(pyf.class_dict(kinds[i + 6].holder))
            self.through_class(kinds[i].holder, kinds[i].module)
        self.classes_end = self.classes + 1
        return 0

    def through_rest(self):
        # What may be a staticmethod or a classmethod.
        at: cython.pointer(Member) = self.rest
        value: cython.pointer(py.PyObject)
        inner: cython.pointer(py.PyObject)
        functions: cython.pointer(Named)
        known: cython.pointer(py.PyObject) = cython.NULL  # a type that is of neither kind
        while at < self.rest_end:
            value = at.value[0]
            inner = cython.NULL if pyf.type_of(value) == known else pyf.within_method(value)
            if inner == cython.NULL:
                known = pyf.type_of(value)
            else:
                if self.wanted.has(inner):
                    if pyf.is_static_method(value):
                        self.put(A_STATIC, at.kind, at.value[-1])
                elif pyf.is_function(inner):
                    functions = self.room_for_functions()
                    functions.holder, functions.module = inner, cython.NULL
                    pyf.fetch_function(inner)
                    self.functions_end = functions + 1
            at += 1
        self.rest_end = self.rest
        return 0

    def through_functions(self):
        at: cython.pointer(Named) = self.functions + 1
        end: cython.pointer(Named) = self.functions_end
        left: cython.pointer(Named) = at
        while at < end:
            left[0] = at[0]
            left += pyf.has_defaults(at.holder)
            at += 1
        at = self.functions + 1
        while at < left:
            pyf.fetch_defaults(at.holder)
            at += 1
        at = self.functions + 1
        while at < left:
            if pyf.may_default_to(at.holder, self.wanted.marks, self.wanted.marks_mask) and (
                at.module == cython.NULL or pyf.is_of(at.holder, at.module)
            ):
                self.through_defaults(at.holder)
            at += 1
        self.functions_end = self.functions + 1
        return 0

    def through_defaults(self, function):
        values: cython.pointer(py.PyObject) = pyf.of_function(function, False)
        held: pyd.entries
        i: cython.Py_ssize_t
        if values != cython.NULL:
            for i in range(pyf.tuple_size(values)):
                if self.wanted.has(pyf.tuple_item(values, i)):
                    self.put(A_DEFAULT, function, cython.NULL)
                    break
            py.give_back(values)
        values = pyf.of_function(function, True)
        if values != cython.NULL and pyf.is_dict(values):
            if not (pyd.laid_out and pyd.entries_of(values, cython.address(held))):
                self.copy_entries(values, cython.address(held))
            while held.value < held.end:
                if held.value[0] != cython.NULL and self.wanted.has(held.value[0]):
                    self.put(A_KEYWORD, values, held.value[-1])
                held.value += held.step
        py.give_back(values)
        return 0

    def copy_entries(self, names, held):
        # They stay until all has been told.
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
        if (what == AN_ATTRIBUTE or what == A_STATIC) and not pyf.is_heap_class(holder):
            return 0  # it can't be changed
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
@cython.exceptval(check=False)
def _next(
    names: dict,
    at: cython.pointer(cython.Py_ssize_t),
    key: cython.pointer(cython.pointer(py.PyObject)),
    value: cython.pointer(cython.pointer(py.PyObject)),
) -> cython.bint:
    return pyd.next_in(cython.cast(cython.pointer(py.PyObject), names), at, key, value)


@cython.cfunc
def _modules() -> dict:
    # All that are loaded: where code of Python's can run meanwhile, or other threads, in a copy,
    # which nobody changes, and which keeps them.
    if type(sys.modules) is not dict:
        return dict(sys.modules)
    loaded: dict = sys.modules
    key: cython.pointer(py.PyObject)
    value: cython.pointer(py.PyObject)
    pos: cython.Py_ssize_t = 0
    if py.FREE_THREADED:
        return loaded.copy()
    pyd.fetch_all(cython.cast(cython.pointer(py.PyObject), loaded))
    while _next(loaded, cython.address(pos), cython.address(key), cython.address(value)):
        if not pyf.is_module(value):  # it says itself whether it is one
            return loaded.copy()
    return loaded


@cython.cfunc
def _of_ids(ids, most: cython.size_t, marked: cython.bint = True) -> Identities:
    made: Identities = Identities(most, marked)
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
