from ostler.core cimport libc

cdef enum:
    _BITS = 0o7777      # of a mode

cdef int allow(int dir, const char *name, int fd, unsigned int mode) noexcept nogil
cdef bint is_same(int fd, int fd2) noexcept nogil
cdef int not_to_be_run(int fd) noexcept nogil
cdef int look(int dir, const char *name, libc.statx_t *found) noexcept nogil
cdef bint is_point(int dir, const char *name) noexcept nogil
cdef int may_leave(int dir, const char *name, bint directory) noexcept nogil
cdef bint several(int dir, const char *name, int dir2, const char *name2,
                  unsigned int flags) noexcept nogil
cdef int may_rename(int dir, const char *name, int dir2, const char *name2,
                  unsigned int flags) noexcept nogil
