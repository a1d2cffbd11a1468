from ostler.record.peek cimport Pending
from ostler.record.pieces cimport Pieces

cdef enum:
    PLACES = 8              # directories that are remembered
    FILES = 256
    LINKS = 1024
    NAME = 232              # bytes of a path that is remembered, with a zero byte

# A directory in which names were looked for, by its own name without any link.
cdef struct Place:
    int fd                  # -1: this one is free
    int users               # calls that are about it
    int root                # -1: nobody finds it any more
    unsigned int size
    unsigned long long where[5]
    char name[NAME]

# A file that was read.
cdef struct Found:
    unsigned int text       # its name with all links followed; 0: it is not known yet
    unsigned int size
    unsigned int epoch
    int root
    unsigned long long since
    unsigned long long where[5]
    char path[NAME]

cdef class RememberedPlaces(Pieces):
    cdef Place *places
    cdef Found *files
    cdef char *links        # whether there was one on the way to a directory, or in it
    cdef Found *wanted      # where what was not known is to be remembered; NULL: nowhere
    cdef unsigned int epoch # what was remembered in another one is not known any more
    cdef int last           # the place that was given last

    cdef char *_links_of(self, const char *path, long *size) noexcept nogil
    cdef int _known_place(self, int root, int root_fd, const char *path, unsigned int size) noexcept nogil
    cdef int _keep_place(self, int root, int fd, const char *path, unsigned int size) noexcept nogil
    cdef int _release(self, int fd) noexcept nogil
    cdef int _drop_pending(self, Pending *pending) noexcept nogil
    cdef int _forget_place(self, Place *one) noexcept nogil
    cdef int _forget_places(self) noexcept nogil
    cdef unsigned int _known_file(self, int root, int root_fd, const char *path) noexcept nogil
    cdef int _keep_file(self, int fd, unsigned int text) noexcept nogil
