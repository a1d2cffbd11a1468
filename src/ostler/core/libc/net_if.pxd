cdef extern from "net/if.h" nogil:
    enum:
        IFF_UP

    struct ifreq:
        char ifr_name[16]
        short ifr_flags
