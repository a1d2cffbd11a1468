# The tracer: a process of its own, beside the one that records, whose memory it shares.
from ostler.core.libc cimport tracing
from ostler.record.peek cimport Member, Process
from ostler.record.pieces cimport Ended
from ostler.record.results cimport Results, Underway

cdef enum:
    TRACEES = 1024          # of the lists in which they are found
    STOPS = 256             # that are fetched before the first is let go on
    STACK = 1 << 18

# A thread that is traced.
cdef struct Tracee:
    int tid
    Underway *call          # the innermost one
    Tracee *next

cdef struct Stop:
    int tid
    int status

cdef class Tracer(Results):
    cdef Tracee **tracees
    cdef int count              # of them
    cdef Stop stops[STOPS]
    cdef int heard              # where it is told to look at what it is asked
    cdef int ready              # an eventfd: whether it can trace is known
    cdef int parent
    cdef readonly int pid       # of the process
    cdef readonly int refused   # the errno of why it can't trace
    cdef bint over              # it has come to its end by itself
    cdef bint apart             # it keeps nothing of the other process open
    cdef int status             # of the process whose end is told

    cdef int _attend(self) noexcept nogil
    cdef int _work(self) noexcept nogil
    cdef int _watch(self) noexcept nogil
    cdef int _stay(self) noexcept nogil
    cdef int _take_stops(self, int count) noexcept nogil
    cdef int _take_letters(self) noexcept nogil
    cdef int _stand_alone(self) noexcept nogil
    cdef int _stopped(self, int tid, int status) noexcept nogil
    cdef int _go(self, Tracee *t, int number) noexcept nogil
    cdef int _call_begins(self, Tracee *t) noexcept nogil
    cdef bint _begins_again(self, Tracee *t, tracing.ostler_told *told) noexcept nogil
    cdef int _call_stops(self, Tracee *t) noexcept nogil
    cdef int _call_ends(self, Tracee *t, long long value) noexcept nogil
    cdef int _share(self, int tid) noexcept nogil
    cdef int _has_child(self, int tid, int event) noexcept nogil
    cdef int _lose_all(self, Tracee *t) noexcept nogil
    cdef int _runs_another(self, Tracee *t) noexcept nogil
    cdef Tracee *_tracee(self, int tid) noexcept nogil
    cdef int _gone(self, int tid, int status) noexcept nogil
    cdef int _forget_tracee(self, int tid) noexcept nogil
    cdef bint _may_share(self, Process *parent) noexcept nogil
    cdef Member *_known_member(self, int tid) noexcept nogil
    cdef int _how_ended(self, Process *p, Ended *ended) noexcept nogil

cdef int _run(void *tracer) noexcept nogil
