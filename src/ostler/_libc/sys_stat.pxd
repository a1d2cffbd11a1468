cdef extern from "sys/stat.h" nogil:
    int fchmod(int fd, unsigned int mode)
    int fchmodat(int dir, const char *path, unsigned int mode, int flags)
    unsigned int umask(unsigned int mask)
    int mkdirat(int dir, const char *path, unsigned int mode)
    int mknodat(int dir, const char *path, unsigned int mode, unsigned long device)
