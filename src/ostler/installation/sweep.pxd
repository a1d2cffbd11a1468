from ostler.core cimport python as py
from ostler.core cimport python_dicts as pyd

cdef enum:
    QUEUE = 128  # so many are looked through together

cdef struct Place:
    int what
    py.PyObject *holder  # owned, as is the next, which may be NULL
    py.PyObject *key

cdef struct Named:  # all borrowed here, and below
    py.PyObject *holder  # the dict of a module, a class, or a function
    py.PyObject *module  # the name of the one that it must be of; NULL of what is a method

cdef struct Attribute:
    py.PyObject *kind
    py.PyObject *key
    py.PyObject *value

cdef class Identities:
    cdef size_t *table  # of addresses, by 16; 0: a free place
    cdef char *marks
    cdef size_t mask, marks_mask

    cdef bint has(self, const void *value) noexcept
    cdef bint add(self, const void *value) noexcept

cdef class Sweep:
    cdef Identities wanted
    cdef Place *found
    cdef size_t count, room
    # What has been found, and will be looked through.
    cdef Named functions[QUEUE]
    cdef Named classes[QUEUE]
    cdef Attribute rest[QUEUE]
    cdef Named *functions_end
    cdef Named *classes_end
    cdef Attribute *rest_end
    # Copies of the keys and values of dicts whose entries can't be reached, and the dicts that keep
    # them where there is no GIL.
    cdef list copied

    cdef int put(self, int what, py.PyObject *holder, py.PyObject *key) except -1
    cdef list told(self)
    cdef int through_modules(self, Named *many, Py_ssize_t count) except -1
    cdef int through_module(self, py.PyObject *names, py.PyObject *module) except -1
    cdef int through_class(self, py.PyObject *kind, py.PyObject *module) except -1
    cdef Named *room_for_functions(self) except NULL
    cdef Named *room_for_classes(self) except NULL
    cdef Attribute *room_for_rest(self) except NULL
    cdef int through_classes(self) except -1
    cdef int through_rest(self) except -1
    cdef int through_functions(self) except -1
    cdef int through_defaults(self, py.PyObject *function) except -1
    cdef int entries_of(self, py.PyObject *names, pyd.entries *held) except -1
