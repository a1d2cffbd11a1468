from ostler.core.libc cimport confining as own

# What a child is started with so that it and all that it starts are recorded.
cdef class Door:
    cdef readonly int fd
    cdef readonly int end
    cdef readonly int tracer
    cdef readonly bytes text
    cdef own.sock_fprog program

# Have this process be recorded: 0, or -1 with errno; -2: it has to be killed, for it can't even end.
cdef int be_recorded(int recorder, int end, int tracer, own.sock_fprog *filter) noexcept nogil
cdef int _be_traced(int recorder, int tracer, own.sock_fprog *filter) noexcept nogil
cdef int _install(own.sock_fprog *filter, unsigned long flags) noexcept nogil
cdef long _hand_over(int recorder, int fd) noexcept nogil
