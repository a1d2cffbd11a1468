from ostler._core cimport Core

cdef class Xattrs(Core):
    pass
