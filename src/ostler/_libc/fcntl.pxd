cdef extern from "fcntl.h" nogil:
    enum:
        AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_REMOVEDIR
        AT_EACCESS, AT_EMPTY_PATH
        F_DUPFD_CLOEXEC
        F_OK, R_OK, W_OK, X_OK
        O_ACCMODE, O_APPEND, O_ASYNC, O_CLOEXEC, O_CREAT, O_DIRECT, O_DIRECTORY, O_DSYNC, O_EXCL
        O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH
        O_RDONLY, O_RDWR, O_SYNC, O_TMPFILE, O_TRUNC, O_WRONLY
    int fcntl(int fd, int command, ...)
    int openat(int dir, const char *path, int flags, ...)
    enum:
        F_GETFD, F_SETFD, FD_CLOEXEC
