from ostler.core.libc.unistd cimport ssize_t

cdef extern from "sys/random.h" nogil:
    enum:
        GRND_NONBLOCK, GRND_RANDOM
    ssize_t getrandom(void *to, size_t size, unsigned int flags)
