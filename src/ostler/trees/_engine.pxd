# The engine under every tree operation: a stack of directories, worked off by threads that hold
# no Python at all.
from ostler.trees._state cimport Batch, Engine, Node, Worker

cdef int maybe_tick(Worker *worker) noexcept nogil
cdef void revisit(Worker *worker, Node *node) noexcept nogil
cdef Engine *engine_new(int threads, int budget) noexcept nogil
cdef int engine_root(Engine *e, int fd, int fd2, const char *name, int length) noexcept nogil
cdef int engine_work(Engine *e) noexcept nogil
cdef void engine_stop(Engine *e) noexcept nogil
cdef void engine_join(Engine *e) noexcept nogil
cdef void engine_free(Engine *e) noexcept nogil
cdef long monotonic() noexcept nogil

cdef Node *_node(Worker *worker, Node *parent, const char *name, int length) noexcept nogil
cdef Batch *_batch(Node *parent, int kind, int size) noexcept nogil
cdef void _push(Engine *e, Batch *batch) noexcept nogil
cdef void _push_own(Worker *worker, Batch *batch) noexcept nogil
cdef void _drop_own(Worker *worker, Batch *batch) noexcept nogil
cdef void _put(Worker *worker, Batch *batch) noexcept nogil
cdef void _give(Worker *worker) noexcept nogil
cdef void _give_all(Worker *worker) noexcept nogil
cdef void _hand_over(Worker *worker) noexcept nogil
cdef int _gather(Worker *worker, Node *node, const char *name) noexcept nogil
cdef void *_helper(void *argument) noexcept nogil
cdef void _begin(Engine *e) noexcept nogil
cdef int _work(Worker *worker) noexcept nogil
cdef void _wait_for_room(Engine *e) noexcept nogil
cdef Node *_next(Worker *worker, Batch *batch) noexcept nogil
cdef Batch *_take(Worker *worker, Node **node) noexcept nogil
cdef void _visit(Worker *worker, Node *node) noexcept nogil
cdef int _refusal(Worker *worker, Node *node, const char *name, int kind,
                  const char *doing) noexcept nogil
cdef int asked(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int _agree(Worker *worker, Node *node) noexcept nogil
cdef void _enter_root(Worker *worker, Node *root) noexcept nogil
cdef void _read(Worker *worker, Node *node) noexcept nogil
cdef int _hand_out(Worker *worker, Node *node, long n) noexcept nogil
cdef int _entries(Worker *worker, Node *node, char *entries, long size) noexcept nogil
cdef void _complete(Worker *worker, Node *node, int held) noexcept nogil
