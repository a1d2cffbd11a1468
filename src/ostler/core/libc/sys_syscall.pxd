# Numbers that are the same on every architecture stand in where older headers lack them.
cdef extern from *:
    """
    #include <sys/syscall.h>
    #include <unistd.h>
    #ifndef SYS_close_range
    #define SYS_close_range 436
    #endif
    #ifndef CLOSE_RANGE_CLOEXEC
    #define CLOSE_RANGE_CLOEXEC 4
    #endif
    #ifndef SYS_landlock_restrict_self
    #define SYS_landlock_restrict_self 446
    #endif
    #ifndef SYS_pidfd_open
    #define SYS_pidfd_open 434
    #endif
    #ifndef SYS_pidfd_send_signal
    #define SYS_pidfd_send_signal 424
    #endif
    """
    enum:
        CLOSE_RANGE_CLOEXEC
        SYS_close_range, SYS_getcwd
        SYS_execveat
        SYS_landlock_restrict_self
        SYS_pidfd_open
        SYS_pidfd_send_signal
        SYS_rt_sigaction
        SYS_rt_sigprocmask
        SYS_setresgid
        SYS_setresuid
    long syscall(long number, ...) nogil
