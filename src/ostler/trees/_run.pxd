from ostler.core.crossing cimport Core
from ostler.trees._state cimport Block, Engine, Node, Tally

cdef class Run:
    cdef Engine *e
    cdef Core machine
    cdef object kept        # the root as the caller gave it
    cdef object on_error
    cdef object progress
    cdef object interrupt   # what the calling thread must raise
    cdef object to_machine  # where a copy is made, if that has calls that fail on purpose
    cdef object to          # and the name of its root
    cdef object goes_to     # that name as the caller gave it, whatever the machine; else None
    cdef bint alone         # a single entry is copied, to exactly that name
    cdef bint collecting
    cdef bint as_bytes
    cdef int pid
    cdef readonly list errors
    cdef void *new_task(self, size_t size) except NULL
    cdef object place_root(self, object top, str function, bint follow)
    cdef int fit(self, object how, bint alone) except -1
    cdef int look(self) except -1
    cdef int writes_to(self, Core machine, bytes to) except -1
    cdef int refusal(self, Node *node, const char *name, int kind) except -1
    cdef int asked_root(self, const char *name, int kind) except -1
    cdef bint work(self) except -1
    cdef object text(self, const char *path, Py_ssize_t size)
    cdef object place_of_copy(self, bytes path)
    cdef object finish(self)
    cdef object stopped(self)

cdef int open_root(Core machine, object top, str function, bint follow) except -1
cdef int open_place(Core machine, object place, str function, bint follow) except -1
cdef int verify(int fd, object place) except -1
cdef int open_holder(Core machine, object head, str function, object path) except -1
cpdef tuple split(object top)
cdef object counts_of(Tally *tally, object errors)
cdef object joined(const char *head, int head_size, bint ascii, const char *name, int size)
