from ostler.core cimport python as py

cdef class Sweep:
    cdef size_t *table      # of addresses; 0: a free place
    cdef size_t mask

    cdef bint has(self, py.PyObject *value) noexcept
    cdef bint is_of(self, py.PyObject *name, str module) except -1
    cdef int look_into_class(self, list found, object kind) except -1
    cdef int look_at_defaults(self, list found, object function) except -1
