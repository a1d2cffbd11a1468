# What a thread was before it has put on another identity.
#
# Not gathered in __init__.pxd: each module that has it has a variable of its own.
cdef extern from *:
    """
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <sys/types.h>
    #ifdef SYS_setgroups32
    #define OSTLER_setgroups SYS_setgroups32
    #else
    #define OSTLER_setgroups SYS_setgroups
    #endif
    struct ostler_own_ids {
        int depth;
        int dumpable;
        int count;
        uid_t real, effective, saved;
        gid_t gids[3];
        gid_t groups[1024];
    };
    static __thread struct ostler_own_ids ostler_own;
    """
    enum:
        PR_GET_DUMPABLE
        SYS_setgroups "OSTLER_setgroups"
    struct ostler_own_ids:
        int depth
        int dumpable
        int count
        unsigned int real
        unsigned int effective
        unsigned int saved
        unsigned int gids[3]
        unsigned int groups[1024]
    ostler_own_ids ostler_own
