from ostler cimport _libc as libc
from ostler.trees._copy cimport CopyTask

cdef int copy_metadata(CopyTask *task, int fd, int to, libc.stat_t *st,
                       bint directory) noexcept nogil
cdef int copy_xattrs(CopyTask *task, int fd, int to, bint stale) noexcept nogil
cdef int copy_xattr(CopyTask *task, int fd, int to, const char *name) noexcept nogil
cdef int chmod_name(int dir, const char *name, unsigned int mode) noexcept nogil
