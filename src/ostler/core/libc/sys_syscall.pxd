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
    /* Every argument has the width that the kernel reads. Of an int that is passed on the stack, as the
       last of seven, a compiler may leave the other half as it was. */
    #define OSTLER_LONGS(n, a, b, c, d, e, f, ...) \\
        syscall(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
    #define ostler_syscall(...) OSTLER_LONGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
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
    long syscall "ostler_syscall" (long number, ...) nogil
