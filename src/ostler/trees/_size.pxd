from ostler.core cimport libc
from ostler.trees._links cimport Inodes
from ostler.trees._patterns cimport Pattern
from ostler.trees._state cimport Node, Tally, Worker

cdef struct SizeTask:
    int depth           # totals of directories down to this depth; -1: none
    int apart           # files with several names are reported, not counted
    int files           # totals of files too, as deep as those of directories
    int once            # directories that were met, in an earlier tree perhaps, count no more
    int single          # and neither do the files that stand in the set
    int excluded        # names left out with all below
    Pattern *pattern
    Inodes seen

# What is handed over, followed by the path.
cdef struct Total:
    long is_link
    Tally tally
    unsigned long dev
    unsigned long ino
    long kind
    long length

cdef bint _met(SizeTask *task, libc.stat_t *st) noexcept nogil
cdef int _rounded(long length) noexcept nogil
cdef long _bytes(int kind, libc.stat_t *st) noexcept nogil
cdef void _count(Worker *worker, Node *node, int kind, libc.stat_t *st) noexcept nogil
cdef Total *_hand(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int _enter(Worker *worker, Node *node) noexcept nogil
cdef int _refused(Worker *worker, Node *node, int number) noexcept nogil
cdef int _entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef void _leave(Worker *worker, Node *node) noexcept nogil
cdef int number_entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int number_enter(Worker *worker, Node *node) noexcept nogil
cdef int number_refused(Worker *worker, Node *node, int number) noexcept nogil
