from ostler cimport _libc as libc
from ostler._core cimport Core
from ostler.trees._engine cimport Node, Worker
from ostler.trees._links cimport Inodes, Name
from ostler.trees._patterns cimport Pattern
from ostler.trees._run cimport Run

# What goes along with names and contents, and how.
cdef enum:
    MODES = 1
    OWNERS = 2              # it is an error when they can't be kept
    OWNERS_IF_ALLOWED = 4
    TIMES = 8
    XATTRS = 16
    LINKS = 32              # hard links
    SPARSE = 64
    SPECIAL = 128
    MERGE = 256             # what is there already is kept or replaced
    UPDATE = 512            # but replaced only by what was modified later
    FOLLOW = 1024           # what links lead to is copied

cdef enum:
    CLONE_NEVER = 0
    CLONE_AUTO = 1
    CLONE_ALWAYS = 2

cdef struct CopyTask:
    int flags
    int clone               # CLONE_*; becomes CLONE_NEVER when the file system can't
    long unshared           # files up to this size are written, not cloned
    int ranges              # copy_file_range works
    int all_modes           # modes must be set, whatever open made of them
    int all_owners
    const char *target      # the new name, where it is not the old one (a single entry)
    unsigned int umask      # the process's; without MODES that of the machine that makes the files
    unsigned int uid
    unsigned int gid
    unsigned long dev       # the destination's root, not to be copied into itself
    unsigned long ino
    int prefix              # length of the root's path, its slash included
    int to                  # the destination's root
    int excluded            # names left out with all below
    Pattern *pattern
    Name *followed          # links to directories, whose copies are made but empty
    Inodes seen

cdef class Copy(Run):
    cdef CopyTask *task
    cdef object several(self, list found)
    cdef object to_follow(self, list found)

cdef int mask_of(CopyTask *task, Core machine) except -2
cdef object flags_of(CopyTask *task, int fd, libc.stat_t *made, bint merge)
cdef int enter(Worker *worker, Node *node) noexcept nogil
cdef int entry(Worker *worker, Node *node, const char *name, int kind) noexcept nogil
cdef int follow(Worker *worker, Node *node, const char *name) noexcept nogil
cdef void leave(Worker *worker, Node *node) noexcept nogil
cdef int copy_file(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int copy_opened(Worker *worker, Node *node, const char *name, int fd,
                     libc.stat_t *st) noexcept nogil
cdef int create(Worker *worker, Node *node, const char *name, unsigned int mode,
                char *new) noexcept nogil
cdef void aside(Worker *worker, char *new) noexcept nogil
cdef int put(Worker *worker, Node *node, const char *name, const char *new) noexcept nogil
cdef int named(Worker *worker, Node *node, const char *name, const char *new, libc.stat_t *st,
               long *count) noexcept nogil
cdef int copy_link(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int copy_special(Worker *worker, Node *node, const char *name) noexcept nogil
cdef int make_link(Worker *worker, Node *node, const char *name, libc.stat_t *st) noexcept nogil
cdef int make_special(Worker *worker, Node *node, const char *name,
                      libc.stat_t *st) noexcept nogil
cdef int with_names(Worker *worker, Node *node, const char *name, int kind,
                    libc.stat_t *st) noexcept nogil
cdef int make_room(Worker *worker, Node *node, const char *name) noexcept nogil
