from ostler.trees._state cimport Engine, Node, Worker

cdef int hold(Worker *worker, Node *node) noexcept nogil
cdef void unhold(Engine *e, Node *node) noexcept nogil
cdef int open_directory(Worker *worker, int dir, const char *name) noexcept nogil
cdef int open_any(Worker *worker, int dir, const char *name, int flags, int mode) noexcept nogil
cdef int open_through(Worker *worker, int dir, const char *name, int flags, int mode) noexcept nogil
cdef void enlist(Node *node) noexcept nogil
cdef void shut(Node *node) noexcept nogil

cdef void _unlist(Node *node) noexcept nogil
cdef int _identify(Node *node) noexcept nogil
cdef int _evict(Worker *owner) noexcept nogil
cdef int _reopen(Worker *worker, Node *node) noexcept nogil
cdef int _reopen_one(Worker *worker, int *fd, Node *held, Node *step, int keep) noexcept nogil
