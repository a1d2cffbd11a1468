# How a name pattern is compared.
cdef enum:
    EVERY = 0
    EXACT = 1
    PREFIX = 2
    SUFFIX = 3
    GLOB = 4

cdef struct Pattern:
    int way
    int length
    const char *text

cdef Pattern *compile_all(object texts) except NULL
cdef object _compile(bytes text, const char *raw, Pattern *pattern)

cdef unsigned int _character(const char *text, int *size) noexcept nogil
cdef int _bracket(const char *pattern, unsigned int character, int *size) noexcept nogil
cdef int _glob(const char *pattern, const char *name) noexcept nogil
cdef int _matches(Pattern *p, const char *name, int length) noexcept nogil
cdef int matches_any(Pattern *p, int count, const char *name, int length) noexcept nogil
