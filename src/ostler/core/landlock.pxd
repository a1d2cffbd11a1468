from ostler.core.spawn cimport Spawn
from ostler.core.confine cimport Confinement

cdef class Landlocked(Confinement):
    cdef bint chroots           # root's: their root directory is the machine's
    cdef list programs          # paths of the host that they may read and run
    cdef int add(self, Spawn *s, int root, int user_ns, int mount_ns) except -1
