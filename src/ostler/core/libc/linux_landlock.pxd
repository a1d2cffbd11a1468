# The numbers are the same on every architecture; older headers lack some, and the later members.
cdef extern from *:
    """
    #include <linux/landlock.h>
    #include <sys/syscall.h>
    #ifndef SYS_landlock_create_ruleset
    #define SYS_landlock_create_ruleset 444
    #endif
    #ifndef SYS_landlock_add_rule
    #define SYS_landlock_add_rule 445
    #endif
    #ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
    #define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET 1
    #endif
    #ifndef LANDLOCK_SCOPE_SIGNAL
    #define LANDLOCK_SCOPE_SIGNAL 2
    #endif
    #ifndef LANDLOCK_ACCESS_NET_BIND_TCP
    #define LANDLOCK_ACCESS_NET_BIND_TCP 1
    #define LANDLOCK_ACCESS_NET_CONNECT_TCP 2
    #endif
    typedef struct {
        unsigned long long files;
        unsigned long long net;
        unsigned long long scoped;
    } ostler_landlock_ruleset;
    """
    ctypedef struct landlock_ruleset "ostler_landlock_ruleset":
        unsigned long long files
        unsigned long long net
        unsigned long long scoped
    struct landlock_path_beneath_attr:
        unsigned long long allowed_access
        int parent_fd
    enum:
        SYS_landlock_create_ruleset
        SYS_landlock_add_rule
        LANDLOCK_CREATE_RULESET_VERSION
        LANDLOCK_RULE_PATH_BENEATH
        LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
        LANDLOCK_SCOPE_SIGNAL
        LANDLOCK_ACCESS_FS_EXECUTE
        LANDLOCK_ACCESS_FS_WRITE_FILE
        LANDLOCK_ACCESS_FS_READ_FILE
        LANDLOCK_ACCESS_FS_READ_DIR
        LANDLOCK_ACCESS_NET_BIND_TCP
        LANDLOCK_ACCESS_NET_CONNECT_TCP
