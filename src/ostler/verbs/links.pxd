from ostler.core.crossing cimport Core

cdef class Links(Core):
    pass

# A directory descriptor as audit events show it.
