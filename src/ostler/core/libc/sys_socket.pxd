cdef extern from "sys/socket.h" nogil:
    enum:
        AF_INET
        SOCK_CLOEXEC
        SOCK_DGRAM

    int socket(int domain, int type, int protocol)
