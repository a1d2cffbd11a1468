from ostler.core.crossing cimport Core

cdef enum:
    _MOST = 1024        # descriptors that a child can be given
