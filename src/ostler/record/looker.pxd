from ostler.core cimport libc
from ostler.core.libc cimport recording
from ostler.record.calls cimport Rule
from ostler.record.judging cimport Judging
from ostler.record.peek cimport Member, Pending, Process
from ostler.record.pieces cimport Entry

cdef class Looker(Judging):
    cdef bint hears                 # of each beginning of what shares memory with others
    cdef bint crossed               # processes share it that are not threads, or one was missed: nobody knows which

    cdef int _look(self, Member *member, Rule *rule, recording.seccomp_notif *asked, bint of_32_bits) noexcept nogil
    cdef int _look_at_open(self, Member *m, Rule *rule, recording.seccomp_notif *asked, Entry *entry) noexcept nogil
    cdef int _will_be_made(self, Member *m, Entry *entry, int place, const char *name) noexcept nogil
    cdef bint _look_where_it_is_made(self, Member *m, Rule *rule, recording.seccomp_notif *asked, Entry *entry, unsigned long long flags) noexcept nogil
    cdef int _look_at_change(self, Member *m, Rule *rule, recording.seccomp_notif *asked, Entry *entry) noexcept nogil
    cdef int _look_at_thread(self, Member *m, Rule *rule, recording.seccomp_notif *asked) noexcept nogil
    cdef int _look_within(self, Member *m, recording.seccomp_notif *asked, Entry *entry, unsigned long long flags, unsigned long long resolve) noexcept nogil
    cdef int _look_at_program(self, Member *m, Rule *rule, recording.seccomp_notif *asked, bint of_32_bits) noexcept nogil
    cdef bint _is_settled(self, Member *m, Pending *pending, Entry *entry, int missing) noexcept nogil
    cdef int _look_at_what_is_there(self, Member *m, Entry *entry, int fd, unsigned long long flags) noexcept nogil
    cdef int _will_be_open(self, Member *m, Entry *entry, int fd) noexcept nogil
    cdef unsigned long long _held_by(self, int tid, const libc.stat_t *status) noexcept nogil
    cdef int _settle(self, Member *m, bint finally_) noexcept nogil
    cdef int _settle_early(self, Member *but) noexcept nogil
    cdef int _settle_program(self, Process *p, int asks) noexcept nogil

cdef bint _is_about_itself(int kind) noexcept nogil
