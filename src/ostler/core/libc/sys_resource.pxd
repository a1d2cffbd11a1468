cdef extern from "sys/resource.h" nogil:
    enum:
        PRIO_PGRP, PRIO_PROCESS, PRIO_USER
        RLIMIT_NOFILE
    ctypedef unsigned long rlim_t
    struct rlimit:
        rlim_t rlim_cur
        rlim_t rlim_max
    struct timeval:
        long tv_sec
        long tv_usec
    struct rusage:
        timeval ru_utime
        timeval ru_stime
        long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss, ru_minflt, ru_majflt, ru_nswap
        long ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals, ru_nvcsw, ru_nivcsw
    int getpriority(int which, unsigned int who)
    int setpriority(int which, unsigned int who, int priority)
    int getrlimit(int resource, rlimit *limit)
    int setrlimit(int resource, const rlimit *limit)
