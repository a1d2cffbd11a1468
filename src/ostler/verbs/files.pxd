from ostler.verbs.xattrs cimport Xattrs

cdef class Files(Xattrs):
    pass
