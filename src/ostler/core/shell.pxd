from ostler.core cimport libc
from ostler.core.crossing cimport Core
from ostler.core.spawn cimport Words

cdef int run_shell(Core machine, bytes command) except? -1
cdef list simple_words(bytes command)
cdef object shell_environment(Words inherited)
cdef void _note(int number) noexcept nogil

cdef int _ended(libc.pid_t pid) noexcept nogil
