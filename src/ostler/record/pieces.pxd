# What is written down is a stream of pieces, each a multiple of 8 bytes, in this machine's byte order.
# The first byte tells what it is:
#
#     'T' Text        a path or another text; the first is number 1, the next 2, and so on
#     'P' Begun       a process was seen for the first time
#     'X' Executed    a process has begun with another program, or has tried to
#     'E' Entry       a call
#     'Q' Ended       a process is at its end
#     'L' Ended       something is missing from here on: `status` says why (an errno), or 0
#
# Times are nanoseconds of the monotonic clock since the beginning of the log. Processes have
# numbers of their own, from 1, since a pid is given again to others.

cdef enum:
    TEXTS = 16384           # that are known again, at the most
    LETTERS = 1 << 21       # of these together
    BUFFER = 1 << 16

# Of an outcome.
cdef enum:
    DONE = 1
    TRIED = 0
    FAILED = -1

cdef struct Text:
    unsigned char what
    unsigned char _[3]
    unsigned int size       # of the bytes that follow, without what fills up the last 8

cdef struct Begun:
    unsigned char what
    unsigned char _[3]
    unsigned int process
    unsigned int parent     # 0: unknown, or none that is recorded
    unsigned int pid
    unsigned int uid
    unsigned int cwd        # texts
    unsigned long long time

cdef struct Executed:
    unsigned char what
    signed char outcome     # 1 done, 0 tried, -1 failed
    unsigned char cut       # the arguments are longer than this
    unsigned char number    # the errno of what failed, where that is known
    unsigned int process
    unsigned int program    # texts
    unsigned int arguments  # with a zero byte between two
    unsigned int cwd
    unsigned int uid
    unsigned long long time

cdef struct Entry:
    unsigned char what
    unsigned char kind
    signed char outcome     # as above
    unsigned char doubt     # the path was another one when it was read again
    unsigned int process
    unsigned int path
    unsigned int path2      # or a mode, flags
    unsigned long long time # the upper 16 bits: the errno of what failed, where that is known

cdef struct Ended:
    unsigned char what
    unsigned char known     # whether `status` is
    unsigned char _[2]
    unsigned int process
    int status              # as wait() has it
    unsigned int memory     # KiB, at the most
    unsigned long long used # processor time, nanoseconds
    unsigned long long time

cdef struct Known:
    unsigned long long hash
    unsigned int number     # 0: this place is free
    unsigned int size
    unsigned int at         # in the letters

cdef class Pieces:
    cdef int out                    # of its own: who reads it may close the one that it gave
    cdef bint quiet                 # nothing more is written down
    cdef int news                   # an eventfd that tells who reads along; -1: nobody does
    cdef readonly bint broken       # nothing can be: the last piece may be half there
    cdef readonly int error         # the errno of what could not be written down; 0: it is whole
    cdef unsigned long long began
    cdef char *buffer
    cdef unsigned int filled
    cdef Known *known
    cdef char *letters
    cdef unsigned int letter_count, known_count, texts

    cdef unsigned int _text(self, const char *text, unsigned int size) noexcept nogil
    cdef int _put(self, const void *piece, unsigned int size) noexcept nogil
    cdef int _write(self) noexcept nogil
    cdef unsigned long long _now(self) noexcept nogil

cdef unsigned long long clock() noexcept nogil
