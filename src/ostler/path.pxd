from ostler._core cimport Core

cdef class Path:
    cdef readonly Core machine
