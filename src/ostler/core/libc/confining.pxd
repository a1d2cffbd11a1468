from ostler.core.libc.absent cimport *

# What only the children of confined machines need: filters of system calls with the instructions
# that they are written in, keyrings, capabilities, the number of a mount. The numbers of newer calls
# are the same on every architecture; what this one does not have is OSTLER_ABSENT.
#
# Not gathered in __init__.pxd: each change would compile every module anew.
cdef extern from *:
    """
    #include <errno.h>
    #include <linux/audit.h>
    #include <linux/capability.h>
    #include <linux/filter.h>
    #include <linux/keyctl.h>
    #include <linux/seccomp.h>
    #include <string.h>
    #include <sys/ioctl.h>
    #include <sys/resource.h>
    #include <sys/socket.h>
    #include <sys/stat.h>
    #include <sys/syscall.h>
    #include <unistd.h>

    #if defined(__x86_64__) && defined(__LP64__)
    #define OSTLER_ARCH AUDIT_ARCH_X86_64
    #elif defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)
    #define OSTLER_ARCH AUDIT_ARCH_AARCH64
    #else
    #define OSTLER_ARCH 0
    #endif
    #ifndef SECCOMP_RET_KILL_PROCESS
    #define SECCOMP_RET_KILL_PROCESS 0x80000000U
    #endif
    #ifndef SYS_chmod
    #define SYS_chmod OSTLER_ABSENT
    #endif
    #ifndef SYS_creat
    #define SYS_creat OSTLER_ABSENT
    #endif
    #ifndef SYS_create_module
    #define SYS_create_module OSTLER_ABSENT
    #endif
    #ifndef SYS_ioperm
    #define SYS_ioperm OSTLER_ABSENT
    #endif
    #ifndef SYS_iopl
    #define SYS_iopl OSTLER_ABSENT
    #endif
    #ifndef SYS_kexec_file_load
    #define SYS_kexec_file_load OSTLER_ABSENT
    #endif
    #ifndef SYS_mknod
    #define SYS_mknod OSTLER_ABSENT
    #endif
    #ifndef SYS_open
    #define SYS_open OSTLER_ABSENT
    #endif
    #ifndef SYS_uselib
    #define SYS_uselib OSTLER_ABSENT
    #endif
    #ifndef SYS_lookup_dcookie
    #define SYS_lookup_dcookie OSTLER_ABSENT
    #endif
    #ifndef SYS_io_uring_setup
    #define SYS_io_uring_setup 425
    #define SYS_io_uring_enter 426
    #define SYS_io_uring_register 427
    #endif
    #ifndef SYS_clone3
    #define SYS_clone3 435
    #endif
    #ifndef SYS_quotactl_fd
    #define SYS_quotactl_fd 443
    #endif
    #ifndef SYS_fchmodat2
    #define SYS_fchmodat2 452
    #endif
    #ifndef SYS_open_tree_attr
    #define SYS_open_tree_attr 467
    #endif
    #ifndef SYS_openat2
    #define SYS_openat2 437
    #endif
    /* The mount that an open file is on, or -1; older headers lack the member of the struct. */
    static inline long ostler_mount_of(int fd) {
        unsigned long long told[32];
        memset(told, 0, sizeof told);
        if (syscall(SYS_statx, fd, "", 0x1000 /* AT_EMPTY_PATH */, 0x1000 /* STATX_MNT_ID */, told))
            return -1;
        return told[18] ? (long)told[18] : -1;
    }
    """
    enum:
        AF_INET6, AF_NETLINK, AF_UNIX
        CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_IPC_LOCK
        CAP_IPC_OWNER, CAP_KILL, CAP_NET_BIND_SERVICE, CAP_SETFCAP, CAP_SETGID, CAP_SETPCAP
        CAP_SETUID
        CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_NICE, CAP_SYS_PTRACE
        EAFNOSUPPORT, EPROTONOSUPPORT
        KEYCTL_JOIN_SESSION_KEYRING
        S_ISUID
        SYS_capget, SYS_keyctl
        TIOCLINUX, TIOCSTI
        OSTLER_ARCH     # of the calls that a filter knows; 0: none is written for it
        BPF_LD, BPF_W, BPF_ABS, BPF_JMP, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JSET, BPF_K, BPF_RET, BPF_ALU
        BPF_AND
        SECCOMP_SET_MODE_FILTER
        SECCOMP_RET_ALLOW
        SECCOMP_RET_ERRNO
        SYS_acct, SYS_add_key, SYS_bpf, SYS_chmod, SYS_clock_settime, SYS_clone, SYS_clone3
        SYS_creat, SYS_create_module, SYS_delete_module, SYS_fanotify_init, SYS_fchmod
        SYS_fchmodat, SYS_fchmodat2, SYS_finit_module, SYS_getpriority, SYS_init_module
        SYS_io_uring_enter, SYS_ioprio_get, SYS_ioprio_set, SYS_kill
        SYS_io_uring_register, SYS_io_uring_setup, SYS_ioctl, SYS_ioperm, SYS_iopl
        SYS_kexec_file_load, SYS_kexec_load, SYS_lookup_dcookie, SYS_mknod, SYS_mknodat, SYS_mount
        SYS_open, SYS_open_by_handle_at, SYS_open_tree_attr, SYS_openat, SYS_openat2
        SYS_perf_event_open, SYS_prlimit64, SYS_quotactl, SYS_quotactl_fd, SYS_reboot
        SYS_request_key, SYS_sched_setaffinity, SYS_sched_setattr, SYS_sched_setparam
        SYS_sched_setscheduler, SYS_seccomp, SYS_setdomainname, SYS_setpriority, SYS_sethostname, SYS_setns, SYS_settimeofday, SYS_socket
        SYS_socketpair, SYS_swapoff, SYS_swapon, SYS_syslog, SYS_unshare, SYS_uselib
        SYS_userfaultfd, SYS_vhangup
    enum:
        SECCOMP_RET_KILL_PROCESS
    struct sock_filter:
        unsigned short code
        unsigned char jt
        unsigned char jf
        unsigned int k
    struct sock_fprog:
        unsigned short len
        sock_filter *filter
    long mount_of "ostler_mount_of"(int fd) nogil
