# A set of inodes, for the files that have more than one name.
from ostler.core cimport libc

cdef struct Inode:
    unsigned long dev
    unsigned long ino
    char *path          # copy: where the first name went
    long names          # how many were met
    long links          # how many there are

cdef struct Name:
    Name *next
    unsigned long dev
    unsigned long ino
    char *path

cdef struct Inodes:
    libc.pthread_mutex_t lock
    Inode *slots
    long size
    long used
    bint telling        # further names are wanted too
    Name *further

cdef int inodes_init(Inodes *set) noexcept nogil
cdef void inodes_clear(Inodes *set) noexcept nogil
cdef Inode *inodes_find(Inodes *set, unsigned long dev, unsigned long ino) noexcept nogil
cdef int inodes_add(Inodes *set, unsigned long dev, unsigned long ino) noexcept nogil

cdef int inodes_further(Inodes *set, Inode *slot, char *path) noexcept nogil
cdef int _grow(Inodes *set) noexcept nogil
