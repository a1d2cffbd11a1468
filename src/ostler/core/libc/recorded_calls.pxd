from ostler.core.libc.absent cimport *

# The numbers of the system calls that a recorder is asked about, beside those that stand elsewhere.
# Newer architectures lack the older ones: these are OSTLER_ABSENT there.
cdef extern from *:
    """
    #include <sys/syscall.h>
    #ifndef SYS_mkdir
    #define SYS_mkdir OSTLER_ABSENT
    #endif
    #ifndef SYS_symlink
    #define SYS_symlink OSTLER_ABSENT
    #endif
    #ifndef SYS_link
    #define SYS_link OSTLER_ABSENT
    #endif
    #ifndef SYS_rename
    #define SYS_rename OSTLER_ABSENT
    #endif
    #ifndef SYS_renameat
    #define SYS_renameat OSTLER_ABSENT
    #endif
    #ifndef SYS_unlink
    #define SYS_unlink OSTLER_ABSENT
    #endif
    #ifndef SYS_rmdir
    #define SYS_rmdir OSTLER_ABSENT
    #endif
    #ifndef SYS_chown
    #define SYS_chown OSTLER_ABSENT
    #endif
    #ifndef SYS_lchown
    #define SYS_lchown OSTLER_ABSENT
    #endif
    #ifndef SYS_utime
    #define SYS_utime OSTLER_ABSENT
    #endif
    #ifndef SYS_utimes
    #define SYS_utimes OSTLER_ABSENT
    #endif
    #ifndef SYS_futimesat
    #define SYS_futimesat OSTLER_ABSENT
    #endif
    #ifndef SYS_setxattrat
    #define SYS_setxattrat 463
    #endif
    #ifndef SYS_removexattrat
    #define SYS_removexattrat 466
    #endif
    """
    enum:
        SYS_mkdir, SYS_mkdirat, SYS_symlink, SYS_symlinkat, SYS_link, SYS_linkat, SYS_rename
        SYS_renameat, SYS_renameat2, SYS_unlink, SYS_unlinkat, SYS_rmdir, SYS_chown, SYS_lchown
        SYS_fchown, SYS_fchownat, SYS_truncate, SYS_ftruncate, SYS_utime, SYS_utimes
        SYS_futimesat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr
        SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_setxattrat, SYS_removexattrat
        SYS_connect, SYS_bind, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_execve, SYS_chdir, SYS_fchdir, SYS_chroot
        SYS_exit, SYS_exit_group
