cdef extern from "sys/types.h" nogil:
    ctypedef int pid_t
    ctypedef unsigned int uid_t
    ctypedef unsigned int gid_t
    ctypedef long off_t
    ctypedef long ssize_t

cdef extern from "unistd.h" nogil:
    int close(int fd)
    int fchown(int fd, uid_t uid, gid_t gid)
    int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
    int faccessat(int dir, const char *path, int mode, int flags)
