from ostler.core cimport python as py
from ostler.core cimport python_dicts as pyd

cdef enum:
    AN_ITEM
    AN_ATTRIBUTE
    A_STATIC
    A_DEFAULT
    A_KEYWORD

cdef enum:
    QUEUE = 128  # so many are looked through together
    LAG = 16  # so many values wait for their memory

cdef struct Place:
    int what
    py.PyObject *holder  # owned, as is the next, which may be NULL
    py.PyObject *key

cdef struct Named:  # all borrowed here, and below
    py.PyObject *holder  # the dict of a module, or what may be a class, or a function
    py.PyObject *module  # the name of the one that it must be of; NULL of what is a method

cdef struct Member:
    py.PyObject **value  # where it is in the dict of the class; its key is before it
    py.PyObject *kind

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
    # What has been found, and will be looked through. Before the first there is something.
    cdef Named functions[QUEUE + 1]
    cdef Named classes[QUEUE + 1]
    cdef Member rest[QUEUE]
    cdef Named *functions_end
    cdef Named *classes_end
    cdef Member *rest_end
    # Values of modules, and of classes, for whose memory has been asked; in circles. Words, not
    # pairs of them: the processor waits where two that were just written are read as one.
    cdef py.PyObject *named[LAG]
    cdef py.PyObject *named_of[LAG]  # the name of the module
    cdef py.PyObject **members[LAG]
    cdef py.PyObject *members_of[LAG]
    cdef size_t last_named, last_member
    cdef py.PyObject *nothing[LAG]
    # Copies of the keys and values of dicts whose entries can't be reached, and the dicts that keep
    # them where there is no GIL.
    cdef list copied

    cdef int put(self, int what, py.PyObject *holder, py.PyObject *key) except -1
    cdef int look(self, untouched, ours) except -1
    cdef list told(self)
    cdef int through_modules(self, Named *many, Py_ssize_t count) except -1
    cdef void nothings(self, pyd.entries *held) noexcept
    cdef int through_module(self, py.PyObject *names, py.PyObject *module) except -1
    cdef int through_names(self, pyd.entries *held, py.PyObject *names,
                           py.PyObject *module) except -1
    cdef int through_class(self, py.PyObject *kind, py.PyObject *module) except -1
    cdef int through_members(self, pyd.entries *held, py.PyObject *kind) except -1
    cdef Named *room_for_functions(self) except NULL
    cdef Named *room_for_classes(self) except NULL
    cdef Member *room_for_rest(self) except NULL
    cdef int through_classes(self) except -1
    cdef int through_rest(self) except -1
    cdef int through_functions(self) except -1
    cdef int through_defaults(self, py.PyObject *function) except -1
    cdef int copy_entries(self, py.PyObject *names, pyd.entries *held) except -1
