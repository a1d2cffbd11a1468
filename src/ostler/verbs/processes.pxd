cdef int to_priority(object param) except? -1
