# The entries of a directory, read in blocks: getdents64(2) has no wrapper in every libc.
cdef extern from *:
    """
    #include <dirent.h>
    #include <stddef.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    static inline long ostler_getdents64(int fd, void *block, size_t size) {
        return syscall(SYS_getdents64, fd, block, size);
    }
    """
    long getdents64 "ostler_getdents64"(int fd, void *block, size_t size) nogil

cdef extern from "dirent.h" nogil:
    struct dirent:
        unsigned long d_ino
        long d_off          # where the next one is
        unsigned short d_reclen
        unsigned char d_type
        char d_name[256]
    enum:
        DT_UNKNOWN, DT_DIR, DT_REG, DT_LNK
