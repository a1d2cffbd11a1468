cdef enum:
    SCRATCH = 0     # a new tmpfs
    TREE = 1        # a clone of what is mounted at a directory and below
    CHILDREN = 2    # a mount namespace that has a machine's root as its root
    BUILD = 3       # a list of Steps
    CHANGE = 4      # other limits for a tmpfs, or a mount made read-only, while it is used

cdef enum:
    CLONE = 0       # a clone of `source` and all below
    CLONE_ONE = 1   # of `source` alone
    OVERLAY = 2     # an overlay over `source`
    FRESH = 3       # a new file system of the kind `source`; a read-only one, which nobody can put
                    # anything into, hides what is there, and is nothing where there is no place
    CLONE_WRITABLE = 4  # a clone of `source` alone that can be written to, though it can't
    CLONE_PLACED = 5    # as CLONE, but nothing where there is no place for it
    SHOWN = 6           # as CLONE, at a place that is made for it; of a symbolic link one like it
    SHOWN_PASSING = 7   # as SHOWN, but nothing where `source` is gone
    DIRECTORY = 8       # a directory, if there is none yet
    LINK = 9            # a symbolic link to `source`

# One mount of a machine that has several.
cdef struct Step:
    int kind
    const char *target      # where on the tree so far; NULL: it is the root
    const char *source      # a path of the host; of an overlay each one, with a zero byte behind it
    const char *upper       # NULL: it can only be read
    const char *work
    const char *options     # key\0value\0 ... \0, the value empty for a flag
    bint read_only
    bint is_mounted         # the answer: something is, at the target

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
    bint changes_read_only
    bint whole          # the whole file system, not this mount of it
    bint alone          # this mount, without those below
    const char *size    # of a tmpfs; NULL: the kernel's default
    const char *inodes
    Step *steps
    int step_count
    int place               # a descriptor by which steps name their layers, and the path in the
    const char *place_path  # mount namespace at which that directory is to be found; or NULL
    int failed_step
    int above               # the directory that the last place was made in; -1: none
    const char *above_path  # the beginning of that step's target, and its length
    size_t above_size
    int root            # the answer: the detached mount
    int number          # errno, and the step that failed
    const char *step

# Descriptors that are closed with it, unless a machine has taken them over.
cdef class Made:
    cdef readonly int root
    cdef readonly int user_ns       # -1: none
    cdef readonly int mount_ns
    cdef readonly int number        # errno, when it could not be made, and the step that failed
    cdef readonly object step
    cdef readonly int failed        # which of several steps
    cdef readonly object mounted    # the targets at which something was, of those before
    cdef int leave(self, int fd) noexcept

cpdef tuple children(int root, int user_ns, int mount_ns)
cpdef bint openat2_works()

cdef int _failed(Order *order, const char *step) noexcept nogil
cdef int _map_identity(Order *order) noexcept nogil
cdef int _own_namespaces(Order *order, int kinds) noexcept nogil
cdef long _set(int fs, const char *key, const char *value) noexcept nogil
cdef int _tmpfs(Order *order) noexcept nogil
cdef int _clone_tree(Order *order, int dir) noexcept nogil
cdef int _overlay(Order *order, Step *step) noexcept nogil
cdef long _layer(int fs, const char *key, const char *path) noexcept nogil
cdef int _lowers(int fs, const char *paths) noexcept nogil
cdef int _fresh(Order *order, Step *step) noexcept nogil
cdef int _cloned(Order *order, Step *step) noexcept nogil
cdef int _find_place(Order *order) noexcept nogil
cdef int _walk_to(int root, const char *path) noexcept nogil
cdef int _open_below(Order *order, const char *path) noexcept nogil
cdef int _find_target(Order *order, Step *step) noexcept nogil
cdef const char *_name_of(Step *step) noexcept nogil
cdef int _find_above(Order *order, Step *step) noexcept nogil
cdef int _made_place(Order *order, int r) noexcept nogil
cdef int _entry(Order *order, Step *step) noexcept nogil
cdef int _shown(Order *order, Step *step) noexcept nogil
cdef int _put(Order *order, Step *step, int mount) noexcept nogil
cdef int _build(Order *order) noexcept nogil
cdef int _change(Order *order) noexcept nogil
cdef int _make_root(Order *order, int tree) noexcept nogil
cdef int _join(Order *order) noexcept nogil
cdef int _children(Order *order) noexcept nogil
cdef int _carry_out(Order *order, int dir) noexcept nogil
cdef int _helper(void *argument) noexcept nogil
cdef int _in_helper(Order *order) noexcept nogil
cdef int _drop(Order *order) noexcept nogil
