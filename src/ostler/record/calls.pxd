# What is to be known of a system call that is looked at. An index of -1 says: it has none.
cdef struct Rule:
    unsigned char kind      # 0: it is not looked at
    unsigned char how
    signed char dir         # which argument is the directory that the path begins at; -1: the cwd
    signed char path        # which is the path; -1: `dir` is the file itself
    signed char dir2
    signed char path2
    signed char value       # which is worth to be kept: flags, a mode, an owner

cdef enum:
    MOST = 600

# What a call is about. The numbers stand in logs: each keeps its meaning.
cdef enum:
    READ = 1
    WRITE = 2
    CREATE = 3
    REMOVE = 4
    RENAME = 5
    LINK = 6
    MODE = 7
    OWNER = 8
    TRUNCATE = 9
    TIMES = 10
    ATTRIBUTE = 11
    CONNECT = 12
    BIND = 13
    SEND = 14
    MOUNT = 15
    EXECUTE = 16
    MKDIR = 17
    SYMLINK = 18
    RMDIR = 19
    MKNOD = 20
    # Of these no event is written.
    OPEN = 32
    OPEN_HOW = 33
    CREAT = 34
    ROOT = 36               # another root, perhaps
    EXIT = 37
    EXIT_THREAD = 38
    CLONE = 40
    CLONE_HOW = 41          # with its flags in memory
    SOCKETCALL = 39         # of 32 bits: which call it is, and where its arguments stand

# How.
cdef enum:
    NO_FOLLOW = 1           # the name itself, whatever it leads to
    AT_NO_FOLLOW = 2        # if the flags (the last argument of the call) say so
    TEXT = 4                # path2 is not a path: it is kept as it is
    EXCHANGE = 8
    LINKING = 16            # the flags say whether a last link is followed
    MESSAGE = 64            # the address stands in a msghdr
    SEVERAL = 128           # in an array of them
    MAY_BE_EMPTY = 32       # with flags, or without a path, it is the descriptor that is meant

cdef class CallRules:
    cdef Rule native[MOST]
    cdef Rule of_32_bits[MOST]
    cdef Rule *of_socketcall(self, unsigned int which) noexcept nogil
    cdef Rule *rule(self, unsigned int arch, int number) noexcept nogil
