# A descriptor that several threads use and any of them may close.

cdef class Shared:
    cdef int fd             # -1: closed
    cdef int users          # who is inside a call with it
    cdef bint leaving       # nobody else may enter: the last user closes it
    cdef int enter(self) except -1
    cdef int leave(self) except -2
    cdef int shut(self) except -2

cdef Shared shared(int fd)
