# A family: processes with a PID namespace of their own, and a /proc that shows them alone.
#
#     begin_family(&family)       # this process, which has one thread, stays outside
#     pid = fork()                # what it forks from now on is inside
#     stand_for(&family, pid)     # in the parent: wait, end all that is left, end as that child did
#
# The namespace's first process does nothing but hold it. It ends when this process does, whatever
# ends that one, and with it the kernel ends all others inside: no process can leave a namespace.
from ostler.core cimport libc

cdef struct Family:
    bint read_only          # the new /proc
    libc.pid_t first        # -1: none
    int line                # by which the first process knows that this one lives
    int number              # the errno, and the step that failed
    const char *step
    # machinery
    int proc
    int lines[2]
    int words[2]

cdef int begin_family(Family *family) noexcept nogil
cdef int stand_for(Family *family, libc.pid_t pid) noexcept nogil
cdef int _failed(Family *family, const char *step) noexcept nogil
cdef int _begin(Family *family) noexcept nogil
cdef int _enter(Family *family) noexcept nogil
cdef int _first(void *argument) noexcept nogil
cdef int _settle(Family *family) noexcept nogil
cdef int _show_processes(Family *family) noexcept nogil
