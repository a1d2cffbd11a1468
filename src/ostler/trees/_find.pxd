cimport cython

from ostler.core cimport libc
from ostler.trees._ignoring cimport Ignoring
from ostler.trees._patterns cimport Pattern
from ostler.trees._run cimport Run
from ostler.trees._state cimport Block, Node, Worker

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
    Pattern *pattern
    Ignoring *ignoring

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
    cdef cython.pymutex lock        # for one thread at a time
    cdef unsigned long holder       # which one that is, 0: none
    cdef int check(self) except -1
    cdef Block *fetch(self) except? NULL

cdef class Search(Stream):
    cdef list ready
    cdef Py_ssize_t at
    cdef Py_ssize_t skip    # where the part below the root begins
    cdef object expression
    cdef bint typed         # yield (path, kind)
    cdef int take_patterns(self, FindTask *task, object patterns, object exclude) except -1
    cdef int more(self) except -1
    cdef list unpack(self, Block *block)

cdef class Walked(Stream):
    cdef bint sort
    cdef int most           # how deep it goes
    cdef dict begun         # serial -> what is known of a directory
    cdef dict complete      # (serial of the parent, name) -> all of it
    cdef list expected      # [serial, names, which is next] of each level
    cdef object next_directory(self)
    cdef object step(self, list level)
    cdef unpack(self, Block *block)
    cdef name(self, char *text, int length, int ascii)

cdef int _ascii(const char *text, int length) noexcept nogil
cdef int _sized(int length) noexcept nogil
cdef char *_text(Record *record) noexcept nogil
cdef Origin *_origin(Record *record) noexcept nogil
cdef int _step(Record *record) noexcept nogil
cdef Record *_record(Worker *worker, int tag, Node *node, const char *text,
                     int length) noexcept nogil
cdef int _header(Worker *worker, Node *node) noexcept nogil
cdef void _emit(Worker *worker, Node *node, const char *name, int length, int kind) noexcept nogil
cdef int _find_entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int _find_enter(Worker *worker, Node *node) noexcept nogil
cdef void _find_forget(void *task) noexcept nogil
cdef int _find_refused(Worker *worker, Node *node, int number) noexcept nogil
cdef int _walk_entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef void _walk_after(Worker *worker, Node *node) noexcept nogil
cdef int _walk_refused(Worker *worker, Node *node, int number) noexcept nogil
