from ostler.core.libc.absent cimport *
from ostler.core.libc.unistd cimport off_t, ssize_t

# glibc has the first of them, musl the others.
cdef extern from *:
    """
    #include <fcntl.h>
    #ifndef O_FSYNC
    #define O_FSYNC OSTLER_ABSENT
    #endif
    #ifndef O_EXEC
    #define O_EXEC OSTLER_ABSENT
    #endif
    #ifndef O_SEARCH
    #define O_SEARCH OSTLER_ABSENT
    #endif
    #ifndef O_TTY_INIT
    #define O_TTY_INIT OSTLER_ABSENT
    #endif
    """

cdef extern from "fcntl.h" nogil:
    enum:
        AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_REMOVEDIR
        AT_EACCESS, AT_EMPTY_PATH
        F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, FD_CLOEXEC
        F_OK, R_OK, W_OK, X_OK
        O_ACCMODE, O_APPEND, O_ASYNC, O_CLOEXEC, O_CREAT, O_DIRECT, O_DIRECTORY, O_DSYNC, O_EXCL
        O_EXEC, O_FSYNC, O_LARGEFILE, O_NDELAY, O_NOATIME, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH
        O_RDONLY, O_RDWR, O_RSYNC, O_SEARCH, O_SYNC, O_TMPFILE, O_TRUNC, O_TTY_INIT, O_WRONLY
        POSIX_FADV_DONTNEED, POSIX_FADV_NOREUSE, POSIX_FADV_NORMAL, POSIX_FADV_RANDOM
        POSIX_FADV_SEQUENTIAL, POSIX_FADV_WILLNEED
        SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK
    int fcntl(int fd, int command, ...)
    int openat(int dir, const char *path, int flags, ...)
    struct file_handle:
        unsigned int handle_bytes
        int handle_type
    int name_to_handle_at(
        int dir, const char *path, file_handle *handle, int *mount_id, int flags)
    int posix_fadvise(int fd, off_t offset, off_t length, int advice)
    int posix_fallocate(int fd, off_t offset, off_t length)
    ssize_t splice(int source, off_t *from_, int target, off_t *to, size_t size, unsigned int flags)
    enum:
        AT_NO_AUTOMOUNT, AT_STATX_DONT_SYNC, AT_STATX_FORCE_SYNC, AT_STATX_SYNC_AS_STAT
