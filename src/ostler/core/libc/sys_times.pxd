cdef extern from "sys/times.h" nogil:
    struct tms:
        long tms_utime, tms_stime, tms_cutime, tms_cstime
    long times(tms *t)
