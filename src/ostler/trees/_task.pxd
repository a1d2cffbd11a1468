# The task of a copy: what its workers share.
from ostler.trees._links cimport Inodes, Name
from ostler.trees._patterns cimport Pattern
from ostler.trees._state cimport Worker

# What goes along with names and contents, and how. It is filled from a dict of the same names, which
# Trees.copy makes of its options.
cdef struct Keep:
    bint modes
    int owners              # 0 for no
    bint times
    bint xattrs
    bint hard_links
    bint sparse
    bint special
    bint follow_links       # what links lead to is copied
    bint merge              # what is there already is kept or replaced
    bint update             # but replaced only by what was modified later

cdef enum:
    OWNERS_IF_ALLOWED = 2   # else it is an error when they can't be kept

cdef enum:
    CLONE_NEVER = 0
    CLONE_AUTO = 1
    CLONE_ALWAYS = 2

cdef struct CopyTask:
    Keep keep
    int clone               # CLONE_*; becomes CLONE_NEVER when the file system can't
    long unshared           # files up to this size are written, not cloned
    int ranges              # copy_file_range works
    int all_modes           # modes must be set, whatever open made of them
    int all_owners
    const char *target      # the new name, where it is not the old one (a single entry)
    unsigned int umask      # the process's; without modes that of the machine that makes the files
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
