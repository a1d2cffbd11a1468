from ostler cimport _libc as libc
from ostler.trees._copy cimport CopyTask

cdef int copy_metadata(CopyTask *task, int fd, int to, libc.stat_t *st,
                       bint directory) noexcept nogil
cdef int name_metadata(CopyTask *task, int dir, const char *name, int to, const char *new,
                       libc.stat_t *st) noexcept nogil
cdef long list_xattrs(int fd, const char *path, char *names, size_t size) noexcept nogil
cdef long get_xattr(int fd, const char *path, const char *name, void *value,
                    size_t size) noexcept nogil
cdef int set_xattr(int fd, const char *path, const char *name, const void *value,
                   size_t size) noexcept nogil
cdef int remove_xattr(int fd, const char *path, const char *name) noexcept nogil
cdef int copy_xattrs(int fd, const char *path, int to, const char *to_path,
                     bint stale) noexcept nogil
cdef int copy_xattr(int fd, const char *path, int to, const char *to_path,
                    const char *name) noexcept nogil
cdef int chmod_name(int dir, const char *name, unsigned int mode) noexcept nogil
