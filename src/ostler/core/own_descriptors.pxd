cdef enum:
    _PATH_MAX = 4096
    _HIGH = 128         # where a machine's own descriptors begin

cdef struct Name:
    int held            # the directory that has the name, -1: none yet
    char path[4096]
    char parent[4096]
    char last[256]

cdef int high(int fd) noexcept
cdef int begin(Name *name, const char *path) noexcept nogil
cdef int split(Name *name) noexcept nogil
cdef int step_to(Name *name, int fd) noexcept nogil
cdef int follow(Name *name) noexcept nogil
cdef int finish(Name *name, int number, int flags) noexcept nogil
cdef bint is_own_fd_directory(int fd) noexcept nogil
cdef int decimal(const char *text) noexcept nogil
cdef bint is_dots(const char *name, size_t size) noexcept nogil
cdef bint is_root(const char *path, size_t size) noexcept nogil

cdef int _open_again(int number, int flags) noexcept nogil
