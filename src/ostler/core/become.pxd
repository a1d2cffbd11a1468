# exec*(): what launch() does in a child, in this process: namespaces, directory, program.
#
# become() returns only when that failed, with the errno; s.step tells where.
#
# - With SPAWN_TWICE only a child can be in the PID namespace: it is started, and this process
#   stands for it: signals are handed on, its end is ours.
# - With namespaces all is tried out before, in a child that is ended just when it has begun to run
#   the program: out of them there may be no way back. What can fail has failed by then.
# - arrive() and move() do all but the program.
# - A process with several threads can't enter them. It becomes a small program first, which does
#   all that (_libc/entering.pxd).
from ostler.core cimport libc
from ostler.core.spawn cimport Spawn

cdef enum:
    _SIGNALS = 65       # one more than there are

cdef int become(Spawn *s) noexcept nogil
cdef int arrive(Spawn *s, libc.pid_t parent) noexcept nogil
cdef int move(Spawn *s, libc.pid_t parent) noexcept nogil
cdef int _end_with(Spawn *s, libc.pid_t parent) noexcept nogil
cdef int _enter(Spawn *s) noexcept nogil
cdef int _try_out(Spawn *s) noexcept nogil
cdef int _trial(void *argument) noexcept nogil
cdef int _by_a_program(Spawn *s) noexcept nogil
cdef int _stand_in(Spawn *s) noexcept nogil
cdef int _catch(int number) noexcept nogil
cdef void _hand_on(int number, libc.caught_t *info, void *context) noexcept nogil
cdef int end_as(int status) noexcept nogil
