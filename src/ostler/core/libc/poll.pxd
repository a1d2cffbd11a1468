cdef extern from "poll.h" nogil:
    enum:
        POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long count, int milliseconds)
