# The compiler's own atomic operations.
cdef extern from *:
    long atomic_add "__extension__ __atomic_add_fetch"(long *at, long value, int order) nogil
    enum:
        ATOMIC_RELAXED "__ATOMIC_RELAXED"
