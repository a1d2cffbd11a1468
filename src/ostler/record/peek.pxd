from ostler.core cimport libc
from ostler.record.pieces cimport Entry, Executed

cdef enum:
    ROOM = 8192             # of a path, with the directory that it begins at
    WORDS = 16384           # of the arguments of a program
    CODE = 32               # bytes around an instruction
    SOME = 16               # arguments that are read at once
    PIECE = 256             # bytes of each
    SOME_PIECES = 4096      # of all of them

# A call that was let go on, of which is looked what it has done when its thread asks again.
cdef struct Pending:
    Entry entry
    int place               # an open directory, or -1
    int place2
    libc.stat_t before
    bint was                # there
    bint same               # a rename of a file to a name that it has
    bint swaps              # a rename by which the other one gets this one's name
    unsigned long long held # which descriptors were of a file that is about to be opened
    int number              # the errno of what the second path can't be; 0: it can
    char *name              # in `place`, and in `place2`; NULL: `place` itself is meant
    char *name2

cdef struct Member:         # a thread
    int tid
    bint waits
    bint turns              # it is about to give processes another root
    Process *process
    Member *next
    Member *earlier         # of those that wait
    Member *later
    Pending pending

# By what is seen whether a program runs that a process wanted to run: see begin_proof().
cdef struct Proof:
    unsigned long long stack    # where its stack began
    unsigned long long at       # 0: by the stack; else where `code` stood
    unsigned char code[CODE]

cdef struct Process:
    unsigned int number
    int pid
    int own_pid             # in the namespace that it is in; 0: nobody has asked for it
    int pidfd
    unsigned int uid
    int root                # which of the roots; -1: not known
    int asks                # the thread that has asked last: the first one may be at its end
    int threads             # how many of them have asked
    bint shares             # it has had more than one: they may change what the others name
    bint apart              # it runs a program of its own: its memory is nobody else's from then on
    int parent              # its pid, when it began
    bint executes           # it has tried to
    int executor            # the thread that has
    Proof proof
    Process *next
    Executed executed
    unsigned long long used
    unsigned int memory
    int status
    bint ending

cdef struct Status:         # of /proc/PID/status
    int pid, parent, own_pid
    unsigned int uid, memory

cdef long peek_memory(int tid, unsigned long long at, void *into, size_t size) noexcept nogil
cdef int peek_string(int tid, unsigned long long at, char *into, size_t room) noexcept nogil
cdef long peek_arguments(int tid, unsigned long long at, char *into, bint of_32_bits, unsigned char *cut) noexcept nogil
cdef int _peek_pointers(int tid, unsigned long long at, unsigned long long *into, bint of_32_bits) noexcept nogil
cdef long _peek_beginnings(int tid, unsigned long long *where, int count, char *into, size_t *sizes) noexcept nogil
cdef long name_of(int descriptors, int fd, char *into) noexcept nogil
cdef int of_self(Process *p, char *path, char *into) noexcept nogil
cdef int status_at(int place, const char *name, libc.stat_t *status) noexcept nogil
cdef int may(int fd, int mode) noexcept nogil
cdef bint may_only_grow(int fd, unsigned long long flags) noexcept nogil
cdef bint is_touched(const libc.stat_t *before, const libc.stat_t *now) noexcept nogil
cdef bint is_read_only(int fd) noexcept nogil
cdef unsigned long long held_by(int tid, const libc.stat_t *status) noexcept nogil
cdef long _file(int tid, const char *name, char *into, int size) noexcept nogil
cdef int read_status(int tid, Status *status) noexcept nogil
cdef int identify(int tid, Status *status) noexcept nogil
cdef unsigned long long _stack_of(int pid) noexcept nogil
cdef int begin_proof(int tid, unsigned long long at, Proof *proof) noexcept nogil
cdef int proved(int tid, Proof *proof) noexcept nogil
cdef bint has_ended(Process *p) noexcept nogil
cdef unsigned int owner_of(Process *p) noexcept nogil
cdef unsigned long long _field(char *text, int number) noexcept nogil
cdef int count_use(Process *p) noexcept nogil
cdef int exit_of_zombie(int pid, int *status) noexcept nogil
