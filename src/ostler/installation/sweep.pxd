from ostler.core cimport python as py

cdef struct Place:
    int what
    py.PyObject *holder  # owned, as is the next, which may be NULL
    py.PyObject *key

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

    cdef int put(self, int what, py.PyObject *holder, py.PyObject *key) except -1
    cdef list told(self)
    cdef int through_module(self, py.PyObject *names, py.PyObject *module) except -1
    cdef int through_class(self, py.PyObject *kind) except -1
    cdef int through_defaults(self, py.PyObject *function) except -1
