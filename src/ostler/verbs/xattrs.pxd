from ostler.core.crossing cimport Core, Where

cdef class Xattrs(Core):
    pass

cdef Py_ssize_t _get(const char *name, Where *w, const char *attribute, char *room, size_t size,
                     bint follow) noexcept nogil
cdef Py_ssize_t _list(const char *name, Where *w, char *room, size_t size,
                      bint follow) noexcept nogil
cdef const char *_spell(Core self, Where *w, bint follow, char *room) noexcept nogil
