# Rules of .gitignore files, for threads that hold no Python.
cdef enum:
    NEGATIVE = 1
    DIRECTORY = 2       # the rule is about directories alone
    BY_NAME = 4         # it is about the last name, wherever that is

cdef struct Rule:
    int flags
    int plain           # how many bytes at its beginning mean themselves
    int length
    const unsigned char *text

cdef struct Ruleset:
    int count
    Rule rule[1]        # and more, then the text that they point into

cdef class Rules:
    cdef Ruleset *rules

cdef Ruleset *ruleset_new(const char *text, long size) noexcept nogil
cdef int ruleset_says(Ruleset *rules, const char *path, long length, int directory) noexcept nogil

cdef int _read(const char *line, long size, Rule *rule) noexcept nogil
cdef long _trimmed(const char *line, long size) noexcept nogil
cdef bint _fits(Rule *rule, const unsigned char *text, Py_ssize_t length) noexcept nogil
cdef bint _wild(const unsigned char *p, Py_ssize_t size, const unsigned char *t, Py_ssize_t length,
                bint path) noexcept nogil
cdef Py_ssize_t _one(const unsigned char *p, Py_ssize_t size, int byte, bint path) noexcept nogil
cdef Py_ssize_t _bracket(const unsigned char *p, Py_ssize_t size, int byte,
                         bint path) noexcept nogil
cdef int _is_of_class(const unsigned char *name, Py_ssize_t size, int c) noexcept nogil
cdef bint _is(const unsigned char *name, Py_ssize_t size, const char *word) noexcept nogil
