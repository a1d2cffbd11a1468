cdef extern from "sys/socket.h" nogil:
    enum:
        AF_INET
        AF_LOCAL
        SOCK_CLOEXEC
        SOCK_DGRAM
        SOCK_STREAM

    int socket(int domain, int type, int protocol)
    int socketpair(int domain, int type, int protocol, int *fds)
