from ostler.core.libc.time cimport itimerspec

cdef extern from *:
    """
    #include <sys/timerfd.h>
    #ifndef TFD_TIMER_CANCEL_ON_SET
    #define TFD_TIMER_CANCEL_ON_SET OSTLER_ABSENT
    #endif
    """
    enum: TFD_CLOEXEC, TFD_NONBLOCK, TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET

cdef extern from "sys/timerfd.h" nogil:
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec *to, itimerspec *before)
    int timerfd_gettime(int fd, itimerspec *now)
