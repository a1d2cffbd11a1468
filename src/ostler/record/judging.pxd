from ostler.core.libc cimport recording
from ostler.record.addresses cimport Addresses
from ostler.record.calls cimport Rule
from ostler.record.peek cimport Member, Pending
from ostler.record.pieces cimport Entry

cdef class Judging(Addresses):
    cdef unsigned int uid

    cdef bint _only_here(self, Member *m, int number) noexcept nogil
    cdef int _fail(self, Member *m, Entry *entry, int number) noexcept nogil
    cdef bint _may_be_empty(self, Rule *rule, recording.seccomp_notif *asked) noexcept nogil
    cdef int _hindered(self, Member *m, Pending *pending) noexcept nogil
    cdef bint _doubtful(self, Member *m, Rule *rule, recording.seccomp_notif *asked) noexcept nogil

cdef int failed(Entry *entry, int number) noexcept nogil
cdef bint _may_be_above(Pending *pending) noexcept nogil
