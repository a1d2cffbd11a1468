# The task of a copy: what its workers share.
from ostler.trees._links cimport Inodes, Name
from ostler.trees._patterns cimport Pattern
from ostler.trees._state cimport Worker

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

cdef inline CopyTask *task_of(Worker *worker) noexcept nogil:
    return <CopyTask *>worker.engine.task
