from ostler._core cimport Core

cdef class PathText(Core):
    pass

cdef class Path:
    cdef readonly Core machine
