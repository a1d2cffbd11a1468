from ostler.core cimport libc
from ostler.trees._state cimport Node, Worker

cdef enum:
    ONLY_FIRST = 0
    ONLY_SECOND = 1
    TYPE = 2
    MODE = 3
    OWNER = 4
    SIZE = 5
    TIME = 6
    TARGET = 7
    DEVICE = 8
    CONTENT = 9

cdef struct CompareTask:
    int metadata        # modes and owners
    int times
    int content
    int prefix

# What is handed over, followed by the path.
cdef struct Differs:
    int what
    int length

cdef int enter(Worker *worker, Node *node) noexcept nogil
cdef int entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef void after(Worker *worker, Node *node) noexcept nogil
cdef void differs(Worker *worker, Node *node, const char *name, int what) noexcept nogil
cdef void look(Worker *worker, Node *node, const char *name, libc.stat_t *a,
               libc.stat_t *b) noexcept nogil
cdef void targets(Worker *worker, Node *node, const char *name) noexcept nogil
cdef void contents(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int same_bytes(Worker *worker, int a, int b) noexcept nogil
cdef long next_data(int a, int b, long at, long *end) noexcept nogil
cdef int rounded(int length) noexcept nogil
