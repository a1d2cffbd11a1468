# The compiler's own atomic operations.
cdef extern from *:
    long atomic_add "__extension__ __atomic_add_fetch"(long *at, long value, int order) nogil
    bint atomic_test_and_set "__atomic_test_and_set"(char *at, int order) nogil
    void atomic_clear "__atomic_clear"(char *at, int order) nogil
    enum:
        ATOMIC_RELAXED "__ATOMIC_RELAXED"
        ATOMIC_ACQUIRE "__ATOMIC_ACQUIRE"
        ATOMIC_RELEASE "__ATOMIC_RELEASE"
        ATOMIC_SEQ_CST "__ATOMIC_SEQ_CST"
