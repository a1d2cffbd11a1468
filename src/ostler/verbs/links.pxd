from ostler.core.crossing cimport Core

cdef class Links(Core):
    pass

# A directory descriptor as audit events show it.
cdef int dir_shown(int dir_fd) noexcept
