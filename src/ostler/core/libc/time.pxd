cdef extern from "time.h" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    enum: CLOCK_BOOTTIME
    int clock_gettime(int clock, timespec *now)
    enum:
        CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC
    struct itimerspec:
        timespec it_interval
        timespec it_value
