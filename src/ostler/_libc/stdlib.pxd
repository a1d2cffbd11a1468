cdef extern from "stdlib.h" nogil:
    void *malloc(size_t size)
    void *calloc(size_t count, size_t size)
    void free(void *block)
    void abort()
    char *getenv(const char *name)
