from ostler.core cimport libc
from ostler.core.libc cimport recording, tracing
from ostler.record.calls cimport Rule
from ostler.record.lookout cimport Lookout
from ostler.record.peek cimport Member, Pending
from ostler.record.pieces cimport Entry, Executed

# Where a relative path begins: a directory, whatever it is called.
cdef struct Base:
    unsigned long long device, inode

# A call that has begun and is not at its end.
cdef struct Underway:
    Underway *outer             # that was interrupted by a signal, whose handler has called this one
    bint interrupted            # the kernel will begin it again, or say EINTR
    bint handled                # a handler of that signal has begun, and not gone back
    int number
    unsigned int arch
    unsigned long long at, stack
    recording.seccomp_notif asked
    Rule *rule
    int kind
    int count                   # of the entries that are written when it ends
    Entry entry
    Entry *more                 # all of them, where they are several
    int *which                  # the message that each is about
    Pending pending             # as the looker has it: where it is to happen
    bint swaps
    bint opens                  # what it opens has a name by its descriptor
    bint executes
    Executed executed
    char *path                  # that an open has, to be looked for when it fails
    bint outside
    bint shared                 # other threads may change what it names
    unsigned long long text, text2      # what the paths were when they were read
    Base base, base2

cdef class Results(Lookout):
    cdef Underway *holding          # what is told is not written yet, but kept for its end
    cdef int texting                # what is written is a text, and no piece

    cdef Underway *_begin(self, Member *m, Rule *rule, tracing.ostler_told *told, int tid, bint of_32_bits) noexcept nogil
    cdef bint _begin_open(self, Member *m, Underway *u) noexcept nogil
    cdef unsigned long long _held_by(self, int tid, const libc.stat_t *status) noexcept nogil
    cdef int _hold(self, Underway *u, const Entry *entry) noexcept nogil
    cdef int _take_pending(self, Member *m, Underway *u) noexcept nogil
    cdef int _end(self, Member *m, Underway *u, long long value) noexcept nogil
    cdef int _end_program(self, Member *m, Underway *u, bint runs) noexcept nogil
    cdef int _name_opened(self, Member *m, Underway *u, int fd) noexcept nogil
    cdef int _name_missed(self, Member *m, Underway *u, int number) noexcept nogil
    cdef int _drop(self, Underway *u) noexcept nogil
    cdef int _lose(self, Underway *u) noexcept nogil
    cdef unsigned long long _read_again(self, int tid, int path, Underway *u) noexcept nogil
    cdef int _look_where_it_begins(self, Underway *u, int dir, const char *text, Base *base) noexcept nogil
    cdef bint _is_elsewhere(self, Underway *u) noexcept nogil
    cdef bint _begins_elsewhere(self, Underway *u, int dir, Base *before) noexcept nogil

cdef Entry *_first(Underway *u) noexcept nogil
cdef bint _has_address(int kind) noexcept nogil
cdef unsigned long long _hash(const char *text) noexcept nogil
