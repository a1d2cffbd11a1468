from ostler.xattrs cimport Xattrs

cdef class Files(Xattrs):
    pass
