cdef extern from "sys/prctl.h" nogil:
    enum:
        PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
        PR_CAPBSET_DROP
        PR_GET_CHILD_SUBREAPER, PR_SET_CHILD_SUBREAPER
        PR_SET_DUMPABLE
        PR_SET_KEEPCAPS
        PR_SET_NAME
        PR_SET_NO_NEW_PRIVS
        PR_SET_PDEATHSIG
    int prctl(int option, ...)
