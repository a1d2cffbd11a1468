from ostler.core cimport libc

cdef enum:
    _BLOCK = 1 << 15    # bytes of names that are asked for at once
    _MOUNTED = -2
    _LIST = libc.O_RDONLY | libc.O_DIRECTORY | libc.O_NOFOLLOW | libc.O_CLOEXEC

cdef struct Names:
    char *block         # what getdents64(2) told, one entry behind the other
    size_t size

cdef struct Identity:
    unsigned long dev
    unsigned long ino

cdef int _enter(int above, const char *name) noexcept nogil
cdef int _identity(int fd, Identity *found) noexcept nogil
cdef int _read(int fd, Names *names) noexcept nogil
cdef int _remove_files(int fd, Names *names, const char **failed) noexcept nogil
