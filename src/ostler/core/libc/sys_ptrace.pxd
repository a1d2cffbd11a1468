cdef extern from "sys/ptrace.h" nogil:
    enum:
        PTRACE_TRACEME

    long ptrace(int request, ...)
