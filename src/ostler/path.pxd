from ostler.core cimport python as py
from ostler.core.crossing cimport Core

cdef class PathText(Core):
    pass

cdef class Path:
    cdef py.PyObject *whose     # its machine, which is there as long as this is
    cdef Core owned             # the same, where this is what keeps it; None: it keeps this
    cdef object __weakref__     # by which a machine without the GIL knows it
