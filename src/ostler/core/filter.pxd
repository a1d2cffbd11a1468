from ostler.core.libc cimport confining as own

cdef class Filter:
    # The instructions, as the kernel takes them; `program` points into `text`.
    cdef readonly bytes text
    cdef own.sock_fprog program

cdef Filter calls_of_confined(bint alone, bint scoped)
