# A family: processes with a PID namespace of their own, and a /proc that shows them alone.
#
#     begin_family(&family)       # this process, which has one thread, stays outside
#     pid = fork()                # what it forks from now on is inside
#     stand_for(&family, pid)     # in the parent: wait, end all that is left, end as that child did
#
# Root, which can go in and come back, forks right into one: see Insider.
#
# The namespace's first process does nothing but hold it. It ends when this process does, whatever
# ends that one, and with it the kernel ends all others inside: no process can leave a namespace.
from ostler.core cimport libc
from ostler.core.spawn cimport Spawn

cdef struct Family:
    bint read_only          # the new /proc
    libc.pid_t first        # -1: none
    int line                # by which the first process knows that this one lives
    int number              # the errno, and the step that failed
    const char *step
    # machinery
    Spawn *where            # of an Insider: the machine
    libc.pid_t parent
    int flags               # with which the first process is made, besides its own
    char *stack             # the first process's
    int proc
    int lines[2]
    int words[2]

cdef int begin_family(Family *family) noexcept nogil
cdef int stand_for(Family *family, libc.pid_t pid) noexcept nogil

cdef class Insider:
    cdef Spawn s                # where it lives, until it does
    cdef Family family
    cdef readonly int pid
    cdef int status
    cdef int _first, _owner
    cdef int begin(self) except -1
    cdef void *_argument(self) noexcept nogil
    cdef int _fork(self, int back) except -1
    cdef int _end(self) noexcept nogil

cdef int _failed(Family *family, const char *step) noexcept nogil
cdef int _settled(Family *family) noexcept nogil
cdef int _begin(Family *family) noexcept nogil
cdef int _enter(Family *family) noexcept nogil
cdef int _first(void *argument) noexcept nogil
cdef int _settle(Family *family) noexcept nogil
cdef int _show_processes(Family *family) noexcept nogil
cdef int _begin_there(void *argument) noexcept nogil
