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
