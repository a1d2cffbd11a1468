from ostler.core cimport libc
from ostler.trees._state cimport Node, Worker

# One clause of a symbolic mode.
cdef struct Clause:
    unsigned int who        # the bits that it may touch
    unsigned int clears     # what = takes away
    int act                 # + - =
    unsigned int bits
    int search              # X: execution for directories and for what has it already
    int like                # u, g or o: as these have it; else 0

cdef struct ChangeTask:
    unsigned int mode
    int clauses             # 0: the number above is meant
    Clause clause[32]
    unsigned int uid
    unsigned int gid

cdef object parse(object text, ChangeTask *task, object umask)
cdef unsigned int wanted(ChangeTask *task, unsigned int mode) noexcept nogil
cdef int mode_enter(Worker *worker, Node *node) noexcept nogil
cdef int mode_entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int mode_refused(Worker *worker, Node *node, int number) noexcept nogil
cdef void mode_leave(Worker *worker, Node *node) noexcept nogil
cdef int owner_entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef void owner_leave(Worker *worker, Node *node) noexcept nogil
