# The rest of the life of a namespace's first process: a loop of a few hundred bytes.
#
# It is C of this file, compiled with the module into a section of its own that refers to nothing
# outside of it. It gives back all memory of the process but that section's pages and its stack, so
# that nothing of its maker's memory, arguments or environment is kept, and waits on descriptor 0
# and 1 until there is something to be read, or an end, on either. An exec would do the same; but
# after that the process would be a child that its maker's wait() sees.
#
# Not gathered in __init__.pxd: the code would be in every module.
cdef extern from *:
    """
    #include <errno.h>
    #include <poll.h>
    #include <sys/syscall.h>
    #include <unistd.h>

    #ifndef __has_attribute
    #define __has_attribute(x) 0
    #endif
    #if __has_attribute(no_stack_protector)
    #define OSTLER_BARE __attribute__((no_stack_protector))
    #else
    #define OSTLER_BARE
    #endif

    #if defined(__x86_64__) && defined(__LP64__)
    #define OSTLER_HOLDS 1
    static inline __attribute__((always_inline)) long ostler_hold_call(
        long number, long a, long b, long c, long d)
    {
        long result;
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = 0;
        __asm__ volatile("syscall" : "=a"(result)
            : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
            : "rcx", "r11", "memory");
        return result;
    }
    #elif defined(__aarch64__) && defined(__LP64__)
    #define OSTLER_HOLDS 1
    static inline __attribute__((always_inline)) long ostler_hold_call(
        long number, long a, long b, long c, long d)
    {
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;
        register long x4 __asm__("x4") = 0;
        __asm__ volatile("svc #0" : "+r"(x0)
            : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
        return x0;
    }
    #endif

    #ifdef OSTLER_HOLDS
    extern const char __start_ostler_hold[] __attribute__((visibility("hidden")));
    extern const char __stop_ostler_hold[] __attribute__((visibility("hidden")));

    OSTLER_BARE __attribute__((section("ostler_hold"), used, noinline, visibility("hidden")))
    void ostler_hold_main(unsigned long a, unsigned long a_end, unsigned long b,
                          unsigned long b_end)
    {
        struct pollfd ends[2];
        int bits;
        ostler_hold_call(SYS_munmap, 0, a, 0, 0);
        ostler_hold_call(SYS_munmap, a_end, b - a_end, 0, 0);
        /* Up to where the kernel says that a process's memory ends: the largest that it accepts. */
        for (bits = 57; bits > 30; bits--)
            if (ostler_hold_call(SYS_munmap, b_end, (1UL << bits) - 4096 - b_end, 0, 0) == 0)
                break;
        for (;;) {
            ends[0].fd = 0;
            ends[1].fd = 1;
            ends[0].events = ends[1].events = POLLIN;
            ends[0].revents = ends[1].revents = 0;
            if (ostler_hold_call(SYS_ppoll, (long)ends, 2, 0, 0) != -EINTR)
                break;
        }
        ostler_hold_call(SYS_exit_group, 0, 0, 0, 0);
        for (;;)
            ;
    }

    /* `stack` to `stack_end` is the memory that this is called upon, in whole pages. */
    static int ostler_hold_memory(char *stack, char *stack_end)
    {
        unsigned long page = sysconf(_SC_PAGESIZE);
        unsigned long code = (unsigned long)__start_ostler_hold & ~(page - 1);
        unsigned long code_end = ((unsigned long)__stop_ostler_hold + page - 1) & ~(page - 1);
        unsigned long low = (unsigned long)stack, low_end = (unsigned long)stack_end;
        if (low < code)
            ostler_hold_main(low, low_end, code, code_end);
        else
            ostler_hold_main(code, code_end, low, low_end);
        return 0;
    }
    #else
    static int ostler_hold_memory(char *stack, char *stack_end)
    {
        return -1;
    }
    #endif
    """
    # Doesn't return, but on an architecture that it isn't written for.
    int hold "ostler_hold_memory"(char *stack, char *stack_end) noexcept nogil
