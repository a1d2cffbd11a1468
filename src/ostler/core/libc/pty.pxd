cdef extern from "pty.h" nogil:
    int openpty(int *master, int *slave, char *name, void *terminal, void *size)
