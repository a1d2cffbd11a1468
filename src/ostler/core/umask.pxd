# This process's file mode creation mask; read, never set.
cpdef int process_umask() noexcept nogil
cpdef int umask_by_thread() noexcept nogil
cdef int _told() noexcept nogil
cdef void *_found(void *mask) noexcept nogil
