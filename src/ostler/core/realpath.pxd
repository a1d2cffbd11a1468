from ostler.core.crossing cimport Core

cdef object realpath(Core machine, object filename, object strict)
cdef object abspath(Core machine, object path)
cdef object walk(Core machine, object path, object rest, object strict, dict seen)
cdef object joined(Core machine, object path, tuple parts)

cdef Py_ssize_t _from_here(char *out, const char *text, Py_ssize_t size) noexcept nogil
cdef Py_ssize_t _resolve(const char *text, Py_ssize_t size, char *whole, char *out,
                         bint lenient) noexcept nogil
cdef Py_ssize_t _plain(const char *text, Py_ssize_t size, char *out) noexcept nogil
cdef Py_ssize_t _follow(const char *text, Py_ssize_t size, int error, char *rest,
                        char *out) noexcept nogil
cdef Py_ssize_t _read_each(const char *text, Py_ssize_t size, char *rest, char *out) noexcept nogil
cdef int _refused(char *text, Py_ssize_t size) noexcept nogil

cdef enum:
    PARTS = 64  # a path of more is read part by part
