# The names of sysconf(3) and confstr(3): unistd.h gives them, a part of each by its own file.
from ostler.core.libc.absent cimport *

cdef extern from *:
    """
    #include <unistd.h>
    #ifndef _SC_2_CHAR_TERM
    #define _SC_2_CHAR_TERM OSTLER_ABSENT
    #endif
    #ifndef _SC_2_C_BIND
    #define _SC_2_C_BIND OSTLER_ABSENT
    #endif
    #ifndef _SC_2_C_DEV
    #define _SC_2_C_DEV OSTLER_ABSENT
    #endif
    #ifndef _SC_2_C_VERSION
    #define _SC_2_C_VERSION OSTLER_ABSENT
    #endif
    #ifndef _SC_2_FORT_DEV
    #define _SC_2_FORT_DEV OSTLER_ABSENT
    #endif
    #ifndef _SC_2_FORT_RUN
    #define _SC_2_FORT_RUN OSTLER_ABSENT
    #endif
    #ifndef _SC_2_LOCALEDEF
    #define _SC_2_LOCALEDEF OSTLER_ABSENT
    #endif
    #ifndef _SC_2_SW_DEV
    #define _SC_2_SW_DEV OSTLER_ABSENT
    #endif
    #ifndef _SC_2_UPE
    #define _SC_2_UPE OSTLER_ABSENT
    #endif
    #ifndef _SC_2_VERSION
    #define _SC_2_VERSION OSTLER_ABSENT
    #endif
    #ifndef _SC_AIO_LISTIO_MAX
    #define _SC_AIO_LISTIO_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_AIO_MAX
    #define _SC_AIO_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_AIO_PRIO_DELTA_MAX
    #define _SC_AIO_PRIO_DELTA_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_ARG_MAX
    #define _SC_ARG_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_ASYNCHRONOUS_IO
    #define _SC_ASYNCHRONOUS_IO OSTLER_ABSENT
    #endif
    #ifndef _SC_ATEXIT_MAX
    #define _SC_ATEXIT_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_AVPHYS_PAGES
    #define _SC_AVPHYS_PAGES OSTLER_ABSENT
    #endif
    #ifndef _SC_BC_BASE_MAX
    #define _SC_BC_BASE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_BC_DIM_MAX
    #define _SC_BC_DIM_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_BC_SCALE_MAX
    #define _SC_BC_SCALE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_BC_STRING_MAX
    #define _SC_BC_STRING_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_CHARCLASS_NAME_MAX
    #define _SC_CHARCLASS_NAME_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_CHAR_BIT
    #define _SC_CHAR_BIT OSTLER_ABSENT
    #endif
    #ifndef _SC_CHAR_MAX
    #define _SC_CHAR_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_CHAR_MIN
    #define _SC_CHAR_MIN OSTLER_ABSENT
    #endif
    #ifndef _SC_CHILD_MAX
    #define _SC_CHILD_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_CLK_TCK
    #define _SC_CLK_TCK OSTLER_ABSENT
    #endif
    #ifndef _SC_COLL_WEIGHTS_MAX
    #define _SC_COLL_WEIGHTS_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_DELAYTIMER_MAX
    #define _SC_DELAYTIMER_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_EQUIV_CLASS_MAX
    #define _SC_EQUIV_CLASS_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_EXPR_NEST_MAX
    #define _SC_EXPR_NEST_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_FSYNC
    #define _SC_FSYNC OSTLER_ABSENT
    #endif
    #ifndef _SC_GETGR_R_SIZE_MAX
    #define _SC_GETGR_R_SIZE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_GETPW_R_SIZE_MAX
    #define _SC_GETPW_R_SIZE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_INT_MAX
    #define _SC_INT_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_INT_MIN
    #define _SC_INT_MIN OSTLER_ABSENT
    #endif
    #ifndef _SC_IOV_MAX
    #define _SC_IOV_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_JOB_CONTROL
    #define _SC_JOB_CONTROL OSTLER_ABSENT
    #endif
    #ifndef _SC_LINE_MAX
    #define _SC_LINE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_LOGIN_NAME_MAX
    #define _SC_LOGIN_NAME_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_LONG_BIT
    #define _SC_LONG_BIT OSTLER_ABSENT
    #endif
    #ifndef _SC_MAPPED_FILES
    #define _SC_MAPPED_FILES OSTLER_ABSENT
    #endif
    #ifndef _SC_MB_LEN_MAX
    #define _SC_MB_LEN_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_MEMLOCK
    #define _SC_MEMLOCK OSTLER_ABSENT
    #endif
    #ifndef _SC_MEMLOCK_RANGE
    #define _SC_MEMLOCK_RANGE OSTLER_ABSENT
    #endif
    #ifndef _SC_MEMORY_PROTECTION
    #define _SC_MEMORY_PROTECTION OSTLER_ABSENT
    #endif
    #ifndef _SC_MESSAGE_PASSING
    #define _SC_MESSAGE_PASSING OSTLER_ABSENT
    #endif
    #ifndef _SC_MINSIGSTKSZ
    #define _SC_MINSIGSTKSZ OSTLER_ABSENT
    #endif
    #ifndef _SC_MQ_OPEN_MAX
    #define _SC_MQ_OPEN_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_MQ_PRIO_MAX
    #define _SC_MQ_PRIO_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NGROUPS_MAX
    #define _SC_NGROUPS_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NL_ARGMAX
    #define _SC_NL_ARGMAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NL_LANGMAX
    #define _SC_NL_LANGMAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NL_MSGMAX
    #define _SC_NL_MSGMAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NL_NMAX
    #define _SC_NL_NMAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NL_SETMAX
    #define _SC_NL_SETMAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NL_TEXTMAX
    #define _SC_NL_TEXTMAX OSTLER_ABSENT
    #endif
    #ifndef _SC_NPROCESSORS_CONF
    #define _SC_NPROCESSORS_CONF OSTLER_ABSENT
    #endif
    #ifndef _SC_NPROCESSORS_ONLN
    #define _SC_NPROCESSORS_ONLN OSTLER_ABSENT
    #endif
    #ifndef _SC_NZERO
    #define _SC_NZERO OSTLER_ABSENT
    #endif
    #ifndef _SC_OPEN_MAX
    #define _SC_OPEN_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_PAGESIZE
    #define _SC_PAGESIZE OSTLER_ABSENT
    #endif
    #ifndef _SC_PAGE_SIZE
    #define _SC_PAGE_SIZE OSTLER_ABSENT
    #endif
    #ifndef _SC_PASS_MAX
    #define _SC_PASS_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_PHYS_PAGES
    #define _SC_PHYS_PAGES OSTLER_ABSENT
    #endif
    #ifndef _SC_PII
    #define _SC_PII OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_INTERNET
    #define _SC_PII_INTERNET OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_INTERNET_DGRAM
    #define _SC_PII_INTERNET_DGRAM OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_INTERNET_STREAM
    #define _SC_PII_INTERNET_STREAM OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_OSI
    #define _SC_PII_OSI OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_OSI_CLTS
    #define _SC_PII_OSI_CLTS OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_OSI_COTS
    #define _SC_PII_OSI_COTS OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_OSI_M
    #define _SC_PII_OSI_M OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_SOCKET
    #define _SC_PII_SOCKET OSTLER_ABSENT
    #endif
    #ifndef _SC_PII_XTI
    #define _SC_PII_XTI OSTLER_ABSENT
    #endif
    #ifndef _SC_POLL
    #define _SC_POLL OSTLER_ABSENT
    #endif
    #ifndef _SC_PRIORITIZED_IO
    #define _SC_PRIORITIZED_IO OSTLER_ABSENT
    #endif
    #ifndef _SC_PRIORITY_SCHEDULING
    #define _SC_PRIORITY_SCHEDULING OSTLER_ABSENT
    #endif
    #ifndef _SC_REALTIME_SIGNALS
    #define _SC_REALTIME_SIGNALS OSTLER_ABSENT
    #endif
    #ifndef _SC_RE_DUP_MAX
    #define _SC_RE_DUP_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_RTSIG_MAX
    #define _SC_RTSIG_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_SAVED_IDS
    #define _SC_SAVED_IDS OSTLER_ABSENT
    #endif
    #ifndef _SC_SCHAR_MAX
    #define _SC_SCHAR_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_SCHAR_MIN
    #define _SC_SCHAR_MIN OSTLER_ABSENT
    #endif
    #ifndef _SC_SELECT
    #define _SC_SELECT OSTLER_ABSENT
    #endif
    #ifndef _SC_SEMAPHORES
    #define _SC_SEMAPHORES OSTLER_ABSENT
    #endif
    #ifndef _SC_SEM_NSEMS_MAX
    #define _SC_SEM_NSEMS_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_SEM_VALUE_MAX
    #define _SC_SEM_VALUE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_SHARED_MEMORY_OBJECTS
    #define _SC_SHARED_MEMORY_OBJECTS OSTLER_ABSENT
    #endif
    #ifndef _SC_SHRT_MAX
    #define _SC_SHRT_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_SHRT_MIN
    #define _SC_SHRT_MIN OSTLER_ABSENT
    #endif
    #ifndef _SC_SIGQUEUE_MAX
    #define _SC_SIGQUEUE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_SSIZE_MAX
    #define _SC_SSIZE_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_STREAM_MAX
    #define _SC_STREAM_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_SYNCHRONIZED_IO
    #define _SC_SYNCHRONIZED_IO OSTLER_ABSENT
    #endif
    #ifndef _SC_THREADS
    #define _SC_THREADS OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_ATTR_STACKADDR
    #define _SC_THREAD_ATTR_STACKADDR OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_ATTR_STACKSIZE
    #define _SC_THREAD_ATTR_STACKSIZE OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_DESTRUCTOR_ITERATIONS
    #define _SC_THREAD_DESTRUCTOR_ITERATIONS OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_KEYS_MAX
    #define _SC_THREAD_KEYS_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_PRIORITY_SCHEDULING
    #define _SC_THREAD_PRIORITY_SCHEDULING OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_PRIO_INHERIT
    #define _SC_THREAD_PRIO_INHERIT OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_PRIO_PROTECT
    #define _SC_THREAD_PRIO_PROTECT OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_PROCESS_SHARED
    #define _SC_THREAD_PROCESS_SHARED OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_SAFE_FUNCTIONS
    #define _SC_THREAD_SAFE_FUNCTIONS OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_STACK_MIN
    #define _SC_THREAD_STACK_MIN OSTLER_ABSENT
    #endif
    #ifndef _SC_THREAD_THREADS_MAX
    #define _SC_THREAD_THREADS_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_TIMERS
    #define _SC_TIMERS OSTLER_ABSENT
    #endif
    #ifndef _SC_TIMER_MAX
    #define _SC_TIMER_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_TTY_NAME_MAX
    #define _SC_TTY_NAME_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_TZNAME_MAX
    #define _SC_TZNAME_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_T_IOV_MAX
    #define _SC_T_IOV_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_UCHAR_MAX
    #define _SC_UCHAR_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_UINT_MAX
    #define _SC_UINT_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_UIO_MAXIOV
    #define _SC_UIO_MAXIOV OSTLER_ABSENT
    #endif
    #ifndef _SC_ULONG_MAX
    #define _SC_ULONG_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_USHRT_MAX
    #define _SC_USHRT_MAX OSTLER_ABSENT
    #endif
    #ifndef _SC_VERSION
    #define _SC_VERSION OSTLER_ABSENT
    #endif
    #ifndef _SC_WORD_BIT
    #define _SC_WORD_BIT OSTLER_ABSENT
    #endif
    #ifndef _SC_XBS5_ILP32_OFF32
    #define _SC_XBS5_ILP32_OFF32 OSTLER_ABSENT
    #endif
    #ifndef _SC_XBS5_ILP32_OFFBIG
    #define _SC_XBS5_ILP32_OFFBIG OSTLER_ABSENT
    #endif
    #ifndef _SC_XBS5_LP64_OFF64
    #define _SC_XBS5_LP64_OFF64 OSTLER_ABSENT
    #endif
    #ifndef _SC_XBS5_LPBIG_OFFBIG
    #define _SC_XBS5_LPBIG_OFFBIG OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_CRYPT
    #define _SC_XOPEN_CRYPT OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_ENH_I18N
    #define _SC_XOPEN_ENH_I18N OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_LEGACY
    #define _SC_XOPEN_LEGACY OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_REALTIME
    #define _SC_XOPEN_REALTIME OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_REALTIME_THREADS
    #define _SC_XOPEN_REALTIME_THREADS OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_SHM
    #define _SC_XOPEN_SHM OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_UNIX
    #define _SC_XOPEN_UNIX OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_VERSION
    #define _SC_XOPEN_VERSION OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_XCU_VERSION
    #define _SC_XOPEN_XCU_VERSION OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_XPG2
    #define _SC_XOPEN_XPG2 OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_XPG3
    #define _SC_XOPEN_XPG3 OSTLER_ABSENT
    #endif
    #ifndef _SC_XOPEN_XPG4
    #define _SC_XOPEN_XPG4 OSTLER_ABSENT
    #endif
    #ifndef _CS_GNU_LIBC_VERSION
    #define _CS_GNU_LIBC_VERSION OSTLER_ABSENT
    #endif
    #ifndef _CS_GNU_LIBPTHREAD_VERSION
    #define _CS_GNU_LIBPTHREAD_VERSION OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS64_CFLAGS
    #define _CS_LFS64_CFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS64_LDFLAGS
    #define _CS_LFS64_LDFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS64_LIBS
    #define _CS_LFS64_LIBS OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS64_LINTFLAGS
    #define _CS_LFS64_LINTFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS_CFLAGS
    #define _CS_LFS_CFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS_LDFLAGS
    #define _CS_LFS_LDFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS_LIBS
    #define _CS_LFS_LIBS OSTLER_ABSENT
    #endif
    #ifndef _CS_LFS_LINTFLAGS
    #define _CS_LFS_LINTFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_PATH
    #define _CS_PATH OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFF32_CFLAGS
    #define _CS_XBS5_ILP32_OFF32_CFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFF32_LDFLAGS
    #define _CS_XBS5_ILP32_OFF32_LDFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFF32_LIBS
    #define _CS_XBS5_ILP32_OFF32_LIBS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFF32_LINTFLAGS
    #define _CS_XBS5_ILP32_OFF32_LINTFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFFBIG_CFLAGS
    #define _CS_XBS5_ILP32_OFFBIG_CFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFFBIG_LDFLAGS
    #define _CS_XBS5_ILP32_OFFBIG_LDFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFFBIG_LIBS
    #define _CS_XBS5_ILP32_OFFBIG_LIBS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_ILP32_OFFBIG_LINTFLAGS
    #define _CS_XBS5_ILP32_OFFBIG_LINTFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LP64_OFF64_CFLAGS
    #define _CS_XBS5_LP64_OFF64_CFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LP64_OFF64_LDFLAGS
    #define _CS_XBS5_LP64_OFF64_LDFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LP64_OFF64_LIBS
    #define _CS_XBS5_LP64_OFF64_LIBS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LP64_OFF64_LINTFLAGS
    #define _CS_XBS5_LP64_OFF64_LINTFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LPBIG_OFFBIG_CFLAGS
    #define _CS_XBS5_LPBIG_OFFBIG_CFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LPBIG_OFFBIG_LDFLAGS
    #define _CS_XBS5_LPBIG_OFFBIG_LDFLAGS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LPBIG_OFFBIG_LIBS
    #define _CS_XBS5_LPBIG_OFFBIG_LIBS OSTLER_ABSENT
    #endif
    #ifndef _CS_XBS5_LPBIG_OFFBIG_LINTFLAGS
    #define _CS_XBS5_LPBIG_OFFBIG_LINTFLAGS OSTLER_ABSENT
    #endif
    """
    enum:
        _SC_2_CHAR_TERM, _SC_2_C_BIND, _SC_2_C_DEV, _SC_2_C_VERSION, _SC_2_FORT_DEV
        _SC_2_FORT_RUN, _SC_2_LOCALEDEF, _SC_2_SW_DEV, _SC_2_UPE, _SC_2_VERSION
        _SC_AIO_LISTIO_MAX, _SC_AIO_MAX, _SC_AIO_PRIO_DELTA_MAX, _SC_ARG_MAX
        _SC_ASYNCHRONOUS_IO, _SC_ATEXIT_MAX, _SC_AVPHYS_PAGES, _SC_BC_BASE_MAX, _SC_BC_DIM_MAX
        _SC_BC_SCALE_MAX, _SC_BC_STRING_MAX, _SC_CHARCLASS_NAME_MAX, _SC_CHAR_BIT, _SC_CHAR_MAX
        _SC_CHAR_MIN, _SC_CHILD_MAX, _SC_CLK_TCK, _SC_COLL_WEIGHTS_MAX, _SC_DELAYTIMER_MAX
        _SC_EQUIV_CLASS_MAX, _SC_EXPR_NEST_MAX, _SC_FSYNC, _SC_GETGR_R_SIZE_MAX
        _SC_GETPW_R_SIZE_MAX, _SC_INT_MAX, _SC_INT_MIN, _SC_IOV_MAX, _SC_JOB_CONTROL
        _SC_LINE_MAX, _SC_LOGIN_NAME_MAX, _SC_LONG_BIT, _SC_MAPPED_FILES, _SC_MB_LEN_MAX
        _SC_MEMLOCK, _SC_MEMLOCK_RANGE, _SC_MEMORY_PROTECTION, _SC_MESSAGE_PASSING
        _SC_MINSIGSTKSZ, _SC_MQ_OPEN_MAX, _SC_MQ_PRIO_MAX, _SC_NGROUPS_MAX, _SC_NL_ARGMAX
        _SC_NL_LANGMAX, _SC_NL_MSGMAX, _SC_NL_NMAX, _SC_NL_SETMAX, _SC_NL_TEXTMAX
        _SC_NPROCESSORS_CONF, _SC_NPROCESSORS_ONLN, _SC_NZERO, _SC_OPEN_MAX, _SC_PAGESIZE
        _SC_PAGE_SIZE, _SC_PASS_MAX, _SC_PHYS_PAGES, _SC_PII, _SC_PII_INTERNET
        _SC_PII_INTERNET_DGRAM, _SC_PII_INTERNET_STREAM, _SC_PII_OSI, _SC_PII_OSI_CLTS
        _SC_PII_OSI_COTS, _SC_PII_OSI_M, _SC_PII_SOCKET, _SC_PII_XTI, _SC_POLL
        _SC_PRIORITIZED_IO, _SC_PRIORITY_SCHEDULING, _SC_REALTIME_SIGNALS, _SC_RE_DUP_MAX
        _SC_RTSIG_MAX, _SC_SAVED_IDS, _SC_SCHAR_MAX, _SC_SCHAR_MIN, _SC_SELECT, _SC_SEMAPHORES
        _SC_SEM_NSEMS_MAX, _SC_SEM_VALUE_MAX, _SC_SHARED_MEMORY_OBJECTS, _SC_SHRT_MAX
        _SC_SHRT_MIN, _SC_SIGQUEUE_MAX, _SC_SSIZE_MAX, _SC_STREAM_MAX, _SC_SYNCHRONIZED_IO
        _SC_THREADS, _SC_THREAD_ATTR_STACKADDR, _SC_THREAD_ATTR_STACKSIZE
        _SC_THREAD_DESTRUCTOR_ITERATIONS, _SC_THREAD_KEYS_MAX, _SC_THREAD_PRIORITY_SCHEDULING
        _SC_THREAD_PRIO_INHERIT, _SC_THREAD_PRIO_PROTECT, _SC_THREAD_PROCESS_SHARED
        _SC_THREAD_SAFE_FUNCTIONS, _SC_THREAD_STACK_MIN, _SC_THREAD_THREADS_MAX, _SC_TIMERS
        _SC_TIMER_MAX, _SC_TTY_NAME_MAX, _SC_TZNAME_MAX, _SC_T_IOV_MAX, _SC_UCHAR_MAX
        _SC_UINT_MAX, _SC_UIO_MAXIOV, _SC_ULONG_MAX, _SC_USHRT_MAX, _SC_VERSION, _SC_WORD_BIT
        _SC_XBS5_ILP32_OFF32, _SC_XBS5_ILP32_OFFBIG, _SC_XBS5_LP64_OFF64, _SC_XBS5_LPBIG_OFFBIG
        _SC_XOPEN_CRYPT, _SC_XOPEN_ENH_I18N, _SC_XOPEN_LEGACY, _SC_XOPEN_REALTIME
        _SC_XOPEN_REALTIME_THREADS, _SC_XOPEN_SHM, _SC_XOPEN_UNIX, _SC_XOPEN_VERSION
        _SC_XOPEN_XCU_VERSION, _SC_XOPEN_XPG2, _SC_XOPEN_XPG3, _SC_XOPEN_XPG4
        _CS_GNU_LIBC_VERSION, _CS_GNU_LIBPTHREAD_VERSION, _CS_LFS64_CFLAGS, _CS_LFS64_LDFLAGS
        _CS_LFS64_LIBS, _CS_LFS64_LINTFLAGS, _CS_LFS_CFLAGS, _CS_LFS_LDFLAGS, _CS_LFS_LIBS
        _CS_LFS_LINTFLAGS, _CS_PATH, _CS_XBS5_ILP32_OFF32_CFLAGS, _CS_XBS5_ILP32_OFF32_LDFLAGS
        _CS_XBS5_ILP32_OFF32_LIBS, _CS_XBS5_ILP32_OFF32_LINTFLAGS, _CS_XBS5_ILP32_OFFBIG_CFLAGS
        _CS_XBS5_ILP32_OFFBIG_LDFLAGS, _CS_XBS5_ILP32_OFFBIG_LIBS
        _CS_XBS5_ILP32_OFFBIG_LINTFLAGS, _CS_XBS5_LP64_OFF64_CFLAGS, _CS_XBS5_LP64_OFF64_LDFLAGS
        _CS_XBS5_LP64_OFF64_LIBS, _CS_XBS5_LP64_OFF64_LINTFLAGS, _CS_XBS5_LPBIG_OFFBIG_CFLAGS
        _CS_XBS5_LPBIG_OFFBIG_LDFLAGS, _CS_XBS5_LPBIG_OFFBIG_LIBS
        _CS_XBS5_LPBIG_OFFBIG_LINTFLAGS
