from ostler._libc.absent cimport *
from ostler._libc.time cimport timespec
from ostler._libc.unistd cimport pid_t

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
