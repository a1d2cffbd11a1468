from ostler.core.libc.absent cimport *
from ostler.core.libc.sys_uio cimport iovec

# What the recorder of programs needs: system calls that wait for an answer (seccomp's user
# notification), the memory of other processes, and waiting for many descriptors at once.
#
# Not gathered in __init__.pxd: each change would compile every module anew.
cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <linux/audit.h>
    #include <linux/seccomp.h>
    #include <netinet/in.h>
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/epoll.h>
    #include <sys/ioctl.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <sys/un.h>
    #include <unistd.h>

    #ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    #define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
    #endif
    #ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
    #define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
    #define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
    #endif

    /* What the kernel tells of a process by its pidfd, as far as it is asked here. */
    struct ostler_pidfd_info {
        uint64_t mask, group;
        uint32_t pid, tgid, ppid, ids[8];
        int32_t exit_code;
    };
    #define OSTLER_PIDFD_GET_INFO _IOWR(0xFF, 11, struct ostler_pidfd_info)
    #define OSTLER_PIDFD_INFO_EXIT (1U << 3)
    #define OSTLER_PIDFD_INFO_WHO 3U    /* the pid, and the users */

    #ifndef SYS_faccessat2
    #define SYS_faccessat2 439          /* the same on every architecture */
    #endif

    /* With which a listener is handed over, and nobody else sends anything: flags that mean nothing
       to a socket of this kind. */
    #define OSTLER_HANDING_OVER (MSG_NOSIGNAL | MSG_DONTROUTE | MSG_CONFIRM)

    /* Device, inode and mount of what a path leads to; 0, or -1 with errno. */
    static int ostler_place_of(int dir, const char *path, unsigned long long found[3]) {
        uint64_t told[32];              /* struct statx, whose layout is fixed */
        uint32_t device[2], mask;
        if (syscall(SYS_statx, dir, path, 0, 0x1100 /* inode, mount */, told)) return -1;
        memcpy(&mask, told, 4);
        if (!(mask & 0x1000)) { errno = ENOSYS; return -1; }
        memcpy(device, &told[17], 8);
        found[0] = (unsigned long long)device[0] << 32 | device[1];
        found[1] = told[4];
        found[2] = told[18];
        return 0;
    }

    /* Whether what is open can only be added to: chattr +a. */
    static int ostler_grows_only(int fd) {
        uint64_t told[32];
        if (syscall(SYS_statx, fd, "", 0x1000 /* AT_EMPTY_PATH */, 0, told)) return 0;
        return (told[1] & 0x20 /* STATX_ATTR_APPEND */) != 0;
    }
    #define OSTLER_AS_KNOWN 0x4000      /* AT_STATX_DONT_SYNC: no server is asked */

    /* The clock that counts the processor time of a process. */
    static int ostler_clock_of(int pid) { return (int)(~(unsigned)pid << 3 | 2); }

    #ifdef __x86_64__
    #define OSTLER_ARCH_32 AUDIT_ARCH_I386
    #else
    #define OSTLER_ARCH_32 0
    #endif
    """
    enum:
        EADDRINUSE
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD, EPOLL_CTL_DEL
        EPOLLIN, EPOLLHUP, EPOLLERR
        FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE
        MSG_CMSG_CLOEXEC
        OSTLER_AS_KNOWN
        OSTLER_HANDING_OVER
        OSTLER_ARCH_32          # of programs of 32 bits; 0: there are none
        OSTLER_PIDFD_INFO_EXIT, OSTLER_PIDFD_INFO_WHO
        SCM_RIGHTS, SOL_SOCKET
        SECCOMP_FILTER_FLAG_NEW_LISTENER
        SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        SECCOMP_USER_NOTIF_FLAG_CONTINUE
        SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
        SYS_faccessat2
        SYS_process_vm_readv
    unsigned long SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND
    unsigned long SECCOMP_IOCTL_NOTIF_ID_VALID, SECCOMP_IOCTL_NOTIF_SET_FLAGS
    unsigned long SECCOMP_RET_USER_NOTIF
    unsigned long OSTLER_PIDFD_GET_INFO

    struct seccomp_data:
        int nr
        unsigned int arch
        unsigned long long instruction_pointer
        unsigned long long args[6]
    struct seccomp_notif:
        unsigned long long id
        unsigned int pid
        unsigned int flags
        seccomp_data data
    struct seccomp_notif_resp:
        unsigned long long id
        long long val
        int error
        unsigned int flags
    struct ostler_pidfd_info:
        unsigned long long mask
        unsigned int pid, tgid, ppid
        unsigned int ids[8]     # the real user and group, the effective ones, ...
        int exit_code

    ctypedef union epoll_data_t:
        unsigned long long u64
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    int ostler_clock_of(int pid) nogil
    int ostler_grows_only(int fd) nogil
    int ostler_place_of(int dir, const char *path, unsigned long long *found) nogil
    int fallocate(int fd, int mode, long offset, long size) nogil
    int epoll_create1(int flags) nogil
    int epoll_ctl(int epoll, int order, int fd, epoll_event *event) nogil
    int epoll_wait(int epoll, epoll_event *events, int count, int timeout) nogil

    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    size_t CMSG_LEN(size_t size) nogil
    size_t CMSG_SPACE(size_t size) nogil
    cmsghdr *CMSG_FIRSTHDR(msghdr *message) nogil
    unsigned char *CMSG_DATA(cmsghdr *header) nogil
    long sendmsg(int fd, const msghdr *message, int flags) nogil
    long recvmsg(int fd, msghdr *message, int flags) nogil
    const char *inet_ntop(int family, const void *address, char *into, unsigned int size) nogil
    long atol(const char *text) nogil
    unsigned long long strtoull(const char *text, char **end, int base) nogil
    char *strcpy(char *into, const char *text) nogil
    char *strdup(const char *text) nogil
    size_t strnlen(const char *text, size_t most) nogil
