cdef object split(object p)
cdef object splitext(object p)
cdef object basename(object p)
cdef object dirname(object p)
cdef object splitroot(object p)
cdef object normpath(object p)
cdef object commonprefix(object m)
cdef object commonpath(object paths)
cdef object expandvars(object path, object environ)
cdef object fsencode(object filename)
cdef object fsdecode(object filename)
cdef object check_arg_types(str function, args)

cdef Py_ssize_t normalize(const char *source, Py_ssize_t size, char *out) noexcept nogil
cdef Py_ssize_t normalize_from(const char *source, Py_ssize_t size, char *out,
                               Py_ssize_t start) noexcept nogil
