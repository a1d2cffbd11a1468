cdef extern from "errno.h" nogil:
    int errno
    enum:
        EACCES, EAGAIN, EBADF, EBUSY, ECHILD, EEXIST, EFAULT, EINTR, EINVAL, EIO, EISDIR
        ELOOP, EMFILE, ENFILE, ENAMETOOLONG, ENODATA, ENODEV, ENOENT, ENOEXEC, ENOMEM
        ENOSPC, ENOSYS, ENOTDIR, ENOTEMPTY, ENOTSUP, ENOTTY, EOPNOTSUPP
        EOVERFLOW, EPERM, EPIPE, ERANGE, EROFS, ESRCH, ESTALE, ETIMEDOUT, EXDEV

# For the calls that tell failure by errno alone.
cdef extern from *:
    """
    static inline void ostler_set_errno(int number) { errno = number; }
    """
    void set_errno "ostler_set_errno"(int number) noexcept nogil
    enum:
        ENXIO
