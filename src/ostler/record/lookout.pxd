# The lookout: answers the kernel, for each call of a recorded program, and writes down what it was.
from ostler.core cimport libc
from ostler.core.libc cimport recording
from ostler.record.calls cimport CallRules, Rule
from ostler.record.looker cimport Looker
from ostler.record.peek cimport Process

cdef enum:
    POLLED = 256            # descriptors that are waited for directly, at the most

cdef class Lookout(Looker):
    cdef CallRules rules
    cdef int wake, socket
    cdef int listeners
    cdef libc.pollfd polled[POLLED] # `epoll`, `wake`, `socket`, and listeners
    cdef int polls
    cdef int highest                # of the descriptors that it answers by
    cdef bint ends, leaves, hushes
    cdef int rounds                 # since somebody waits for it
    cdef long asked, done           # to write down everything

    cdef int _serve(self) noexcept nogil
    cdef int _poll(self, int fd) noexcept nogil
    cdef bint _take_what_came(self, long *wanted, bint *asked) noexcept nogil
    cdef bint _look_around(self) noexcept nogil
    cdef int _answer_alone(self) noexcept nogil
    cdef int _take_listener(self) noexcept nogil
    cdef int _hush(self) noexcept nogil
    cdef bint _may_change(self, int kind, unsigned long long value) noexcept nogil
    cdef Rule *_of_socketcall(self, int tid, recording.seccomp_notif *asked) noexcept nogil
    cdef int _go_on(self, int listener, unsigned long long id) noexcept nogil
    cdef int _answer(self, int listener) noexcept nogil
    cdef int _settle_all(self) noexcept nogil
