cdef extern from "utmp.h" nogil:
    int login_tty(int fd)
