cdef class held:
    cdef int _fd

    cdef int _end(self) noexcept
