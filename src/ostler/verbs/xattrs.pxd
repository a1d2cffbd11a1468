from ostler.core.crossing cimport Core

cdef class Xattrs(Core):
    pass
