# The number is the same on every architecture; older headers lack it.
cdef extern from *:
    """
    #include <linux/landlock.h>
    #include <sys/syscall.h>
    #ifndef SYS_landlock_create_ruleset
    #define SYS_landlock_create_ruleset 444
    #endif
    """
    enum:
        SYS_landlock_create_ruleset
        LANDLOCK_CREATE_RULESET_VERSION
