from ostler.record.pieces cimport Pieces

cdef enum:
    LINKS = 1024

cdef class SeenLinks(Pieces):
    cdef char *links        # whether there was one on the way to a directory, or in it

    cdef char *_links_of(self, const char *path, long *size) noexcept nogil
