from ostler.core.libc.absent cimport *
from ostler.core.libc.time cimport timespec
from ostler.core.libc.unistd cimport pid_t

cdef extern from *:
    """
    #include <sched.h>
    #include <linux/sched.h>
    #ifndef CLONE_NEWTIME
    #define CLONE_NEWTIME OSTLER_ABSENT
    #endif
    #ifndef CLONE_PIDFD
    #define CLONE_PIDFD 0x1000
    #endif
    #ifndef SCHED_RESET_ON_FORK
    #define SCHED_RESET_ON_FORK OSTLER_ABSENT
    #endif
    #ifndef SCHED_DEADLINE
    #define SCHED_DEADLINE OSTLER_ABSENT
    #endif
    #ifndef SCHED_NORMAL
    #define SCHED_NORMAL SCHED_OTHER
    #endif
    """

cdef extern from "sched.h" nogil:
    enum:
        CLONE_FILES, CLONE_FS, CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS
        CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUSER, CLONE_NEWUTS, CLONE_PARENT, CLONE_PIDFD
        CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD, CLONE_VFORK, CLONE_VM
        SCHED_BATCH, SCHED_DEADLINE, SCHED_FIFO, SCHED_IDLE, SCHED_NORMAL, SCHED_OTHER
        SCHED_RESET_ON_FORK, SCHED_RR
    struct sched_param:
        int sched_priority
    ctypedef struct cpu_set_t:
        pass
    ctypedef int (*child_t)(void *argument) noexcept nogil
    int clone(child_t child, void *stack, int flags, void *argument, ...)
    int setns(int fd, int kind)
    int unshare(int flags)
    int sched_setscheduler(pid_t pid, int policy, const sched_param *param)
    int sched_getscheduler(pid_t pid)
    int sched_setparam(pid_t pid, const sched_param *param)
    int sched_getparam(pid_t pid, sched_param *param)
    int sched_get_priority_max(int policy)
    int sched_get_priority_min(int policy)
    int sched_rr_get_interval(pid_t pid, timespec *interval)
    int sched_yield()
    int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
    int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)
    cpu_set_t *CPU_ALLOC(int count)
    void CPU_FREE(cpu_set_t *mask)
    size_t CPU_ALLOC_SIZE(int count)
    void CPU_ZERO_S(size_t size, cpu_set_t *mask)
    void CPU_SET_S(int cpu, size_t size, cpu_set_t *mask)
    int CPU_ISSET_S(int cpu, size_t size, const cpu_set_t *mask)
    int CPU_COUNT_S(size_t size, const cpu_set_t *mask)

# clone3(2) for a child with a stack of its own, in which libc has no function: it knows a flag
# that clone() has no room for, CLONE_CLEAR_SIGHAND (Linux 5.5), which lets no handler of the
# parent's run in the child. Fails with ENOSYS where this has no code for the processor.
cdef extern from *:
    """
    #include <errno.h>
    #include <sys/syscall.h>
    static inline long ostler_clone_cleared(int (*function)(void *), char *stack, size_t size,
                                            unsigned long long flags, int end_signal,
                                            void *argument, int *pidfd) {
    #if defined(SYS_clone3) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__))
        unsigned long long given[8] = {
            flags | 0x100000000ULL, (unsigned long)pidfd, 0, 0, (unsigned)end_signal,
            (unsigned long)stack, size, 0};
    #if defined(__x86_64__)
        long made;
        register void *r8 __asm__("r8") = (void *)function;
        register void *r9 __asm__("r9") = argument;
        __asm__ volatile(
            "syscall;"
            "test %%rax, %%rax;"
            "jnz 1f;"
            "xor %%ebp, %%ebp;"
            "mov %%r9, %%rdi;"
            "call *%%r8;"
            "mov %%eax, %%edi;"
            "mov %[exit], %%eax;"
            "syscall;"
            "hlt;"
            "1:"
            : "=a"(made)
            : "a"((long)SYS_clone3), "D"(given), "S"(sizeof given), "r"(r8), "r"(r9),
              [exit] "i"(SYS_exit)
            : "rcx", "r11", "memory", "cc");
    #else
        register long made __asm__("x0") = (long)given;
        register long x1 __asm__("x1") = sizeof given;
        register long x8 __asm__("x8") = SYS_clone3;
        register void *x9 __asm__("x9") = (void *)function;
        register void *x10 __asm__("x10") = argument;
        __asm__ volatile(
            "svc #0;"
            "cbnz x0, 1f;"
            "mov x29, #0;"
            "mov x0, x10;"
            "blr x9;"
            "mov x8, %[exit];"
            "svc #0;"
            "1:"
            : "+r"(made)
            : "r"(x1), "r"(x8), "r"(x9), "r"(x10), [exit] "i"(SYS_exit)
            : "memory", "cc");
    #endif
        if (made >= 0)
            return made;
        errno = (int)-made;
    #else
        errno = ENOSYS;
    #endif
        return -1;
    }
    """
    long clone_cleared "ostler_clone_cleared"(int (*function)(void *) noexcept nogil, char *stack,
                                              size_t size, unsigned long long flags,
                                              int end_signal, void *argument, int *pidfd) nogil
