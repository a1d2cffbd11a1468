from ostler.core cimport libc
from ostler.core.crossing cimport Core
from ostler.trees._run cimport Run
from ostler.trees._state cimport Node, Worker
from ostler.trees._task cimport CopyTask

cdef class Copy(Run):
    cdef CopyTask *task
    cdef object several(self, list found)
    cdef object to_follow(self, list found)

cdef int mask_of(CopyTask *task, Core machine) except -2
cdef object copied_into(CopyTask *task, int fd, libc.stat_t *made)
cdef int enter(Worker *worker, Node *node) noexcept nogil
cdef int entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int follow(Worker *worker, Node *node, const char *name) noexcept nogil
cdef void leave(Worker *worker, Node *node) noexcept nogil
cdef int copy_file(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int copy_opened(Worker *worker, Node *node, const char *name, int fd,
                     libc.stat_t *st) noexcept nogil
cdef int create(Worker *worker, Node *node, const char *name, unsigned int mode,
                char *new) noexcept nogil
cdef void aside(Worker *worker, char *new) noexcept nogil
cdef int put(Worker *worker, Node *node, const char *name, const char *new) noexcept nogil
cdef int named(Worker *worker, Node *node, const char *name, const char *new, libc.stat_t *st,
               long *count) noexcept nogil
cdef int copy_link(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int copy_special(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int make_link(Worker *worker, Node *node, const char *name, libc.stat_t *st) noexcept nogil
cdef int make_special(Worker *worker, Node *node, const char *name,
                      libc.stat_t *st) noexcept nogil
cdef int with_names(Worker *worker, Node *node, const char *name, int kind,
                    libc.stat_t *st) noexcept nogil
cdef int make_room(Worker *worker, Node *node, const char *name) noexcept nogil
