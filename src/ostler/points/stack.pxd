cpdef bytes child_of(bytes path, bytes name)
cpdef bint is_whiteout(status) except -1

cdef class Layered:
    cdef readonly Py_ssize_t layer
    cdef readonly bytes path
    cdef readonly object status
    cdef public object below
    cdef public list parts
    cdef public object data

cdef class Stack:
    cdef readonly list trees
    cdef readonly str marks
    cdef readonly bint redirects
    cdef dict _known        # {path: Layered} of the directories that were looked at
    cdef dict _origins
    cdef set _left

    cdef Layered _look(self, Layered here, bytes name, list listed)
    cdef tuple _from_top(self, Py_ssize_t layer, bytes path)
    cdef bint _is_metacopy(self, Layered seen) except -1
    cdef object _redirect_of_copy(self, Layered seen, bytes value)
    cdef object _further_down(self, bytes path, Layered seen, str name)
    cdef object _first_origin(self, Py_ssize_t layer, bytes value)
    cdef bint _is_copy_of_new(self, bytes path, Layered seen) except -1
    cdef set _all_left(self)
    cdef dict _all_origins(self)
