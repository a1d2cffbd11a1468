# What a thread was before it has put on another identity.
#
# Not gathered in __init__.pxd: each module that has it has a variable of its own.
cdef extern from *:
    """
    #include <sched.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <sys/types.h>
    #include <unistd.h>
    #ifdef SYS_setgroups32
    #define OSTLER_setgroups SYS_setgroups32
    #else
    #define OSTLER_setgroups SYS_setgroups
    #endif
    struct ostler_own_ids {
        int depth;
        int count;
        uid_t real, effective, saved;
        gid_t gids[3];
        gid_t groups[1024];
    };
    static __thread struct ostler_own_ids ostler_own;

    /* Of all threads: whether the process may be looked into, which the kernel takes from who
       changes his ids, is given back by the last of those who do so at the same time. The lock is
       a process's, so that a forked copy, in which nobody has it, takes it from its parent. */
    static struct {
        pid_t lock;
        pid_t process;
        int changing;
        int dumpable;
    } ostler_ids;

    static inline pid_t ostler_lock_ids(void) {
        pid_t mine = getpid(), holder = 0;
        while (!__atomic_compare_exchange_n(&ostler_ids.lock, &holder, mine, 0,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            if (holder == mine || holder == 0) {
                sched_yield();
                holder = 0;
            }
        }
        return mine;
    }

    static inline void ostler_ids_begin(void) {
        pid_t mine = ostler_lock_ids();
        int known = ostler_ids.changing > 0;
        if (ostler_ids.process != mine) {
            ostler_ids.changing = 0;
            ostler_ids.process = mine;
        }
        if (!known)
            ostler_ids.dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
        ostler_ids.changing++;
        __atomic_store_n(&ostler_ids.lock, 0, __ATOMIC_SEQ_CST);
    }

    static inline void ostler_ids_end(void) {
        pid_t mine = ostler_lock_ids();
        if (ostler_ids.process != mine) {
            ostler_ids.changing = 1;
            ostler_ids.process = mine;
        }
        if (--ostler_ids.changing == 0 && ostler_ids.dumpable == 1)
            prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        __atomic_store_n(&ostler_ids.lock, 0, __ATOMIC_SEQ_CST);
    }
    """
    void ostler_ids_begin() nogil
    void ostler_ids_end() nogil
    enum:
        SYS_setgroups "OSTLER_setgroups"
    struct ostler_own_ids:
        int depth
        int count
        unsigned int real
        unsigned int effective
        unsigned int saved
        unsigned int gids[3]
        unsigned int groups[1024]
    ostler_own_ids ostler_own
