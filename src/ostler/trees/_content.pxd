from ostler.core cimport libc
from ostler.trees._state cimport Node, Worker

cdef int copy_content(Worker *worker, int fd, int to, libc.stat_t *st) noexcept nogil
cdef int copy_bytes(Worker *worker, int fd, int to, long at, long size) noexcept nogil
cdef int copy_range(Worker *worker, int fd, int to, long at, long size) noexcept nogil
cdef int write_all(int to, const char *data, long size, long at, bint placed) noexcept nogil
cdef char *large_buffer(Worker *worker) noexcept nogil
cdef void give_up(Worker *worker, Node *node, const char *name, int to) noexcept nogil
