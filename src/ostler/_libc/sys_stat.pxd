from ostler._libc.time cimport timespec

cdef extern from "sys/stat.h" nogil:
    struct stat_t "stat":
        unsigned long st_dev
        unsigned long st_ino
        unsigned int st_mode
        unsigned long st_nlink
        unsigned int st_uid
        unsigned int st_gid
        unsigned long st_rdev
        long st_size
        long st_blksize
        long st_blocks
        timespec st_atim
        timespec st_mtim
        timespec st_ctim
    bint S_ISDIR(unsigned int mode)
    bint S_ISLNK(unsigned int mode)
    bint S_ISREG(unsigned int mode)

    enum:
        S_IFMT, S_IFDIR, S_IFREG, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK
    int fchmod(int fd, unsigned int mode)
    int fchmodat(int dir, const char *path, unsigned int mode, int flags)
    int fstat(int fd, stat_t *result)
    int fstatat(int dir, const char *path, stat_t *result, int flags)
    int futimens(int fd, const timespec *times)
    int mkfifoat(int dir, const char *path, unsigned int mode)
    int mknodat(int dir, const char *path, unsigned int mode, unsigned long device)
    unsigned int umask(unsigned int mask)
    int mkdirat(int dir, const char *path, unsigned int mode)
    int utimensat(int dir, const char *path, const timespec *times, int flags)
