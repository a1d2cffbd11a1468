# Another user's identity, for one thread and a moment.
#
# The kernel has the ids of a process for each of its threads; that all threads have the same is
# libc's work, which is passed by here. What is put on has effect on this thread's calls alone.
cdef enum:
    IDENTITY_GROUPS = 64

cdef struct Identity:
    int uid             # -1: nobody else's
    int gid
    int count           # of groups
    unsigned int groups[64]

# 0, or -1 with errno: nothing is changed. Unless `wholly` the real user id stays root's, and who is
# that user may send no signal here.
cdef int put_on(Identity *who, bint wholly) noexcept nogil
cdef int take_off() noexcept nogil                  # each put_on() has its own

# Around all that changes ids in this process's memory, a child before its exec too: the last to end
# gives back that the process may be looked into.
cdef void begin_changing() noexcept nogil
cdef void end_changing() noexcept nogil

cdef int _back() noexcept nogil
cdef int _end() noexcept nogil
