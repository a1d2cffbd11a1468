# Sharing a file's blocks, and changing the mode of a name without following it: no libc that this
# is built with need have them.
cdef extern from *:
    """
    #include <sys/ioctl.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    #ifndef OSTLER_FICLONE
    #define OSTLER_FICLONE _IOW(0x94, 9, int)
    #endif
    #ifndef SYS_fchmodat2
    #define SYS_fchmodat2 452
    #endif
    static inline int ostler_clone_file(int to, int from) {
        return ioctl(to, OSTLER_FICLONE, from);
    }
    static inline int ostler_fchmodat2(int dir, const char *name, unsigned int mode, int flags) {
        return (int)syscall(SYS_fchmodat2, dir, name, mode, flags);
    }
    """
    int clone_file "ostler_clone_file"(int to, int source) nogil
    int fchmodat2 "ostler_fchmodat2"(int dir, const char *name, unsigned int mode, int flags) nogil
