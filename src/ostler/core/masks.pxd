from ostler.core cimport libc

cdef enum:
    _ROOM = 1 << 22     # bytes for the table of mounts
    _TRIES = 16         # when mounts are moved meanwhile
    _KEPT = 8           # devices
    DEVICES = 7         # that are harmless

# What is kept in hand while everything is covered.
cdef struct Hands:
    int host_proc       # the host's /proc, in which this process looks itself up
    unsigned long host_terminals    # the st_dev of the host's /dev/pts; 0: none
    int proc            # a new one, not yet in its place
    int blank           # a file system with an empty file and an empty directory
    int empties         # another one, upon the root for as long as files are covered; -1: none yet
    int[8] devices      # _KEPT: clones of harmless devices
    int[8] numbers      # which of them each is
    int device_count
    char *table         # of mounts, and the same once more, later
    char *later
    long size
    const char *step    # what failed

cdef int mask(int host_proc, unsigned long host_terminals, const char **step) noexcept nogil
cdef unsigned long terminals() noexcept nogil
# The names of the harmless devices, numbers 0 to DEVICES - 1.
cdef const char *device(int number) noexcept nogil

cdef int _mask(Hands *hands) noexcept nogil
cdef int _cover(Hands *hands, int fd) noexcept nogil
cdef int _put_empties(Hands *hands) noexcept nogil
cdef int _take_empties(Hands *hands) noexcept nogil
cdef int _read_table(Hands *hands, char *to) noexcept nogil
cdef char *_field(char *line, int number) noexcept nogil
cdef char *_kind_of(char *line) noexcept nogil
cdef bint _is(char *word, const char *name) noexcept nogil
cdef int _point(char *line, char *path) noexcept nogil
cdef char *_next(char *line) noexcept nogil
cdef bint _was_moved(char *line, char *later) noexcept nogil
cdef int _mask_mounts(Hands *hands) noexcept nogil
cdef bint _is_one_of(char *word, const char *names) noexcept nogil
cdef bint _is_special(char *kind) noexcept nogil
cdef int _mask_mount(Hands *hands, int fd, char *line, char *path) noexcept nogil
cdef int _cover_part(Hands *hands, int fd, char *line, const char *part) noexcept nogil
cdef int _mask_terminals(Hands *hands, int fd) noexcept nogil
cdef int _give_proc(Hands *hands, int fd) noexcept nogil
cdef int _mask_proc(int proc, int blank) noexcept nogil
cdef int _mask_entry(int proc, char *name, int blank) noexcept nogil
cdef bint _is_harmless(int number, int fd) noexcept nogil
cdef int _keep_devices(Hands *hands) noexcept nogil
cdef int _terminal(Hands *hands) noexcept nogil
cdef int _give_devices(Hands *hands) noexcept nogil
