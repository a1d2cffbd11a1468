from ostler cimport _libc as libc
from ostler.trees._links cimport Inodes

cdef struct SizeTask:
    int depth           # totals of directories down to this depth; -1: none
    int apart           # files with several names are reported, not counted
    Inodes seen

# What is handed over, followed by the path.
cdef struct Total:
    long is_link
    long files
    long directories
    long bytes
    long blocks
    unsigned long dev
    unsigned long ino
    long kind
    long length
