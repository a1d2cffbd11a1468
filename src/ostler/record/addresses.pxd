from ostler.core.libc cimport recording
from ostler.record.calls cimport Rule
from ostler.record.crowd cimport Crowd
from ostler.record.peek cimport Member
from ostler.record.pieces cimport Entry

cdef class Addresses(Crowd):
    cdef Member *waiting            # for something to be seen of what they do
    cdef int message                # of several, the one that is looked at

    cdef int _look_at_messages(self, Member *m, Rule *rule, recording.seccomp_notif *asked, Entry *entry, bint of_32_bits) noexcept nogil
    cdef int _look_at_address(self, Member *m, recording.seccomp_notif *asked, Entry *entry, unsigned long long at, unsigned long long size) noexcept nogil
    cdef int _wait(self, Member *m) noexcept nogil
    cdef int _wait_no_more(self, Member *m) noexcept nogil
