# All that a child has started, and the end of it.
cimport cython

cdef enum:
    _BLOCK = 32768      # bytes of entries of /proc that are read at once

# What /proc tells of a process.
cdef struct Known:
    int pid
    int parent
    int group
    char state

cdef cython.pymutex _turn      # one thread reads at a time

# The processes that there are, by one reading of /proc.
cdef class Reading:
    cdef long number
    cdef int error
    cdef Py_ssize_t count, room
    cdef Known *by_parent       # in the order of their parents
    cdef Known *by_group        # and of their groups
    cdef int fill(self) noexcept nogil
    cdef int _note(self, int proc, const char *name) noexcept nogil
    cdef list children_of(self, int pid)
    cdef list group_of(self, int group)

cdef int kill_family(int root, int group) except -1

cdef int _key(Known *known, bint by_group) noexcept nogil
cdef int _parents_in_order(const void *a, const void *b) noexcept nogil
cdef int _groups_in_order(const void *a, const void *b) noexcept nogil
cdef int _learn(int proc, const char *name, Known *known) noexcept nogil
