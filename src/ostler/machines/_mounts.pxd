cdef enum:
    _STACK = 65536      # bytes for the helper

cdef enum:
    SCRATCH = 0     # a new tmpfs
    TREE = 1        # a clone of what is mounted at a directory and below
    CHILDREN = 2    # a mount namespace that has a machine's root as its root

# What a helper is asked for, and what it answers; read and written without the GIL.
cdef struct Order:
    int work
    bint enters         # in a new user and mount namespace
    int user_ns         # namespaces to enter, or that were made; -1: none
    int mount_ns
    int uid
    int gid
    int dir             # the directory that the work is about; -1: none
    bint read_only
    const char *size    # of a tmpfs; NULL: the kernel's default
    const char *inodes
    int root            # the answer: the detached mount
    int number          # errno, and the step that failed
    const char *step

cpdef tuple children(int root, int user_ns, int mount_ns)
