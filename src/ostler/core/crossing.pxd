# The crossing: every call that takes a path goes convert, place, call, check.

from ostler.core cimport libc
from ostler.core cimport python as py
from ostler.core.door cimport Door
from ostler.core.identity cimport take_off
from ostler.core.spawn cimport Spawn, launch, record_by

# What a path-taking call is about to do with the last component of its path.
cdef enum:
    TARGET = 0      # act on what the path means, links followed
    ENTRY = 1       # act on the name itself: create it, remove it, rename it
    LOOK = 2        # look at what the name holds, a last link not followed
    OPEN = 3        # open it, with O_ flags of the caller's own: open_at() does this whole
    SEEN = 4        # as TARGET, for a call that takes AT_ flags: or w.flags into them
    BARE = 5        # as LOOK, for a call that takes no directory descriptor (lsetxattr ...)
    ASKED = 6       # as TARGET, for a call that changes nothing

# What take() admits besides str, bytes and PathLike.
cdef enum:
    ALLOW_FD = 1
    ALLOW_NONE = 2

# The descriptors of a machine, and how many calls are inside with them: who leaves last closes
# them, so that a number is never given out again under a call of another thread.
cdef enum:
    LIFE_FDS = 7
cdef struct Life:
    long calls          # and _CLOSED, and _GONE for each who came to close them
    int fds[LIFE_FDS]   # what is to be closed in the end; -1: nothing

cdef bint come_in(Life *life) noexcept nogil    # or False with EBADF: it is closed
cdef int leave(Life *life) noexcept nogil
cdef int end(Life *life) noexcept nogil         # nobody comes in any more
cdef int end_in_copy(Life *life) noexcept nogil # the same, in a forked copy of this process

cdef struct Where:
    int dir             # directory descriptor for the *at calls, AT_FDCWD
    int fd              # the descriptor given in place of a path, -1: none
    int flags           # AT_ flags that the call must add (AT_EMPTY_PATH), else 0
    int held            # a descriptor that place() opened, for settle() to close, -1: none
    const char *name    # the path as the kernel gets it; NULL when None was given
    Life *life          # that place() came into, for settle() to leave, NULL: none
    bint acting         # with a life: as another user, which settle() ends
    char magic[320]     # room for /proc/self/fd/N/name

cdef class Core:
    cdef public dict _names         # the host: the facade's namespace; other machines: None
    cdef public object environ      # this machine's environment, a mapping
    cdef object shown               # its os.path: for the host a module, else None: a Path
    cdef public object _path        # the host: the Path behind that
    cdef py.PyObject *lent          # the Path, when there is one
    cdef object kept                # the same, unless it is what keeps the machine
    cdef public bint _aside         # the host: its facade's functions may act on another machine
    cdef public object _hooked      # a frozenset of its calls that may fail on purpose, or None
    cdef object its_path(self)
    cdef bint is_hooked(self, str name) except -1
    cdef Door _door                 # to the recorder of what is started, or None
    cdef Door door(self)
    cdef int place(self, Where *w, int purpose) noexcept nogil
    # The three calls that make something with a mode, or open it; instead of place() and the
    # call itself, because a rooted machine has its own umask and opens by openat2. EINTR is the
    # caller's to retry; settle() follows as always.
    cdef int open_at(self, Where *w, int flags, unsigned int mode) noexcept nogil
    cdef int mkdir_at(self, Where *w, unsigned int mode) noexcept nogil
    cdef int mknod_at(self, Where *w, unsigned int mode, unsigned long device) noexcept nogil

    # After place() with ENTRY: whether a name may be removed, or renamed to another one, as far as
    # something may be mounted there that the kernel does not see: 0, or -1 with errno.
    cdef int may_go(self, Where *w, bint directory) noexcept nogil
    cdef int may_move(self, Where *w, Where *w2, unsigned int flags) noexcept nogil
    cdef bint has_mounts(self) noexcept nogil

    # The umask by which this machine makes its files; read, never set.
    cdef int file_mask(self) except -1

    # A child is about to be started in this machine: add to the Spawn what makes it live there
    # (see core/spawn.pxd). The host adds nothing. What the Spawn points to must outlive launch().
    cdef int enter(self, Spawn *s) except -1

cdef class HostCore(Core):
    cdef int place(self, Where *w, int purpose) noexcept nogil
    cdef int open_at(self, Where *w, int flags, unsigned int mode) noexcept nogil
    cdef int mkdir_at(self, Where *w, unsigned int mode) noexcept nogil
    cdef int mknod_at(self, Where *w, unsigned int mode, unsigned long device) noexcept nogil
    cdef int may_go(self, Where *w, bint directory) noexcept nogil
    cdef int may_move(self, Where *w, Where *w2, unsigned int flags) noexcept nogil
    cdef int file_mask(self) except -1
    cdef int enter(self, Spawn *s) except -1

# Start a child of this machine, which the Spawn describes: 0 or an errno (see core/spawn.pxd).
cdef inline int start_child(Core machine, Spawn *s) except -1:
    door = machine.door()
    if door is not None:
        record_by(s, door)
    machine.enter(s)
    with nogil:
        return launch(s)

# What a call makes of a descriptor in place of a path (-1: none is) with follow_symlinks=False.
cdef inline bint must_follow(int fd) noexcept:
    if py.PY_VERSION_HEX >= 0x030F0000:
        return fd != -1
    return fd >= 0 if py.PY_VERSION_HEX >= 0x030E0000 else fd > 0

cdef object take(Where *w, object path, str function, str argument, int allow)
cdef object named(object kept)
cdef object failure(int number, object kept)
cdef object failure2(int number, object kept, object kept2)
cdef object plain_failure(int number)

# After a call that failed: its exception; but when a signal came in between, its handlers have run
# and the call is to be made again.
cdef inline int again(int number) except -1:
    if number != libc.EINTR:
        raise plain_failure(number)
    py.PyErr_CheckSignals()
    return 0

cdef inline int again_at(int number, object kept) except -1:
    if number != libc.EINTR:
        raise failure(number, kept)
    py.PyErr_CheckSignals()
    return 0

# The primitive that a composition is written on. As with os, where a composition looks its
# primitives up in the module: for the host the facade's own, so that a replaced one (a test's
# patch) is seen; else the machine's method.
cdef inline object verb(Core machine, str name):
    cdef py.PyObject *found
    if machine._names is not None:
        found = py.lent_in(<py.PyObject *>machine._names, name)
        if found != NULL:
            value = py.kept(found)
            if not machine._aside or is_replaced(machine, name, value):
                return value
    return getattr(machine, name)

cdef bint is_own(Core machine, str name) except -1
cdef int struck(Core machine, str call, tuple args) except -1
cdef bint is_replaced(Core machine, str name, object found) except -1
cdef int settle(Where *w, long result) noexcept nogil

# As take(), of C text that is at hand, relative to a directory.
cdef inline void take_text(Where *w, int dir, const char *name) noexcept nogil:
    w.fd = w.held = -1
    w.life = NULL
    w.flags = 0
    w.dir = dir
    w.name = name

# place() where a descriptor of -1 may have been given, which os takes for no path at all: the call
# itself is to fail.
cdef inline int placed(Core machine, Where *w, int purpose) noexcept nogil:
    return 0 if w.name == NULL else machine.place(w, purpose)

# stat(2) of what take() has found, a last link followed or not: 0 or an errno.
cdef inline int look_at(Core machine, Where *w, libc.stat_t *st, bint follow) noexcept nogil:
    cdef int r
    if w.fd != -1:
        r = libc.fstat(w.fd, st)
    else:
        r = placed(machine, w, SEEN if follow else LOOK)
        if r == 0:
            r = libc.fstatat(w.dir, w.name, st, w.flags if follow else libc.AT_SYMLINK_NOFOLLOW)
    return settle(w, r)

# A directory's descriptor as audit events show it.
cdef inline int dir_shown(int dir_fd) noexcept:
    return -1 if dir_fd == libc.AT_FDCWD else dir_fd

cdef int _refuse() noexcept nogil
cdef int _give_back(Life *life) noexcept nogil
