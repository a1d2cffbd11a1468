cdef extern from "sys/statvfs.h" nogil:
    struct statvfs_t "statvfs":
        unsigned long f_bsize
        unsigned long f_frsize
        unsigned long f_blocks
        unsigned long f_bfree
        unsigned long f_bavail
        unsigned long f_files
        unsigned long f_ffree
        unsigned long f_favail
        unsigned long f_fsid
        unsigned long f_flag
        unsigned long f_namemax

    int statvfs(const char *path, statvfs_t *result)
    int fstatvfs(int fd, statvfs_t *result)
    enum:
        ST_RDONLY, ST_NOSUID, ST_NODEV, ST_NOEXEC, ST_SYNCHRONOUS, ST_MANDLOCK
        ST_WRITE, ST_APPEND, ST_NOATIME, ST_NODIRATIME, ST_RELATIME
