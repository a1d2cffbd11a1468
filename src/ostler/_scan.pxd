# Reading directories: names and entries from blocks of getdents64(2).

cdef enum:
    BLOCK = 32768       # bytes of entries asked of the kernel at once

cdef object decoded(const char *name)
cdef int list_names(list names, int fd, bint text) except -1
cdef bint is_dots(const char *name) noexcept nogil
