# The numbers are the same on every architecture; older headers lack some of them.
cdef extern from *:
    """
    #include <linux/mount.h>
    #include <sys/syscall.h>
    #ifndef SYS_open_tree
    #define SYS_open_tree 428
    #define SYS_move_mount 429
    #define SYS_fsopen 430
    #define SYS_fsconfig 431
    #define SYS_fsmount 432
    #define SYS_fspick 433
    #endif
    #ifndef SYS_mount_setattr
    #define SYS_mount_setattr 442
    #endif
    #ifndef MNT_DETACH
    #define MNT_DETACH 2
    #endif
    #ifndef AT_RECURSIVE
    #define AT_RECURSIVE 0x8000
    #endif
    """
    struct mount_attr:
        unsigned long long attr_set
        unsigned long long attr_clr
        unsigned long long propagation
        unsigned long long userns_fd
    enum:
        SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick
        SYS_mount_setattr, SYS_pivot_root, SYS_umount2
        OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, AT_RECURSIVE
        MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH
        FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC, FSPICK_CLOEXEC, FSPICK_EMPTY_PATH
        FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_SET_FD, FSCONFIG_CMD_CREATE
        FSCONFIG_CMD_RECONFIGURE
        MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC
        MS_PRIVATE, MS_SLAVE, MS_REC
        MNT_DETACH
