from ostler.core cimport libc
from ostler.core.libc cimport recording
from ostler.record.peek cimport Member, Pending, Process, Status
from ostler.record.pieces cimport Ended
from ostler.record.seen_links cimport SeenLinks

cdef enum:
    ROOTS = 32
    CROWD = 1024            # of the lists in which processes and threads are found

cdef struct Root:
    int fd
    unsigned long long place[3]
    char name[4096]         # as we see it
    long length             # of that, 0 for our own root; -1: it is longer

cdef class Crowd(SeenLinks):
    cdef int epoll
    cdef readonly unsigned int processes
    cdef Member **members
    cdef Process **all
    cdef Root *roots
    cdef int root_count
    cdef int turning                # how many threads are about to give processes another root
    cdef int itself                 # of what _given() found: the descriptor that is meant; -1: a path
    cdef int empty                  # of what it found: 0 a path, 1 an empty one, 2 none
    cdef bint outside               # whether `path` is one of ours: it begins outside of its root
    cdef bint outside2              # and `path2`
    cdef char *path
    cdef char *path2
    cdef char *again
    cdef char *full
    cdef char *words
    cdef char *first                # `path` as the call has it
    cdef int descriptors            # the directory of ours in /proc
    cdef char *cwd                  # of the thread that asks, if `cwd_size`: it is read once a call
    cdef long cwd_size
    cdef int cwd_of

    # Whether a path could be found, or what: -1 with errno where not.
    cdef int _given(self, Member *m, int dir, int path, recording.seccomp_notif *asked, char *into) noexcept nogil
    cdef int _join(self, Member *m, int dir, recording.seccomp_notif *asked, char *path, char *into) noexcept nogil
    cdef bint _begins_outside(self, const char *path) noexcept nogil
    cdef int _is_outside(self, const char *path, bint outside) noexcept nogil
    cdef int _within_root(self, Process *p, char *into) noexcept nogil
    cdef int _of_fd(self, Member *m, int fd, char *into) noexcept nogil
    cdef long _cwd(self, int tid, char *into) noexcept nogil
    cdef int _open_itself(self, Member *m, int fd) noexcept nogil
    cdef int _root(self, Process *p) noexcept nogil
    cdef int _close_watched(self, int fd) noexcept nogil
    cdef int _forget_root(self, int root) noexcept nogil
    cdef int _turn(self, Member *m) noexcept nogil
    cdef int _turned(self, Member *m) noexcept nogil
    cdef int _lends(self, Process *p) noexcept nogil
    cdef int _open(self, Process *p, const char *path, unsigned long long flags) noexcept nogil
    cdef int _open_named(self, Process *p, const char *path, unsigned long long flags, long *length) noexcept nogil
    cdef int _place(self, Member *m, char *path, char **name) noexcept nogil
    cdef int _place_to_make(self, Member *m, bint follow, char **name) noexcept nogil

    # What has become of a call; a kind that knows says it.
    cdef int _drop_pending(self, Pending *pending) noexcept nogil
    cdef int _settle(self, Member *m, bint finally_) noexcept nogil
    cdef bint _may_share(self, Process *parent) noexcept nogil
    cdef Member *_member(self, int tid, int listener, unsigned long long id) noexcept nogil
    cdef Process *_process(self, int pid) noexcept nogil
    cdef Process *_new_process(self, Status *status, int pidfd) noexcept nogil
    cdef int _forget_member(self, Member *m) noexcept nogil
    cdef int _forget_members(self, Process *p, int but) noexcept nogil
    cdef int _ended(self, int pid) noexcept nogil
    cdef int _how_ended(self, Process *p, Ended *ended) noexcept nogil
