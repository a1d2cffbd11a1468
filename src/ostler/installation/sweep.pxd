from ostler.core cimport python as py
from ostler.core cimport python_dicts as pyd

cdef enum:
    AN_ITEM
    AN_ATTRIBUTE
    A_STATIC
    A_DEFAULT
    A_KEYWORD

cdef enum:
    VALUES = 256  # so many are looked at together, of at most so many dicts
    RUNS = 64
    CLASSES = 64  # from so many on they are looked through
    AHEAD = 32  # so many values wait for their memory

cdef struct Place:
    int what
    py.PyObject *holder  # owned, as is the next, which may be NULL
    py.PyObject *key

cdef struct Named:  # all borrowed here, and below
    py.PyObject *holder  # the dict of a module, or what may be a class
    py.PyObject *module  # the name of the one that it must be of

cdef struct Own:  # a class that may be of its module
    Named kind
    py.PyObject *module  # as it says itself
    pyd.entries held

cdef struct Run:  # values that stand beside each other in a dict
    py.PyObject *holder  # the dict of a module, or a class
    py.PyObject *module  # the name of that; NULL of a class
    py.PyObject **first  # where the first of them is; its key is before it
    Py_ssize_t step
    size_t start  # its number on the page

cdef struct Page:  # values that are looked at together
    py.PyObject *values[VALUES + AHEAD]
    size_t count
    Run runs[RUNS + 1]
    size_t runs_count

cdef class Identities:
    cdef size_t *table  # of addresses, by 16; 0: a free place
    cdef unsigned long long *marks
    cdef size_t mask, marks_mask

    cdef bint has(self, const void *value) noexcept
    cdef size_t place(self, const void *value) noexcept
    cdef bint add(self, const void *value) noexcept

cdef class Successors:
    cdef Identities olds
    cdef py.PyObject **successors  # by the place of the old one; those in `new`
    cdef readonly list old
    cdef readonly list new

    cdef bint put(self, old, new) except -1
    cdef py.PyObject *of(self, value) noexcept

cdef class Sweep:
    cdef Identities wanted
    cdef object kept
    cdef Place *found
    cdef size_t count, room
    cdef Page names, members  # values of modules, and of classes
    cdef pyd.entries held  # what of a dict is not on a page yet
    cdef py.PyObject *none
    # Numbers of values on the page that is looked at, and behind the last one place that is written,
    # and not counted. Words: what is narrower takes the processor longer.
    cdef size_t marked[VALUES + 1]
    cdef size_t functions[VALUES + 1]
    cdef size_t others[VALUES + 1]
    # What has been found, and will be looked through.
    cdef Named classes[CLASSES + VALUES + 1]
    cdef Named *classes_end
    cdef Own own[CLASSES + VALUES + 1]
    # Copies of the keys and values of dicts whose entries can't be reached, and the dicts that keep
    # them where there is no GIL.
    cdef list copied

    cdef int put(self, int what, py.PyObject *holder, py.PyObject *key) except -1
    cdef int look(self, untouched, ours) except -1
    cdef list told(self)
    cdef int through_modules(self, Named *many, Py_ssize_t count) except -1
    cdef int entries_of(self, py.PyObject *names, pyd.entries *held) except -1
    cdef int add(self, Page *page, py.PyObject *holder, py.PyObject *module) except -1
    cdef void begin(self, Page *page) noexcept
    cdef int through_names(self) except -1
    cdef int through_classes(self) except -1
    cdef int through_members(self) except -1
    cdef int through_functions(self, Page *page, size_t count) except -1
    cdef int put_wanted(self, int what, Page *page, size_t count) except -1
    cdef int put_value(self, int what, Page *page, size_t number) except -1
    cdef int through_defaults(self, py.PyObject *function) except -1
    cdef int copy_entries(self, py.PyObject *names, pyd.entries *held) except -1
