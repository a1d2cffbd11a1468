cdef extern from "sys/ioctl.h" nogil:
    enum:
        FIOCLEX, FIONCLEX, SIOCGIFFLAGS, SIOCSIFFLAGS, TIOCGWINSZ, TIOCSCTTY
    struct winsize:
        unsigned short ws_row
        unsigned short ws_col
    int ioctl(int fd, unsigned long request, ...)
