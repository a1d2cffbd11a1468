# What processes do that have another process's memory, which goes on meanwhile.
#
# Not gathered in __init__.pxd: the code would be in every module.
cdef extern from *:
    """
    #include <dlfcn.h>
    #include <sched.h>
    #include <setjmp.h>
    #include <signal.h>
    #include <stdint.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <unistd.h>

    /* By the kernel's own calls: the C library's note in the state of the thread that they wait, and
       that is the other process's. */
    static void ostler_stay(void)
    {
        char byte;
        syscall(SYS_write, 1, "x", 1L);
        syscall(SYS_close, 1);
        syscall(SYS_read, 0, &byte, 1L);
    }

    static void ostler_stand(int pid, int first, int *status)
    {
        char byte;
        syscall(SYS_write, 1, "x", 1L);
        syscall(SYS_read, 1, &byte, 1L);
        syscall(SYS_wait4, (long)pid, status, 0L, 0L);
        syscall(SYS_kill, (long)first, (long)SIGKILL);
        syscall(SYS_wait4, (long)first, 0L, (long)__WALL, 0L);
        syscall(SYS_exit_group, 0L);
    }

    /* A thread's place in its work, where a copy of it goes on that another process has forked. */
    struct ostler_place { jmp_buf here; };

    /* Not by that name: a check in its stead may look for both on one stack. */
    extern void ostler_jump_to(jmp_buf, int) __asm__("_longjmp") __attribute__((__noreturn__));

    static void ostler_jump(struct ostler_place *place)
    {
        ostler_jump_to(place->here, 1);
    }

    static int ostler_part(
        int (*work)(void *), char *stack, void *argument, struct ostler_place *place, int *pid,
        int ours, int theirs)
    {
        char byte;
        if (_setjmp(place->here))
            return 1;
        *pid = clone(work, stack, CLONE_VM | SIGCHLD, argument);
        if (*pid < 0)
            return -1;
        syscall(SYS_close, (long)theirs);
        syscall(SYS_read, (long)ours, &byte, 1L);
        return 0;
    }

    /* The C library has the kernel write in the thread's state on which processor it is. Who has
       another's memory has no such state, and neither have its copies. */
    static void ostler_have_state(void)
    {
    #if defined(SYS_rseq) && (defined(__x86_64__) || defined(__aarch64__))
        ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
        unsigned int *size = dlsym(RTLD_DEFAULT, "__rseq_size");
        char *thread;
        if (offset == NULL || size == NULL || *size == 0)
            return;
    #ifdef __x86_64__
        __asm__("mov %%fs:0, %0" : "=r"(thread));
    #else
        __asm__("mrs %0, tpidr_el0" : "=r"(thread));
    #endif
        /* The number is what the library puts before its own code of that kind. */
    #ifdef __x86_64__
        syscall(SYS_rseq, thread + *offset, 32L, 0L, 0x53053053L);
    #else
        syscall(SYS_rseq, thread + *offset, 32L, 0L, 0xd428bc00L);
    #endif
    #endif
    }
    """
    # Say by 1 that all is well, and return when nobody is at the other end of 0.
    void stay "ostler_stay"() nogil

    # Say by 1 that both are there, stand for them until that is wanted no more, wait for the one, end
    # the other one, and end.
    void stand "ostler_stand"(int pid, int first, int *status) nogil

    struct Place "ostler_place":
        pass

    # Have a process in this memory work, and wait until it has said something by `theirs`, or has
    # ended: 0; -1 with errno where there is none. In its copy by which jump() is called this returns
    # a second time: 1.
    int part "ostler_part"(int (*work)(void *) noexcept nogil, char *stack, void *argument,
                           Place *place, int *pid, int ours, int theirs) nogil
    void jump "ostler_jump"(Place *place) nogil
    void have_state "ostler_have_state"() nogil
