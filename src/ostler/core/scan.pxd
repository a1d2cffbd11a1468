# Reading directories: names and entries from blocks of getdents64(2).
cimport cython

from ostler.core cimport libc
from ostler.core.crossing cimport Core, Where

cdef enum:
    BLOCK = 32768       # bytes of entries asked of the kernel at once

cdef class Origin:
    cdef Core machine
    cdef int dir            # the descriptor that was scanned, or AT_FDCWD
    cdef bint text          # names are str, else bytes
    cdef object prefix      # what stands before a name in a path: str or bytes; None: nothing
    cdef object raw         # the same as bytes

cdef class DirEntry:
    cdef object called      # its name
    cdef object whole       # the path, once asked for
    cdef Origin origin
    cdef object seen        # stat results, once asked for: the link followed, and not
    cdef object looked
    cdef unsigned long serial
    cdef unsigned char kind
    cdef object joined(self)
    cdef object fetched(self, bint follow)
    cdef object looked_up(self, bint follow)
    cdef int has_kind(self, bint follow, unsigned int wanted) except -1

cdef class ScandirIterator:
    cdef Origin origin
    cdef object kept        # what take() gave: named in errors
    cdef int fd             # -1: closed
    cdef bint rewinds       # the caller's descriptor is set back at the end, as os does
    cdef char *block
    cdef long at, size
    cdef cython.pymutex lock        # held while the kernel fills the block, and to close
    cdef int fill(self) except -1
    cdef int shut(self) noexcept

cdef object decoded(const char *name)
cdef bint is_ascii(const char *name, size_t size) noexcept nogil
cdef bint is_last(const libc.dirent *entry) noexcept nogil
cdef bint is_dots(const char *name) noexcept nogil
cdef int list_names(list names, int fd, bint text) except -1
cdef int open_directory(Core machine, Where *w, object kept) except -1
cdef object scan(Core machine, object path)
# Whether entries and their iterator have their own methods, so that C need not call them.
cdef bint untouched() except -1
