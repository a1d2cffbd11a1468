from ostler.trees._ignore cimport Ruleset
from ostler.trees._state cimport Node, Worker

# Rules that come from above the root; `prefix` leads from there to it.
cdef struct Layer:
    Ruleset *rules
    char *prefix
    int length

# What a search leaves out besides what the files of rules below its root say.
cdef struct Ignoring:
    int layers              # the weakest first
    Layer *layer
    Ruleset *everywhere     # in repositories that lie within, too
    char *names             # of the files of rules in each directory, the weakest first, each
    int count               # ended by NUL

# A worker's room for paths.
cdef struct Room:
    long size
    char data[1]

cdef Ignoring *ignoring_new(list names, list layers, bytes everywhere) except NULL
cdef void ignoring_free(Ignoring *ignoring) noexcept nogil
cdef int ignoring_enter(Ignoring *ignoring, Worker *worker, Node *node) noexcept nogil
cdef int ignores(Ignoring *ignoring, Worker *worker, Node *node, const char *name, int length,
                 int directory) noexcept nogil

cdef char *_copied(bytes text) except NULL
cdef Ruleset *_rules(bytes text) except NULL

cdef bint _is_repository(Worker *worker, int dir) noexcept nogil
cdef bint _is_head(Worker *worker, int dir) noexcept nogil
cdef bint _begins(Worker *worker, int dir, const char *name, const char *words,
                  const char *then) noexcept nogil
cdef int _append(Worker *worker, Node *node, const char *name, char **text,
                 long *size) noexcept nogil
cdef bint _knows_git(Ignoring *ignoring) noexcept nogil
