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

cdef int _before(int dir, const char *name, int dir2, const char *name2, unsigned int flags,
                 bint is_directory, bint onto, bint there) noexcept nogil
cdef bint _has_slash(const char *name) noexcept nogil
cdef bint _read_only(int dir) noexcept nogil
cdef bint _may(int dir, const char *name, int right) noexcept nogil
cdef bint _same_name(int dir, const char *name, int dir2, const char *name2) noexcept nogil
cdef size_t _bare(const char *name) noexcept nogil
cdef bint _one_mount(int dir, int dir2) noexcept nogil
cdef unsigned long _mount(int dir) noexcept nogil
cdef bint _lies_in(int inner, int dir, const char *name) noexcept nogil
cdef long _path(int fd, char *text) noexcept nogil
