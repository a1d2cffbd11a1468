# The spawn core: one child, described by a struct, started without Python inside.
#
# How it is used:
#
#     s: Spawn
#     prepare(&s)                 # empty: this environment, these descriptors, this directory
#     s.path = ...; s.argv = ...; s.envp = ...
#     machine.enter(&s)           # the machine adds what makes the child live in it
#     with nogil:
#         error = launch(&s)      # 0: s.pid runs the program; else errno, and s.step tells where
#
# enter() comes last before launch(), with nothing in between that can raise.
#
# Everything that the struct points to must stay alive until launch() returns; by then the child
# has its own memory (exec) or is gone and reaped. The child does, in this order, what is asked:
#
#     1. signals whose handler is a function, and those of `defaults`, to their default
#     2. setns() on each of `namespaces`, then unshare(`unshare`)
#     3. with SPAWN_TWICE a second child, for a PID namespace counts only for children;
#        it is our own child (CLONE_PARENT), the first one ends and is reaped
#     4. chroot to `root_fd`; fchdir(`cwd_fd`), chdir(`cwd`): so a path of the new root
#     5. `umask`, `limits`, scheduling, session, process group, ids
#     6. with SPAWN_NO_RIGHTS all capabilities are given up, with SPAWN_FEW_RIGHTS all but a few; with
#        SPAWN_OWN_KEYS a new session keyring; PR_SET_NO_NEW_PRIVS, the Landlock ruleset `landlock`,
#        the `filter` of system calls
#     7. with a `recorder` the filter by which it is recorded, whose listener goes to that socket; with
#        a `tracer`, too, it is traced by that process first, and there is no listener
#     8. with SPAWN_ALONE all descriptors above 2 close at exec; `actions` on descriptors
#        (posix_spawn's kinds), so their opens are confined too
#     9. the signal mask, and exec
#
# core/become.pxd has what does the same in this process, for exec*().
#
# A machine's enter() fills in namespaces, unshare, cwd, umask, landlock, limits and flags, and may
# append to `held` what launch() shall close in this process afterwards. `room` is space for a
# text that must live as long as the struct, such as the working directory.
from ostler.core cimport libc
from ostler.core.door cimport Door
from ostler.core.identity cimport Identity
from ostler.core.libc cimport confining as own

cdef enum:
    SPAWN_SETSID = 1
    SPAWN_SETPGROUP = 2
    SPAWN_RESETIDS = 4
    SPAWN_SETMASK = 8           # `mask` instead of this thread's
    SPAWN_SCHEDPARAM = 16
    SPAWN_SCHEDULER = 32
    SPAWN_PIDFD = 64            # give a pidfd, close-on-exec, in `pidfd`
    SPAWN_NO_NEW_PRIVS = 128
    SPAWN_TWICE = 256
    SPAWN_SEARCH = 512          # `paths` as posix_spawnp searches: stop at a serious error
    SPAWN_FIRST = 1024          # `paths` only while they are missing: stop at any other error
    SPAWN_KEEP = 2048           # a child that failed stays to be waited for: it exited with 127
    SPAWN_REPLACES = 4096       # become(): enter() must find out first what would fail
    SPAWN_ALONE = 8192          # only 0, 1, 2 and what `actions` give stay open in the program
    SPAWN_NO_RIGHTS = 16384     # no capability, whoever it is
    SPAWN_FEW_RIGHTS = 32768    # of the capabilities those over files and its own processes alone
    SPAWN_OWN_KEYS = 65536      # a new session keyring
    SPAWN_AS_USER = 131072      # as `user`, with no way back

# What failed, in `step`.
cdef enum:
    STEP_CLONE = 1
    STEP_NAMESPACE
    STEP_CWD
    STEP_LIMIT
    STEP_SCHEDULE
    STEP_SESSION
    STEP_GROUP
    STEP_IDS
    STEP_LANDLOCK
    STEP_FILTER
    STEP_ACTION
    STEP_EXEC

cdef enum:
    ACT_OPEN = 0                # the numbers are os's POSIX_SPAWN_OPEN and its relatives
    ACT_CLOSE = 1
    ACT_DUP2 = 2
    ACT_CLOSEFROM = 3

cdef struct Action:
    int kind
    int fd
    int to                      # ACT_DUP2
    const char *path            # ACT_OPEN
    int flags
    unsigned int mode

cdef struct Limit:
    int resource
    libc.rlim_t soft
    libc.rlim_t hard

cdef struct Spawn:
    int flags
    # the program
    const char *path            # one path, or
    const char **paths          # several, tried in order, NULL at the end, or
    int exec_fd                 # a descriptor; -1: none
    char **argv
    char **envp
    # where it lives
    int namespaces[8]
    int namespace_count
    int unshare
    int root_fd                 # -1: none
    int cwd_fd                  # -1: none
    const char *cwd             # NULL: none
    int umask                   # -1: this process's
    int landlock                # a ruleset's descriptor; -1: none
    own.sock_fprog *filter     # of system calls; NULL: none
    own.sock_fprog *recorded    # the calls about which the recorder is asked
    int recorder                # a socket to it; -1: none
    int recorder_end            # the other end, which is the recorder's alone
    int tracer                  # the process that traces it; 0: none, it is asked about instead
    Identity user               # with SPAWN_AS_USER
    Limit limits[16]
    int limit_count
    # what it inherits
    Action *actions
    int action_count
    unsigned long long mask         # bit n - 1 for signal n, as the kernel has it
    unsigned long long defaults
    libc.pid_t pgroup
    int policy
    int priority
    # what launch() closes in this process
    int held[16]
    int held_count
    # what a process that stands for its child keeps open, -1: nothing
    int stays
    # the result
    libc.pid_t pid
    int pidfd
    int error
    int step
    # machinery of launch()
    unsigned long long before
    char *second_stack
    bint cleared                # the kernel has set handled signals to their default
    char room[4096]

cdef class Words:
    # A NULL-terminated array of C strings, and the bytes objects that keep them alive.
    cdef const char **array
    cdef list kept

cdef Words words(list kept)

# Parts of filling one in; what is None stays as it was. Words must outlive launch().
cdef inline int run_with(Spawn *s, Words arguments, Words variables) except -1:
    if arguments is not None:
        s.argv = <char **>arguments.array
    if variables is not None:
        s.envp = <char **>variables.array
    return 0

# Have it be recorded; the Door must outlive launch().
cdef inline int record_by(Spawn *s, Door door) noexcept:
    s.recorder = door.fd
    s.recorder_end = door.end
    s.tracer = door.tracer
    s.recorded = &door.program
    return 0

# What the interpreter ignores for itself, no program expects to be ignored.
cdef inline int heed_signals(Spawn *s) noexcept nogil:
    s.defaults |= <unsigned long long>1 << (libc.SIGPIPE - 1)
    s.defaults |= <unsigned long long>1 << (libc.SIGXFSZ - 1)
    return 0

# One more action on descriptors; there must be room for it.
cdef inline int act(Spawn *s, int kind, int fd, int to) noexcept nogil:
    s.actions[s.action_count].kind = kind
    s.actions[s.action_count].fd = fd
    s.actions[s.action_count].to = to
    s.action_count += 1
    return 0

cdef int prepare(Spawn *s) noexcept nogil
cdef int launch(Spawn *s) noexcept nogil
cdef int close_held(Spawn *s) noexcept nogil    # what launch() was to close; the errno of what failed
cdef int keep_copies(Spawn *s) noexcept nogil   # copies of what enter() gave, for launch() to close
cdef int _copy(Spawn *s, int *fd) noexcept nogil
cdef char *_stack(bint twice, size_t size) noexcept nogil
cdef int _child(void *argument) noexcept nogil
cdef int _second(void *argument) noexcept nogil
cdef int fail(Spawn *s, int step) noexcept nogil
cdef int _signals(Spawn *s) noexcept nogil
cdef int live(Spawn *s) noexcept nogil
cdef int schedule(Spawn *s) noexcept nogil
cdef int _as_user(Spawn *s) noexcept nogil
cdef int _be_recorded(Spawn *s) noexcept nogil
cdef int no_rights() noexcept nogil
cdef int _few_rights() noexcept nogil
cdef int _act(Action *a) noexcept nogil
cdef int close_from(unsigned int first) noexcept nogil
cdef int _alone() noexcept nogil
cdef int execute(Spawn *s) noexcept nogil
cdef int reap(libc.pid_t pid) noexcept nogil
