from ostler.core.libc.unistd cimport gid_t

cdef extern from "grp.h" nogil:
    int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
    int initgroups(const char *user, gid_t group)
    int setgroups(size_t count, const gid_t *groups)
