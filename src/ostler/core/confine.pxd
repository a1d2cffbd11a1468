from ostler.core import libc
from ostler.core.spawn cimport Spawn
from ostler.core.filter cimport Filter
from ostler.core.rulesets cimport KERNELS

cdef enum:
    _LEFT = 256         # first processes that are waited for later

cdef int[256] _left
cdef char _left_taken      # while a thread looks at them

# What the helper is asked for, and what it answers.
cdef struct Den:
    int user_ns         # to enter first; -1: we are root
    int mount_ns        # whose root is the machine
    bint network        # the host's network
    int proc            # the host's /proc
    int line[2]         # the first process of the namespaces lives until this is closed
    int word[2]         # it says here that it is ready
    int hold[2]         # of the process that keeps a user namespace until it is held
    int go[2]           # the first process is told here that its namespaces are held
    int maker           # a pidfd of this process
    unsigned long terminals     # the st_dev of the host's
    int first           # its pid
    int pid_ns
    int ipc_ns
    int net_ns
    int own_ns          # the children's mount namespace
    int full_ns         # a user namespace with the same ids and no rights over anything
    const char *uids    # the maps of that user namespace
    const char *gids
    int[KERNELS] kernels     # what is written to on a read-only machine, too
    int number
    const char *step
    char *second        # ends of stacks
    char *third

# What the first process says: that it is ready, or what it could not do.
cdef struct Said:
    int number          # errno
    const char *step

cdef class Confinement:
    cdef Filter calls
    cdef public bytes directory     # where it is in the machine, when the root has more; or None
    cdef int shut_in(self, Spawn *s) except -1
    cdef bint network
    cdef bint alone         # nothing but Landlock: there are no namespaces
    cdef int line
    cdef int watch          # a pidfd of the process that made them
    cdef int first
    cdef int maker
    cdef int pid_ns
    cdef int ipc_ns
    cdef int net_ns
    cdef int own_ns
    cdef int full_ns
    cdef int ruleset
    cdef int reads          # the one of a machine that is read-only
    cdef public bint read_only
    cdef int add(self, Spawn *s, int root, int user_ns, int mount_ns) except -1
    cdef int begin(self, int root, int user_ns, int mount_ns) except -1
    cdef int let_go(self) noexcept nogil

cdef int _end(int pid) noexcept nogil
cdef bint _have_ended(int maker, int line) noexcept nogil
cdef int _add(Spawn *s, int fd) noexcept nogil
cdef int _close(int fd) noexcept nogil
cdef int _close_kernels(Den *den) noexcept nogil
cdef int _failed(Den *den, const char *step) noexcept nogil
cdef int _in_helper(Den *den) noexcept nogil
cdef int _helper(void *argument) noexcept nogil
cdef int _heard(Den *den) noexcept nogil
cdef int _namespace(Den *den, int pid, const char *kind) noexcept nogil
cdef int _full_namespace(Den *den) noexcept nogil
cdef int _keeper(void *argument) noexcept nogil
cdef int _write(Den *den, int pid, const char *name, const char *text) noexcept nogil
cdef int _first(void *argument) noexcept nogil
cdef int _default_signals() noexcept nogil
cdef int _shut_off(Den *den) noexcept nogil
cdef int _forget_arguments(Den *den) noexcept nogil
cdef int _wait() noexcept nogil
cdef int _loopback_up() noexcept nogil
