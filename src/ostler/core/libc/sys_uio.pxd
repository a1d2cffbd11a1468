from ostler.core.libc.unistd cimport off_t, ssize_t

cdef extern from *:
    """
    #include <sys/uio.h>
    #ifndef RWF_APPEND
    #define RWF_APPEND OSTLER_ABSENT
    #endif
    #ifndef RWF_DSYNC
    #define RWF_DSYNC OSTLER_ABSENT
    #endif
    #ifndef RWF_HIPRI
    #define RWF_HIPRI OSTLER_ABSENT
    #endif
    #ifndef RWF_NOWAIT
    #define RWF_NOWAIT OSTLER_ABSENT
    #endif
    #ifndef RWF_SYNC
    #define RWF_SYNC OSTLER_ABSENT
    #endif
    #ifndef RWF_ATOMIC
    #define RWF_ATOMIC 0x40
    #endif
    #ifndef RWF_DONTCACHE
    #define RWF_DONTCACHE 0x80
    #endif
    """
    enum:
        RWF_APPEND, RWF_ATOMIC, RWF_DONTCACHE, RWF_DSYNC, RWF_HIPRI, RWF_NOWAIT, RWF_SYNC

cdef extern from "sys/uio.h" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t readv(int fd, const iovec *parts, int count)
    ssize_t writev(int fd, const iovec *parts, int count)
    ssize_t preadv2(int fd, const iovec *parts, int count, off_t offset, int flags)
    ssize_t pwritev2(int fd, const iovec *parts, int count, off_t offset, int flags)
