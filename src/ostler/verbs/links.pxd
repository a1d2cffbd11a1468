from ostler.core.crossing cimport Core, Where

cdef class Links(Core):
    pass

# 0, or -1 and the errno that comes first.
cdef int place_second(Core machine, Where *w, Where *x, bint is_looked_for) noexcept nogil
