# A process that works for this thread for a moment, in its memory, and where it may be sent: in
# namespaces of its own.

ctypedef int (*Work)(void *argument) noexcept nogil

cdef enum:
    STACK = 65536       # bytes, of each

cdef char *stacks(int count) noexcept nogil     # the lowest address of so many; NULL with errno
cdef int give_stacks_back(char *lowest, int count) noexcept nogil

# Let a helper do the work. It stands in this thread's place until it has ended, and no signal
# reaches it. 0; or -1 with errno, and nothing was done.
cdef int in_helper(Work work, void *argument, char *stack) noexcept nogil

cdef int wait_for_end(int pid) noexcept nogil   # of a child of whatever kind
cdef int write_text(int dir, const char *path, const char *text) noexcept nogil  # 0; -1, errno
