# A family: processes with a PID namespace of their own, and a /proc that shows them alone.
#
#     insider = Insider()         # where it lives is filled in: insider.inside.s
#     insider.begin()             # returns twice, as fork() does: in the copy its pid is 0
#     insider.end()               # all of them
#
# Three processes are made. One has this process's memory: it enters the namespaces, begins the
# family, and forks the copy, which goes on where this thread waits meanwhile. So there is one fork,
# and it is an ordinary user's, too. It stands for the copy then, and waits for it. The second is the
# namespace's first process, with this memory as well, and does nothing but hold it. It ends when
# the other one does, and that one with this process, whatever ends that; with it the kernel ends
# all others inside: no process can leave a namespace. The third is the copy.
from ostler.core cimport libc
from ostler.core.libc cimport family as own
from ostler.core.spawn cimport Spawn

cdef struct Family:
    bint read_only          # the new /proc
    libc.pid_t first        # -1: none
    int line                # by which the first process knows that the other one lives
    int number              # the errno, and the step that failed
    const char *step
    # machinery
    char *stack             # the first process's
    int proc
    int lines[2]
    int words[2]

cdef struct Inside:
    Spawn s                 # the machine
    Family family
    own.Place place         # where the copy goes on
    libc.pid_t parent
    libc.pid_t pid          # the copy's, outside
    int line                # to the parent
    int status              # -1: nobody knows it

cdef class Insider:
    cdef Inside inside
    cdef readonly int pid
    cdef int _first, _stands, _line, _owner
    cdef char *_stack
    cdef int begin(self) except -1
    cdef Inside *_inside(self) noexcept nogil
    cdef int _end(self) noexcept nogil

cdef int _begin_family(Family *family) noexcept nogil
cdef int _failed(Family *family, const char *step) noexcept nogil
cdef int _failed_to(Inside *inside, const char *step) noexcept nogil
cdef int _begin(Family *family) noexcept nogil
cdef int _enter(Family *family) noexcept nogil
cdef int _keep_two(Family *family, int first, int second) noexcept nogil
cdef int _first(void *argument) noexcept nogil
cdef int _settle(Family *family) noexcept nogil
cdef int _show_processes(Family *family) noexcept nogil
cdef int _stand(void *argument) noexcept nogil
