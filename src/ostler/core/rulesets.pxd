cdef enum:
    KERNELS = 11

cdef long landlock_version() noexcept
cdef unsigned long long landlock_files(long version) noexcept
cdef int ruleset(int root, bint alone, bint network, bint reads) noexcept
cdef int allow_below(int rules, int root, bytes path) noexcept
cdef int open_kernels(int proc, int pid, unsigned long host_terminals, int *found) noexcept nogil
cdef int allow_kernels(int rules, int *found) noexcept

cdef int open_kernels(int proc, int pid, unsigned long host_terminals, int *found) noexcept nogil
cdef const char *_kernels(int i) noexcept nogil
cdef bint _is_kernels(int i, int fd, unsigned long host_terminals) noexcept nogil
