# What kind of file system it is, by its number.
cdef extern from *:
    """
    #include <sys/vfs.h>
    #include <linux/magic.h>
    #ifndef BTRFS_SUPER_MAGIC
    #define BTRFS_SUPER_MAGIC OSTLER_ABSENT
    #endif
    #ifndef OVERLAYFS_SUPER_MAGIC
    #define OVERLAYFS_SUPER_MAGIC 0x794c7630
    #endif
    #ifndef XFS_SUPER_MAGIC
    #define XFS_SUPER_MAGIC OSTLER_ABSENT
    #endif
    #ifndef PROC_SUPER_MAGIC
    #define PROC_SUPER_MAGIC 0x9fa0
    #endif
    #ifndef DEVPTS_SUPER_MAGIC
    #define DEVPTS_SUPER_MAGIC 0x1cd1
    #endif
    #define OSTLER_MQUEUE_MAGIC 0x19800202  /* in no header */
    static inline long ostler_kind_of_filesystem(int fd) {
        struct statfs st;
        return fstatfs(fd, &st) < 0 ? 0 : (long)(unsigned int)st.f_type;
    }
    """
    long kind_of_filesystem "ostler_kind_of_filesystem"(int fd) nogil
    long DEVPTS_SUPER_MAGIC
    long MQUEUE_MAGIC "OSTLER_MQUEUE_MAGIC"
    long PROC_SUPER_MAGIC
    long BTRFS_SUPER_MAGIC
    long OVERLAYFS_SUPER_MAGIC
    long XFS_SUPER_MAGIC
