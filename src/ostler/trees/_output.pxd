from ostler.trees._state cimport Block, Engine, Node, Worker

cdef int report(Worker *worker, Node *node, const char *name, int number,
                const char *doing) noexcept nogil
cdef int reserve(Worker *worker, int size) noexcept nogil
cdef char *room(Worker *worker, int size) noexcept nogil
cdef void flush(Worker *worker) noexcept nogil
cdef int path_length(Node *node) noexcept nogil
cdef void path_write(Node *node, char *at, int length) noexcept nogil
cdef void spoil(Node *node) noexcept nogil
cdef Block *engine_take(Engine *e) noexcept nogil
