cdef extern from "time.h" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
