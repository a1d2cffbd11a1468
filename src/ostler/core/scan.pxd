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

cdef inline bint is_dots(const char *name) noexcept nogil:
    return name[0] == b"." and (name[1] == 0 or (name[1] == b"." and name[2] == 0))

# Whether the file system says that nothing follows; many don't say, and give an empty block. ext4
# and btrfs do, by the largest position that there is.
cdef inline bint is_last(const libc.dirent *entry) noexcept nogil:
    return entry.d_off == 0x7FFFFFFFFFFFFFFFLL

# The entries of an open directory, one after the other.
cdef struct Reading:
    int fd
    int error           # what ended it; 0: nothing has yet, or the directory was at its end
    bint last           # the entry that was read last is the last of all
    long at
    long size
    char block[BLOCK]

cdef inline void begin(Reading *reading, int fd) noexcept:
    reading.fd = fd
    reading.error = 0
    reading.last = False
    reading.at = reading.size = 0

# The next one but "." and "..", NULL at the end. It is valid until the next call.
cdef inline libc.dirent *next_entry(Reading *reading) noexcept:
    cdef libc.dirent *entry
    while True:
        if reading.at >= reading.size:
            if reading.last:
                return NULL
            with nogil:
                reading.size = libc.getdents64(reading.fd, reading.block, BLOCK)
                # A directory that was removed meanwhile is at its end.
                if reading.size < 0 and libc.errno != libc.ENOENT:
                    reading.error = libc.errno
            if reading.size <= 0:
                return NULL
            reading.at = 0
        entry = <libc.dirent *>&reading.block[reading.at]
        reading.at += entry.d_reclen
        reading.last = is_last(entry)
        if not is_dots(entry.d_name):
            return entry

cdef int list_names(list names, int fd, bint text) except -1
cdef int open_directory(Core machine, Where *w, object kept) except -1
cdef object scan(Core machine, object path)
# Whether entries and their iterator have their own methods, so that C need not call them.
cdef bint untouched() except -1
