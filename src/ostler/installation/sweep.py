"""A sweep through what modules hold: where given objects are, by their identity.

Made for hundreds of modules, and thousands of classes and functions. Every value costs a look into
a small table, and nothing is called, nor made, until all has been looked at. What takes the time is
the memory, and what the processor has guessed wrong. So values are copied out of their dicts, some
hundreds of them, and then looked at one after the other, with memory asked for ahead; what is found
among them is looked at likewise.
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
# Stands for what is not looked at. Nobody can ask for it; read as a function it has no defaults.
_NOTHING = cython.declare(object, bytes(512))


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
        if isinstance(wanted, Successors):
            successors: Successors = wanted
            self.wanted, self.kept = successors.olds, successors
        else:
            self.wanted = _of_ids(wanted, len(wanted))
        self.none = cython.cast(cython.pointer(py.PyObject), _NOTHING)
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
        held: pyd.entries
        seen: Identities = _of_ids(untouched, len(loaded) + len(untouched), False)
        kept: list = []
        count: cython.Py_ssize_t = 0
        many = cython.cast(
            cython.pointer(Named), libc.malloc((len(loaded) + 1) * cython.sizeof(Named))
        )
        if many == cython.NULL:
            raise MemoryError
        try:
            self.entries_of(cython.cast(cython.pointer(py.PyObject), loaded), cython.address(held))
            while held.value < held.end:
                key, value = held.value[-1], held.value[0]
                held.value += held.step
                if value == cython.NULL:
                    continue
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
            # From here on nothing of Python's runs, so that what is borrowed stays. It begins anew
            # where an error has ended it before.
            self.names.count = self.names.runs_count = 0
            self.members.count = self.members.runs_count = 0
            self.classes_end = self.classes
            self.through_modules(many, count)
        finally:
            libc.free(many)
        return 0

    def through_modules(self, many, count):
        i: cython.Py_ssize_t
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
            self.entries_of(many[i].holder, cython.address(self.held))
            self.add(cython.address(self.names), many[i].holder, many[i].module)
        self.through_names()
        self.through_classes()
        self.through_members()
        return 0

    def entries_of(self, names, held):
        if not (pyd.laid_out and pyd.entries_of(names, held)):
            self.copy_entries(names, held)
        return 0

    def add(self, page, holder, module):
        # Puts all that `held` has on a page; one that is full is looked at before.
        run: cython.pointer(Run)
        at: cython.pointer(cython.pointer(py.PyObject)) = self.held.value
        end: cython.pointer(cython.pointer(py.PyObject)) = self.held.end
        chunk: cython.pointer(cython.pointer(py.PyObject))
        out: cython.pointer(cython.pointer(py.PyObject))
        value: cython.pointer(py.PyObject)
        step: cython.Py_ssize_t = self.held.step
        while at < end:
            if page.count == VALUES or page.runs_count == RUNS:
                if module != cython.NULL:
                    self.through_names()
                else:
                    self.through_members()
            run = page.runs + page.runs_count
            run.holder, run.module = holder, module
            run.first, run.step, run.start = at, step, page.count
            page.runs_count += 1
            chunk = at + (VALUES - page.count) * step
            if chunk > end:
                chunk = end
            out = page.values + page.count
            while at < chunk:
                value = at[0]
                out[0] = value if value != cython.NULL else self.none
                out += 1
                at += step
            page.count = out - page.values
        return 0

    # What values are is hard to foretell, and a wrong guess costs the processor as much as ten
    # values do. So these loops don't ask: the number of each value is written at the end of each
    # list, and what it is decides whether the end moves on.

    def begin(self, page):
        i: cython.int
        for i in range(AHEAD):
            page.values[page.count + i] = self.none
        for i in range(AHEAD):
            pyd.fetch(page.values[i])
        page.runs[page.runs_count].start = page.count

    def through_names(self):
        page: cython.pointer(Page) = cython.address(self.names)
        values: cython.pointer(cython.pointer(py.PyObject)) = page.values
        value: cython.pointer(py.PyObject)
        marks: cython.pointer(cython.ulonglong) = self.wanted.marks
        mask: cython.size_t = self.wanted.marks_mask
        marked: cython.pointer(cython.size_t) = self.marked
        functions: cython.pointer(cython.size_t) = self.functions
        classes: cython.pointer(cython.size_t) = self.others
        run: cython.pointer(Run) = page.runs
        kind: cython.pointer(Named)
        count: cython.size_t
        i: cython.size_t
        self.begin(page)
        for i in range(page.count):
            value = values[i]
            pyd.fetch(values[i + AHEAD])
            if pyd.unlikely(pyd.is_marked(marks, mask, value)):
                marked[0] = i
                marked += 1
            functions[0] = classes[0] = i
            functions += pyf.is_function(value)
            classes += pyf.is_class(value)
        self.put_wanted(AN_ITEM, page, marked - self.marked)
        kind = self.classes_end
        count = classes - self.others
        for i in range(count):
            while self.others[i] >= run[1].start:
                run += 1
            kind.holder, kind.module = values[self.others[i]], run.module
            pyf.fetch_class(kind.holder)
            kind += pyf.is_class(kind.holder)
        self.classes_end = kind
        self.through_functions(page, functions - self.functions)
        page.count = page.runs_count = 0
        if kind - self.classes >= CLASSES:
            self.through_classes()
        return 0

    def through_classes(self):
        kinds: cython.pointer(Named) = self.classes
        own: cython.pointer(Own) = self.own
        names: cython.pointer(py.PyObject)
        i: cython.Py_ssize_t
        left: cython.Py_ssize_t = 0
        for i in range(self.classes_end - kinds):
            names = pyf.class_dict(kinds[i].holder)
            pyd.fetch_dict(names)
            kinds[left] = kinds[i]
            left += names != cython.NULL
        for i in range(min(left, 12)):
            pyd.fetch_keys(pyf.class_dict(kinds[i].holder))
        for i in range(min(left, 6)):
            pyd.fetch_entries(pyf.class_dict(kinds[i].holder))
        # Many are of other modules. What takes little to see is seen of all of them first.
        for i in range(left):
            if i + 12 < left:
                pyd.fetch_keys(pyf.class_dict(kinds[i + 12].holder))
            if i + 6 < left:
                pyd.fetch_entries(pyf.class_dict(kinds[i + 6].holder))
            self.entries_of(pyf.class_dict(kinds[i].holder), cython.address(own.held))
            own.kind = kinds[i]
            own.module = _module_of(cython.address(own.held))
            own += pyf.may_be_same_text(own.module, own.kind.module)
        left = own - self.own
        own = self.own
        for i in range(left):
            if pyf.same_text(own.module, own.kind.module):
                self.held = own.held
                if (
                    self.held.value[0] == own.module
                    and pyf.is_text(own.module)
                    and not self.wanted.has(own.module)
                ):
                    self.held.value += self.held.step  # a text is neither of what is looked for
                self.add(cython.address(self.members), own.kind.holder, cython.NULL)
            own += 1
        self.classes_end = self.classes
        return 0

    def through_members(self):
        page: cython.pointer(Page) = cython.address(self.members)
        values: cython.pointer(cython.pointer(py.PyObject)) = page.values
        value: cython.pointer(py.PyObject)
        known: cython.pointer(py.PyObject) = cython.NULL  # a type that is of neither kind
        marks: cython.pointer(cython.ulonglong) = self.wanted.marks
        mask: cython.size_t = self.wanted.marks_mask
        marked: cython.pointer(cython.size_t) = self.marked
        functions: cython.pointer(cython.size_t) = self.functions
        rest: cython.pointer(cython.size_t) = self.others
        count: cython.size_t
        i: cython.size_t
        self.begin(page)
        for i in range(page.count):
            value = values[i]
            pyd.fetch(values[i + AHEAD])
            if pyd.unlikely(pyd.is_marked(marks, mask, value)):
                marked[0] = i
                marked += 1
            functions[0] = rest[0] = i
            functions += pyf.is_function(value)
            rest += pyf.may_be_method(value)
        self.put_wanted(AN_ATTRIBUTE, page, marked - self.marked)
        # What may be a staticmethod or a classmethod.
        count = rest - self.others
        for i in range(count):
            value = values[self.others[i]]
            if pyf.type_of(value) == known:
                continue
            value = pyf.within_method(value)
            if value == cython.NULL:
                known = pyf.type_of(values[self.others[i]])
            elif self.wanted.has(value):
                if pyf.is_static_method(values[self.others[i]]):
                    self.put_value(A_STATIC, page, self.others[i])
            else:
                values[self.others[i]] = value
                functions[0] = self.others[i]
                functions += pyf.is_function(value)
        self.through_functions(page, functions - self.functions)
        page.count = page.runs_count = 0
        return 0

    def through_functions(self, page, count):
        values: cython.pointer(cython.pointer(py.PyObject)) = page.values
        value: cython.pointer(py.PyObject)
        functions: cython.pointer(cython.size_t) = self.functions
        module: cython.pointer(py.PyObject)
        i: cython.size_t
        left: cython.size_t = 0
        for i in range(count):
            pyf.fetch_function(values[functions[i]])
        for i in range(count):
            functions[left] = functions[i]
            left += pyf.has_defaults(values[functions[i]])
        for i in range(left):
            pyf.fetch_defaults(values[functions[i]])
        for i in range(left):
            value = values[functions[i]]
            if pyd.unlikely(pyf.may_default_to(value, self.wanted.marks, self.wanted.marks_mask)):
                module = _run_of(page, functions[i]).module
                if module == cython.NULL or pyf.is_of(value, module):
                    self.through_defaults(value)
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

    def put_wanted(self, what, page, count):
        # What only seemed to be wanted stays; what is, is not looked at again.
        number: cython.size_t
        i: cython.size_t
        for i in range(count):
            number = self.marked[i]
            if self.wanted.has(page.values[number]):
                self.put_value(what, page, number)
                page.values[number] = self.none
        return 0

    def put_value(self, what, page, number):
        run: cython.pointer(Run) = _run_of(page, number)
        return self.put(what, run.holder, run.first[(number - run.start) * run.step - 1])

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
def _modules() -> dict:
    # All that are loaded: where code of Python's can run meanwhile, or other threads, in a copy,
    # which nobody changes, and which keeps them.
    if type(sys.modules) is not dict:
        return dict(sys.modules)
    loaded: dict = sys.modules
    held: pyd.entries
    names = cython.cast(cython.pointer(py.PyObject), loaded)
    if not (pyd.laid_out and pyd.entries_of(names, cython.address(held))):  # nor without the GIL
        return loaded.copy()
    pyd.fetch_all(names)
    while held.value < held.end:
        if held.value[0] != cython.NULL and not pyf.is_module(held.value[0]):
            return loaded.copy()  # it says itself whether it is one
        held.value += held.step
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
def _run_of(page: cython.pointer(Page), number: cython.size_t) -> cython.pointer(Run):
    run: cython.pointer(Run) = page.runs
    while number >= run[1].start:
        run += 1
    return run


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
