# Waiting on descriptors, and our ends of a child's pipes.
from ostler.core cimport libc
from ostler.core cimport python as py

cdef class Pipes:
    cdef int to_child, out, err     # our ends; -1: none, or closed
    cdef int pidfd                  # the child; -1 once it has ended
    cdef int process                # the same, to be closed
    cdef list said, complained      # what was read so far
    cdef py.Py_buffer input
    cdef bint has_input
    cdef Py_ssize_t sent
    cdef char *room
    cdef int work(self, long long until) except -1
    cdef int drain(self) except -1
    cdef int send(self) except -1
    cdef int receive(self, int fd, list into) except -1
    cdef int shut(self) noexcept

cdef long long until_of(object timeout) except -2
cdef long long now() noexcept nogil
cdef int readable(int fd, long long until) except -1
cdef int stream_of(object given, str what, int *ours, bint data) except -2

cdef int _milliseconds(long long until) noexcept nogil
