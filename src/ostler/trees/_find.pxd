from ostler.trees._engine cimport Block
from ostler.trees._run cimport Run

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

cdef struct FindTask:
    int kinds           # a bit for each DT_ kind that is wanted; 0: all
    int looks           # stat is needed
    int patterns        # numbers in `pattern`: those wanted, then those left out
    int excluded
    int least
    int most
    long size_least
    long size_most
    long newer          # seconds of the epoch, modification time
    long older
    Pattern pattern[64]

# What is handed over: a header for a directory, then its entries. The text follows; all but
# entries have an Origin between.
cdef struct Record:
    unsigned char tag       # HEADER, ENTRY, END, SKIPPED
    unsigned char kind
    unsigned char ascii
    int length

cdef struct Origin:
    long serial
    long parent

cdef enum:
    HEADER = 0
    ENTRY = 1
    END = 2
    SKIPPED = 3

cdef class Stream(Run):
    cdef bint over
    cdef Block *fetch(self) except? NULL

cdef class Found(Stream):
    cdef list patterns      # the text that the task's patterns point into
    cdef list ready
    cdef Py_ssize_t at
    cdef Py_ssize_t skip    # where the part below the root begins
    cdef object expression
    cdef bint typed         # yield (path, kind)
    cdef unpack(self, Block *block)

cdef class Walked(Stream):
    cdef bint sort
    cdef dict begun         # serial -> what is known of a directory
    cdef dict complete      # (serial of the parent, name) -> all of it
    cdef list expected      # [serial, names, which is next] of each level
    cdef object step(self, list level)
    cdef unpack(self, Block *block)
    cdef name(self, char *text, int length, int ascii)
