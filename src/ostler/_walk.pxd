# Walking a tree, on the primitives of a machine.
from ostler._core cimport Core

cdef class Descent:
    cdef object top             # the path of the directory, ending so that a name can follow
    cdef object prefix          # walk: the same, for a name to follow; None: join() is asked
    cdef object names           # an iterator over the names still to be entered
    cdef int fd                 # fwalk: the directory's descriptor, to be closed; else -1
    cdef object result          # what is still to be yielded, or None
    cdef object entries         # fwalk: an iterator over the entries beside the names, or None

cdef class Found:
    cdef list dirs
    cdef list files
    cdef list into              # bottom-up: the paths of the directories to walk into

cdef bint owns_path(Core machine, str name) except -1
cdef object walking(Core machine, object top, object topdown, object onerror, object followlinks)
cdef object fwalking(Core machine, object top, object topdown, object onerror,
                     object follow_symlinks, object dir_fd)
