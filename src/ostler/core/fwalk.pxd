# Walking a tree by descriptors, on the primitives of a machine.
from ostler.core cimport libc
from ostler.core.crossing cimport Core

cdef class Visit:
    cdef object top             # the path of the directory, ending so that a name can follow
    cdef object names           # an iterator over the names still to be entered
    cdef object paths           # an iterator over the paths beside the names, or None: to be joined
    cdef object before          # what was seen before it was opened, to be compared, or None
    cdef object fd              # its descriptor, to be closed
    cdef object result          # what is still to be yielded, or None
    cdef object entries         # an iterator over the entries beside the names, or None

cdef object fwalking(Core machine, object top, object topdown, object onerror,
                     object follow_symlinks, object dir_fd)

cdef int _stat_at(Core machine, int fd, const char *name, bint follow,
                  libc.stat_t *st) noexcept nogil
