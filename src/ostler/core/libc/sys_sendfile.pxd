from ostler.core.libc.unistd cimport off_t, ssize_t

cdef extern from "sys/sendfile.h" nogil:
    ssize_t sendfile(int target, int source, off_t *offset, size_t size)
