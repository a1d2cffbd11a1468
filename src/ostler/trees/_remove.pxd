from ostler.trees._state cimport Node, Worker

cdef int _unlink(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int _rmdir(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int _entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int _refused(Worker *worker, Node *node, int number) noexcept nogil
cdef void _leave(Worker *worker, Node *node) noexcept nogil

cdef long *retries(Worker *worker) noexcept nogil
