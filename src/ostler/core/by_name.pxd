cdef enum:
    _BITS = 0o7777
    _DEEP = 512         # directories of a path
    _LINKS = 40
    _PATH_MAX = 4096

cdef int step_by_step(int root, const char *path, int flags, unsigned int mode) noexcept nogil
