from ostler.core.libc.absent cimport *
from ostler.core.libc.time cimport timespec

cdef extern from *:
    """
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    #ifndef STATX_BASIC_STATS
    #include <linux/stat.h>
    #endif
    #ifndef STATX_MNT_ID
    #define STATX_MNT_ID OSTLER_ABSENT
    #endif
    #ifndef STATX_DIOALIGN
    #define STATX_DIOALIGN OSTLER_ABSENT
    #endif
    #ifndef STATX_MNT_ID_UNIQUE
    #define STATX_MNT_ID_UNIQUE OSTLER_ABSENT
    #endif
    #ifndef STATX_SUBVOL
    #define STATX_SUBVOL 0x8000
    #endif
    #ifndef STATX_WRITE_ATOMIC
    #define STATX_WRITE_ATOMIC 0x10000
    #endif
    #ifndef STATX_DIO_READ_ALIGN
    #define STATX_DIO_READ_ALIGN 0x20000
    #endif
    #ifndef STATX_ATTR_COMPRESSED
    #define STATX_ATTR_COMPRESSED OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_IMMUTABLE
    #define STATX_ATTR_IMMUTABLE OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_APPEND
    #define STATX_ATTR_APPEND OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_NODUMP
    #define STATX_ATTR_NODUMP OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_ENCRYPTED
    #define STATX_ATTR_ENCRYPTED OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_AUTOMOUNT
    #define STATX_ATTR_AUTOMOUNT OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_MOUNT_ROOT
    #define STATX_ATTR_MOUNT_ROOT OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_VERITY
    #define STATX_ATTR_VERITY OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_DAX
    #define STATX_ATTR_DAX OSTLER_ABSENT
    #endif
    #ifndef STATX_ATTR_WRITE_ATOMIC
    #define STATX_ATTR_WRITE_ATOMIC 0x400000
    #endif
    static inline int ostler_statx(int dir, const char *path, int flags, unsigned int mask,
                                   void *result) {
        return (int)syscall(SYS_statx, dir, path, flags, mask, result);
    }
    """

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
    enum:
        STATX_ATIME, STATX_BASIC_STATS, STATX_BLOCKS, STATX_BTIME, STATX_CTIME, STATX_DIOALIGN
        STATX_DIO_READ_ALIGN, STATX_GID, STATX_INO, STATX_MNT_ID, STATX_MNT_ID_UNIQUE, STATX_MODE
        STATX_MTIME, STATX_NLINK, STATX_SIZE, STATX_SUBVOL, STATX_TYPE, STATX_UID
        STATX_WRITE_ATOMIC
        STATX_ATTR_APPEND, STATX_ATTR_AUTOMOUNT, STATX_ATTR_COMPRESSED, STATX_ATTR_DAX
        STATX_ATTR_ENCRYPTED, STATX_ATTR_IMMUTABLE, STATX_ATTR_MOUNT_ROOT, STATX_ATTR_NODUMP
        STATX_ATTR_VERITY, STATX_ATTR_WRITE_ATOMIC

    struct statx_t "statx":
        unsigned long long stx_attributes
        unsigned short stx_mode

    # By its number: musl has the function from 1.2.5 on only.
    int statx "ostler_statx"(
        int dir, const char *path, int flags, unsigned int mask, statx_t *result)
    enum:
        S_ISGID
