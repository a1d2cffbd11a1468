cdef extern from "linux/limits.h":
    enum: XATTR_LIST_MAX, XATTR_SIZE_MAX

cdef extern from "sys/xattr.h" nogil:
    enum: XATTR_CREATE, XATTR_REPLACE
    ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
    ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)
    ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)
    ssize_t listxattr(const char *path, char *names, size_t size)
    ssize_t llistxattr(const char *path, char *names, size_t size)
    ssize_t flistxattr(int fd, char *names, size_t size)
    int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
    int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)
    int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
    int removexattr(const char *path, const char *name)
    int lremovexattr(const char *path, const char *name)
    int fremovexattr(int fd, const char *name)

cdef extern from *:
    """
    #include <stdint.h>
    #ifndef SYS_getxattrat
    #define SYS_getxattrat 464
    #endif
    /* The kernel's struct xattr_args. */
    struct ostler_xattr_args { uint64_t value; uint32_t size, flags; };
    """
    enum: SYS_getxattrat
    struct ostler_xattr_args:
        unsigned long long value
        unsigned int size, flags
