from ostler.trees._copy cimport CopyTask
from ostler.trees._engine cimport Node

cdef int link_first(CopyTask *task, const char *path, int dir, const char *name) noexcept nogil
cdef char *below_root(CopyTask *task, Node *node, const char *name) noexcept nogil
