from ostler.core.crossing cimport Core
from ostler.core.spawn cimport Words

cdef list byte_strings(object given)
cdef Words parse_environment(object env)
cdef Words environment_of(Core machine)
cdef list children_entries(Core machine)
cdef Words children_environment(Core machine)
cdef Words children_block(Core machine)
cdef object search_path(Core machine)
