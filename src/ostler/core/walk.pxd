# Walking a tree, on the primitives of a machine.
from ostler.core cimport libc
from ostler.core.crossing cimport Core

cdef class Descent:
    cdef object top             # the path of the directory
    cdef object prefix          # the same, for a name to follow; None: join() is asked
    cdef object names           # an iterator over the names still to be entered
    cdef object known           # before 3.12: the names that were no links, or None
    cdef libc.timespec looked   # when os would have looked for links among them

cdef class Listing:
    cdef list dirs
    cdef list files
    cdef list into              # bottom-up: the paths of the directories to walk into
    cdef bint unsure            # some directories may be links

cdef bint owns_path(Core machine, str name) except -1
cdef object walking(Core machine, object top, object topdown, object onerror, object followlinks)
