from ostler.points.stack cimport Layered, Stack

cdef class _Squash:
    cdef Stack stack
    cdef object target
    cdef object copy_data
    cdef object open_below
    cdef dict made
    cdef dict copies
    cdef list later
    cdef list waiting

    cdef run(self)
    cdef other(self, bytes path, Layered seen)
    cdef copy_of_below(self, bytes path, Layered seen)
    cdef data_below(self, bytes path)
    cdef link(self, bytes path, Layered seen)
    cdef bint is_right(self, bytes path, Layered seen) except -1
    cdef anew(self, bytes path, Layered seen, bytes metacopy, object below=*)
    cdef finish(self, bytes path, Layered seen)
    cdef give(self, int fd, status, dict xattrs)
