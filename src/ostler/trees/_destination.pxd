from ostler.core cimport libc
from ostler.core.crossing cimport Core

cdef int make_directory(Core machine, object to, libc.stat_t *source, object kept,
                        bint merge, int mask) except -1
cdef bint _inside(int directory, libc.stat_t *st) except -1
