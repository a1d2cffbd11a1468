from ostler.trees._state cimport Node, Worker
from ostler.trees._task cimport CopyTask

cdef int link_first(Worker *worker, const char *path, int dir, const char *name) noexcept nogil
cdef char *below_root(CopyTask *task, Node *node, const char *name) noexcept nogil
cdef const char *target_of(Worker *worker, const char *name) noexcept nogil
cdef bint is_current(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int follow_directory(Worker *worker, Node *node, const char *name) noexcept nogil
