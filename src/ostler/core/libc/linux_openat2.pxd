cdef extern from *:
    """
    #include <sys/syscall.h>
    #include <unistd.h>
    #include <linux/openat2.h>
    #ifndef SYS_openat2
    #define SYS_openat2 437
    #endif
    static inline int ostler_openat2(int dir, const char *path, struct open_how *how) {
        return (int)syscall(SYS_openat2, dir, path, how, sizeof(*how));
    }
    """
    enum:
        RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS
        RESOLVE_NO_XDEV
    struct open_how:
        unsigned long long flags
        unsigned long long mode
        unsigned long long resolve
    int openat2 "ostler_openat2"(int dir, const char *path, open_how *how) nogil
