from ostler.core cimport libc
from ostler.trees._task cimport CopyTask

cdef int copy_metadata(CopyTask *task, int fd, int to, libc.stat_t *st,
                       int dir, long attributes) noexcept nogil
cdef int name_metadata(CopyTask *task, int dir, const char *name, int to, const char *new,
                       libc.stat_t *st) noexcept nogil
cdef long list_xattrs(int fd, const char *path, char *names, size_t size) noexcept nogil
cdef long get_xattr(int fd, const char *path, const char *name, void *value,
                    size_t size) noexcept nogil
cdef int set_xattr(int fd, const char *path, const char *name, const void *value,
                   size_t size) noexcept nogil
cdef int remove_xattr(int fd, const char *path, const char *name) noexcept nogil
cdef int copy_xattrs(int fd, const char *path, int to, const char *to_path,
                     bint acls) noexcept nogil
cdef int drop_acls(int fd, const char *path) noexcept nogil
cdef unsigned int fresh_mode(int dir, unsigned int mode, unsigned int mask) noexcept nogil
cdef unsigned int acl_mode(const char *acl, long size, bint whole) noexcept nogil
cdef unsigned int without_acl(int fd, const char *path, unsigned int mode) noexcept nogil
cdef int copy_xattr(int fd, const char *path, int to, const char *to_path,
                    const char *name) noexcept nogil
cdef int chmod_name(int dir, const char *name, unsigned int mode) noexcept nogil
