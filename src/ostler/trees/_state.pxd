# The state of an engine: what its workers share, and what an operation gives it.
from ostler.core cimport libc

# What a callback for an entry answers.
cdef enum:
    DONE = 0
    DESCEND = 1

# Bits of Node.state.
cdef enum:
    LISTED = 1      # its descriptors are in the engine's list of open ones
    KNOWN = 2       # dev and ino are filled in
    SPOILED = 4     # something below it failed
    ENTERED = 8     # the operation's `enter` was called and agreed

# Whose descriptors `leave` needs when a directory is complete.
cdef enum:
    POST_PARENT = 1
    POST_SELF = 2

# What `ask` is asked about besides an entry of some kind.
cdef enum:
    OPENING = -1    # a directory that is going to be read
    LEAVING = -2    # one that is complete
    LINKING = -3    # an entry that gets a further name
    RENAMING = -4   # a new entry that takes its place
    UNLINKING = -5  # what stands in the place of a new entry

cdef enum:
    NAMES = 0       # names of directories, to be opened
    CHUNK = 1       # entries as the kernel gave them, to be worked through
    MORE = 2        # a directory whose reading was put off

# How much output may lie there before the workers wait for a streaming caller.
cdef enum:
    OUT_LIMIT = 4194304

# Entries of each kind, and what they take up.
cdef struct Tally:
    long files
    long directories
    long links
    long others
    long bytes
    long blocks

cdef struct Node:
    Node *parent
    Worker *owner       # who found it; guards what follows
    Node *newer
    Node *older
    int fd[2]           # the directory in the tree, and in the second one (copy, compare)
    int users           # who needs the descriptors right now
    int needs           # what will need them later: children, chunks
    int refs            # what must end before this directory is complete
    int depth
    int state
    int mode
    int second          # the operation's own number
    unsigned long dev[2]
    unsigned long ino[2]
    Tally tally
    void *own           # the operation's own, freed with the node
    long serial         # unlike that of every other node
    int length
    char name[1]

cdef struct Batch:
    Batch *below
    Batch *above        # in a worker's own stack
    Node *parent
    int kind
    int at
    int used
    int size
    int count
    char data[1]

cdef struct Block:
    Block *next
    int used
    int size
    char data[1]

cdef struct Failure:
    Failure *next
    int number
    char *path
    const char *doing

cdef struct Worker:
    Engine *engine
    int index
    int round
    int busy            # counted in the engine's
    Batch *top          # its own stack
    Batch *bottom
    long pending
    long serial         # of the directory that it found last
    libc.pthread_mutex_t lock
    Node *oldest        # the open directories that it found
    Node *newest
    int open
    libc.pthread_t thread
    char *buffer
    Block *out
    long out_serial     # the node whose header stands last in `out`
    Batch *gathered
    Tally tally
    long done
    long skipped
    void *own           # the operation's own, freed with the worker

ctypedef int (*Enter)(Worker *worker, Node *node) noexcept nogil
ctypedef int (*Entry)(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
ctypedef int (*Refused)(Worker *worker, Node *node, int number) noexcept nogil
ctypedef void (*Tick)(void *owner) noexcept nogil
ctypedef int (*Ask)(void *owner, Node *node, const char *name, int kind) noexcept nogil
ctypedef void (*Leave)(Worker *worker, Node *node) noexcept nogil
ctypedef void (*Forget)(void *task) noexcept nogil

cdef struct Engine:
    libc.pthread_mutex_t lock       # guards the common stack, faults, output
    libc.pthread_mutex_t reopening
    libc.pthread_cond_t work
    libc.pthread_cond_t room
    Batch *top
    long pending
    int idle
    int busy
    int stop
    int spoiled         # the root was, when it was complete
    int finished
    int threads
    int helpers
    int begun
    Node *root
    int roots[2]
    int budget
    Worker *workers
    Block *first
    Block *last
    long out_size
    Failure *faults
    Failure *last_fault
    long fault_count
    long next_tick      # CLOCK_MONOTONIC nanoseconds
    void *owner         # the Run, and what it does now and then
    Tick tick
    Ask ask             # of a machine whose calls fail on purpose: the errno, 0 for no failure
    # the operation
    Enter enter
    Entry entry
    Refused refused
    Leave after         # a directory has been read
    Leave leave         # it and all below it is complete
    void *task          # its options, freed with the engine
    Forget forget       # before that: what the options point to, which nobody uses any more
    int post            # POST_PARENT, POST_SELF
    int chunks          # a large directory's entries are shared out
    unsigned long device
    int whole           # a directory is read by one worker without a pause
    int streaming       # stop for the caller to take what is in `first`
    int stop_at_fault
    int one_filesystem
    int mounted         # things are mounted where it changes names, of which the kernel knows nothing
    int shallow         # what is in the root alone; the directories in it are passed over

cdef inline void guard(Node *node) noexcept nogil:
    libc.pthread_mutex_lock(&node.owner.lock)

cdef inline void release(Node *node) noexcept nogil:
    libc.pthread_mutex_unlock(&node.owner.lock)

cdef inline void counted(Tally *tally, int kind) noexcept nogil:
    if kind == libc.S_IFREG >> 12:
        tally.files += 1
    elif kind == libc.S_IFDIR >> 12:
        tally.directories += 1
    elif kind == libc.S_IFLNK >> 12:
        tally.links += 1
    else:
        tally.others += 1

# Others may add to the same one at the same time.
cdef inline void add_tally(Tally *to, Tally *more) noexcept nogil:
    libc.atomic_add(&to.files, more.files, libc.ATOMIC_RELAXED)
    libc.atomic_add(&to.directories, more.directories, libc.ATOMIC_RELAXED)
    libc.atomic_add(&to.links, more.links, libc.ATOMIC_RELAXED)
    libc.atomic_add(&to.others, more.others, libc.ATOMIC_RELAXED)
    libc.atomic_add(&to.bytes, more.bytes, libc.ATOMIC_RELAXED)
    libc.atomic_add(&to.blocks, more.blocks, libc.ATOMIC_RELAXED)
