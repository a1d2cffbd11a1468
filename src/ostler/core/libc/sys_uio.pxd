from ostler.core.libc.unistd cimport off_t, ssize_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <sys/syscall.h>
    #include <sys/uio.h>
    #include <unistd.h>
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
    /* The kernel takes the offset in two halves, of which the second counts where long has 32 bits. */
    #define OSTLER_HIGH(offset) ((long)((uint64_t)(offset) >> 32))
    static inline ssize_t ostler_preadv2(int fd, const struct iovec *parts, int count,
                                         off_t offset, int flags) {
        return syscall(SYS_preadv2, fd, parts, (long)count, (long)offset, OSTLER_HIGH(offset),
                       flags);
    }
    static inline ssize_t ostler_pwritev2(int fd, const struct iovec *parts, int count,
                                          off_t offset, int flags) {
        return syscall(SYS_pwritev2, fd, parts, (long)count, (long)offset, OSTLER_HIGH(offset),
                       flags);
    }
    """
    enum:
        RWF_APPEND, RWF_ATOMIC, RWF_DONTCACHE, RWF_DSYNC, RWF_HIPRI, RWF_NOWAIT, RWF_SYNC

cdef extern from "sys/uio.h" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t readv(int fd, const iovec *parts, int count)
    ssize_t writev(int fd, const iovec *parts, int count)
    # By their numbers: musl has the functions from 1.2.5 on only.
    ssize_t preadv2 "ostler_preadv2"(
        int fd, const iovec *parts, int count, off_t offset, int flags)
    ssize_t pwritev2 "ostler_pwritev2"(
        int fd, const iovec *parts, int count, off_t offset, int flags)
