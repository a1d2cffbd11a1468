cdef extern from "langinfo.h" nogil:
    enum: CODESET
    char *nl_langinfo(int item)
