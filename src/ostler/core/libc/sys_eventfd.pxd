cdef extern from "sys/eventfd.h" nogil:
    enum: EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE
    ctypedef unsigned long long eventfd_t
    int eventfd(unsigned int start, int flags)
    int eventfd_read(int fd, eventfd_t *value)
    int eventfd_write(int fd, eventfd_t value)
