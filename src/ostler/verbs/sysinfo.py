"""Facts of the system: its name, its limits, its processors, its random numbers."""

import sys

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.crossing import Core, again, plain_failure, verb
from cython.cimports.ostler.core.numbers import to_int, to_named_int, to_size
from cython.cimports.ostler.core.records import new_uname
from cython.cimports.ostler.core.scan import is_ascii


@cython.cfunc
def _present(names: dict):
    # Without those that the headers lacked.
    return {name: value for name, value in names.items() if value != libc.OSTLER_ABSENT}


CONSTANTS = {
    "GRND_NONBLOCK": libc.GRND_NONBLOCK,
    "GRND_RANDOM": libc.GRND_RANDOM,
    "RTLD_DEEPBIND": libc.RTLD_DEEPBIND,
    "RTLD_GLOBAL": libc.RTLD_GLOBAL,
    "RTLD_LAZY": libc.RTLD_LAZY,
    "RTLD_LOCAL": libc.RTLD_LOCAL,
    "RTLD_NODELETE": libc.RTLD_NODELETE,
    "RTLD_NOLOAD": libc.RTLD_NOLOAD,
    "RTLD_NOW": libc.RTLD_NOW,
}
_confstr_names = _present(
    {
        "CS_GNU_LIBC_VERSION": libc._CS_GNU_LIBC_VERSION,
        "CS_GNU_LIBPTHREAD_VERSION": libc._CS_GNU_LIBPTHREAD_VERSION,
        "CS_LFS64_CFLAGS": libc._CS_LFS64_CFLAGS,
        "CS_LFS64_LDFLAGS": libc._CS_LFS64_LDFLAGS,
        "CS_LFS64_LIBS": libc._CS_LFS64_LIBS,
        "CS_LFS64_LINTFLAGS": libc._CS_LFS64_LINTFLAGS,
        "CS_LFS_CFLAGS": libc._CS_LFS_CFLAGS,
        "CS_LFS_LDFLAGS": libc._CS_LFS_LDFLAGS,
        "CS_LFS_LIBS": libc._CS_LFS_LIBS,
        "CS_LFS_LINTFLAGS": libc._CS_LFS_LINTFLAGS,
        "CS_PATH": libc._CS_PATH,
        "CS_XBS5_ILP32_OFF32_CFLAGS": libc._CS_XBS5_ILP32_OFF32_CFLAGS,
        "CS_XBS5_ILP32_OFF32_LDFLAGS": libc._CS_XBS5_ILP32_OFF32_LDFLAGS,
        "CS_XBS5_ILP32_OFF32_LIBS": libc._CS_XBS5_ILP32_OFF32_LIBS,
        "CS_XBS5_ILP32_OFF32_LINTFLAGS": libc._CS_XBS5_ILP32_OFF32_LINTFLAGS,
        "CS_XBS5_ILP32_OFFBIG_CFLAGS": libc._CS_XBS5_ILP32_OFFBIG_CFLAGS,
        "CS_XBS5_ILP32_OFFBIG_LDFLAGS": libc._CS_XBS5_ILP32_OFFBIG_LDFLAGS,
        "CS_XBS5_ILP32_OFFBIG_LIBS": libc._CS_XBS5_ILP32_OFFBIG_LIBS,
        "CS_XBS5_ILP32_OFFBIG_LINTFLAGS": libc._CS_XBS5_ILP32_OFFBIG_LINTFLAGS,
        "CS_XBS5_LP64_OFF64_CFLAGS": libc._CS_XBS5_LP64_OFF64_CFLAGS,
        "CS_XBS5_LP64_OFF64_LDFLAGS": libc._CS_XBS5_LP64_OFF64_LDFLAGS,
        "CS_XBS5_LP64_OFF64_LIBS": libc._CS_XBS5_LP64_OFF64_LIBS,
        "CS_XBS5_LP64_OFF64_LINTFLAGS": libc._CS_XBS5_LP64_OFF64_LINTFLAGS,
        "CS_XBS5_LPBIG_OFFBIG_CFLAGS": libc._CS_XBS5_LPBIG_OFFBIG_CFLAGS,
        "CS_XBS5_LPBIG_OFFBIG_LDFLAGS": libc._CS_XBS5_LPBIG_OFFBIG_LDFLAGS,
        "CS_XBS5_LPBIG_OFFBIG_LIBS": libc._CS_XBS5_LPBIG_OFFBIG_LIBS,
        "CS_XBS5_LPBIG_OFFBIG_LINTFLAGS": libc._CS_XBS5_LPBIG_OFFBIG_LINTFLAGS,
    }
)
_sysconf_names = _present(
    {
        "SC_2_CHAR_TERM": libc._SC_2_CHAR_TERM,
        "SC_2_C_BIND": libc._SC_2_C_BIND,
        "SC_2_C_DEV": libc._SC_2_C_DEV,
        "SC_2_C_VERSION": libc._SC_2_C_VERSION,
        "SC_2_FORT_DEV": libc._SC_2_FORT_DEV,
        "SC_2_FORT_RUN": libc._SC_2_FORT_RUN,
        "SC_2_LOCALEDEF": libc._SC_2_LOCALEDEF,
        "SC_2_SW_DEV": libc._SC_2_SW_DEV,
        "SC_2_UPE": libc._SC_2_UPE,
        "SC_2_VERSION": libc._SC_2_VERSION,
        "SC_AIO_LISTIO_MAX": libc._SC_AIO_LISTIO_MAX,
        "SC_AIO_MAX": libc._SC_AIO_MAX,
        "SC_AIO_PRIO_DELTA_MAX": libc._SC_AIO_PRIO_DELTA_MAX,
        "SC_ARG_MAX": libc._SC_ARG_MAX,
        "SC_ASYNCHRONOUS_IO": libc._SC_ASYNCHRONOUS_IO,
        "SC_ATEXIT_MAX": libc._SC_ATEXIT_MAX,
        "SC_AVPHYS_PAGES": libc._SC_AVPHYS_PAGES,
        "SC_BC_BASE_MAX": libc._SC_BC_BASE_MAX,
        "SC_BC_DIM_MAX": libc._SC_BC_DIM_MAX,
        "SC_BC_SCALE_MAX": libc._SC_BC_SCALE_MAX,
        "SC_BC_STRING_MAX": libc._SC_BC_STRING_MAX,
        "SC_CHARCLASS_NAME_MAX": libc._SC_CHARCLASS_NAME_MAX,
        "SC_CHAR_BIT": libc._SC_CHAR_BIT,
        "SC_CHAR_MAX": libc._SC_CHAR_MAX,
        "SC_CHAR_MIN": libc._SC_CHAR_MIN,
        "SC_CHILD_MAX": libc._SC_CHILD_MAX,
        "SC_CLK_TCK": libc._SC_CLK_TCK,
        "SC_COLL_WEIGHTS_MAX": libc._SC_COLL_WEIGHTS_MAX,
        "SC_DELAYTIMER_MAX": libc._SC_DELAYTIMER_MAX,
        "SC_EQUIV_CLASS_MAX": libc._SC_EQUIV_CLASS_MAX,
        "SC_EXPR_NEST_MAX": libc._SC_EXPR_NEST_MAX,
        "SC_FSYNC": libc._SC_FSYNC,
        "SC_GETGR_R_SIZE_MAX": libc._SC_GETGR_R_SIZE_MAX,
        "SC_GETPW_R_SIZE_MAX": libc._SC_GETPW_R_SIZE_MAX,
        "SC_INT_MAX": libc._SC_INT_MAX,
        "SC_INT_MIN": libc._SC_INT_MIN,
        "SC_IOV_MAX": libc._SC_IOV_MAX,
        "SC_JOB_CONTROL": libc._SC_JOB_CONTROL,
        "SC_LINE_MAX": libc._SC_LINE_MAX,
        "SC_LOGIN_NAME_MAX": libc._SC_LOGIN_NAME_MAX,
        "SC_LONG_BIT": libc._SC_LONG_BIT,
        "SC_MAPPED_FILES": libc._SC_MAPPED_FILES,
        "SC_MB_LEN_MAX": libc._SC_MB_LEN_MAX,
        "SC_MEMLOCK": libc._SC_MEMLOCK,
        "SC_MEMLOCK_RANGE": libc._SC_MEMLOCK_RANGE,
        "SC_MEMORY_PROTECTION": libc._SC_MEMORY_PROTECTION,
        "SC_MESSAGE_PASSING": libc._SC_MESSAGE_PASSING,
        "SC_MINSIGSTKSZ": libc._SC_MINSIGSTKSZ,
        "SC_MQ_OPEN_MAX": libc._SC_MQ_OPEN_MAX,
        "SC_MQ_PRIO_MAX": libc._SC_MQ_PRIO_MAX,
        "SC_NGROUPS_MAX": libc._SC_NGROUPS_MAX,
        "SC_NL_ARGMAX": libc._SC_NL_ARGMAX,
        "SC_NL_LANGMAX": libc._SC_NL_LANGMAX,
        "SC_NL_MSGMAX": libc._SC_NL_MSGMAX,
        "SC_NL_NMAX": libc._SC_NL_NMAX,
        "SC_NL_SETMAX": libc._SC_NL_SETMAX,
        "SC_NL_TEXTMAX": libc._SC_NL_TEXTMAX,
        "SC_NPROCESSORS_CONF": libc._SC_NPROCESSORS_CONF,
        "SC_NPROCESSORS_ONLN": libc._SC_NPROCESSORS_ONLN,
        "SC_NZERO": libc._SC_NZERO,
        "SC_OPEN_MAX": libc._SC_OPEN_MAX,
        "SC_PAGESIZE": libc._SC_PAGESIZE,
        "SC_PAGE_SIZE": libc._SC_PAGE_SIZE,
        "SC_PASS_MAX": libc._SC_PASS_MAX,
        "SC_PHYS_PAGES": libc._SC_PHYS_PAGES,
        "SC_PII": libc._SC_PII,
        "SC_PII_INTERNET": libc._SC_PII_INTERNET,
        "SC_PII_INTERNET_DGRAM": libc._SC_PII_INTERNET_DGRAM,
        "SC_PII_INTERNET_STREAM": libc._SC_PII_INTERNET_STREAM,
        "SC_PII_OSI": libc._SC_PII_OSI,
        "SC_PII_OSI_CLTS": libc._SC_PII_OSI_CLTS,
        "SC_PII_OSI_COTS": libc._SC_PII_OSI_COTS,
        "SC_PII_OSI_M": libc._SC_PII_OSI_M,
        "SC_PII_SOCKET": libc._SC_PII_SOCKET,
        "SC_PII_XTI": libc._SC_PII_XTI,
        "SC_POLL": libc._SC_POLL,
        "SC_PRIORITIZED_IO": libc._SC_PRIORITIZED_IO,
        "SC_PRIORITY_SCHEDULING": libc._SC_PRIORITY_SCHEDULING,
        "SC_REALTIME_SIGNALS": libc._SC_REALTIME_SIGNALS,
        "SC_RE_DUP_MAX": libc._SC_RE_DUP_MAX,
        "SC_RTSIG_MAX": libc._SC_RTSIG_MAX,
        "SC_SAVED_IDS": libc._SC_SAVED_IDS,
        "SC_SCHAR_MAX": libc._SC_SCHAR_MAX,
        "SC_SCHAR_MIN": libc._SC_SCHAR_MIN,
        "SC_SELECT": libc._SC_SELECT,
        "SC_SEMAPHORES": libc._SC_SEMAPHORES,
        "SC_SEM_NSEMS_MAX": libc._SC_SEM_NSEMS_MAX,
        "SC_SEM_VALUE_MAX": libc._SC_SEM_VALUE_MAX,
        "SC_SHARED_MEMORY_OBJECTS": libc._SC_SHARED_MEMORY_OBJECTS,
        "SC_SHRT_MAX": libc._SC_SHRT_MAX,
        "SC_SHRT_MIN": libc._SC_SHRT_MIN,
        "SC_SIGQUEUE_MAX": libc._SC_SIGQUEUE_MAX,
        "SC_SSIZE_MAX": libc._SC_SSIZE_MAX,
        "SC_STREAM_MAX": libc._SC_STREAM_MAX,
        "SC_SYNCHRONIZED_IO": libc._SC_SYNCHRONIZED_IO,
        "SC_THREADS": libc._SC_THREADS,
        "SC_THREAD_ATTR_STACKADDR": libc._SC_THREAD_ATTR_STACKADDR,
        "SC_THREAD_ATTR_STACKSIZE": libc._SC_THREAD_ATTR_STACKSIZE,
        "SC_THREAD_DESTRUCTOR_ITERATIONS": libc._SC_THREAD_DESTRUCTOR_ITERATIONS,
        "SC_THREAD_KEYS_MAX": libc._SC_THREAD_KEYS_MAX,
        "SC_THREAD_PRIORITY_SCHEDULING": libc._SC_THREAD_PRIORITY_SCHEDULING,
        "SC_THREAD_PRIO_INHERIT": libc._SC_THREAD_PRIO_INHERIT,
        "SC_THREAD_PRIO_PROTECT": libc._SC_THREAD_PRIO_PROTECT,
        "SC_THREAD_PROCESS_SHARED": libc._SC_THREAD_PROCESS_SHARED,
        "SC_THREAD_SAFE_FUNCTIONS": libc._SC_THREAD_SAFE_FUNCTIONS,
        "SC_THREAD_STACK_MIN": libc._SC_THREAD_STACK_MIN,
        "SC_THREAD_THREADS_MAX": libc._SC_THREAD_THREADS_MAX,
        "SC_TIMERS": libc._SC_TIMERS,
        "SC_TIMER_MAX": libc._SC_TIMER_MAX,
        "SC_TTY_NAME_MAX": libc._SC_TTY_NAME_MAX,
        "SC_TZNAME_MAX": libc._SC_TZNAME_MAX,
        "SC_T_IOV_MAX": libc._SC_T_IOV_MAX,
        "SC_UCHAR_MAX": libc._SC_UCHAR_MAX,
        "SC_UINT_MAX": libc._SC_UINT_MAX,
        "SC_UIO_MAXIOV": libc._SC_UIO_MAXIOV,
        "SC_ULONG_MAX": libc._SC_ULONG_MAX,
        "SC_USHRT_MAX": libc._SC_USHRT_MAX,
        "SC_VERSION": libc._SC_VERSION,
        "SC_WORD_BIT": libc._SC_WORD_BIT,
        "SC_XBS5_ILP32_OFF32": libc._SC_XBS5_ILP32_OFF32,
        "SC_XBS5_ILP32_OFFBIG": libc._SC_XBS5_ILP32_OFFBIG,
        "SC_XBS5_LP64_OFF64": libc._SC_XBS5_LP64_OFF64,
        "SC_XBS5_LPBIG_OFFBIG": libc._SC_XBS5_LPBIG_OFFBIG,
        "SC_XOPEN_CRYPT": libc._SC_XOPEN_CRYPT,
        "SC_XOPEN_ENH_I18N": libc._SC_XOPEN_ENH_I18N,
        "SC_XOPEN_LEGACY": libc._SC_XOPEN_LEGACY,
        "SC_XOPEN_REALTIME": libc._SC_XOPEN_REALTIME,
        "SC_XOPEN_REALTIME_THREADS": libc._SC_XOPEN_REALTIME_THREADS,
        "SC_XOPEN_SHM": libc._SC_XOPEN_SHM,
        "SC_XOPEN_UNIX": libc._SC_XOPEN_UNIX,
        "SC_XOPEN_VERSION": libc._SC_XOPEN_VERSION,
        "SC_XOPEN_XCU_VERSION": libc._SC_XOPEN_XCU_VERSION,
        "SC_XOPEN_XPG2": libc._SC_XOPEN_XPG2,
        "SC_XOPEN_XPG3": libc._SC_XOPEN_XPG3,
        "SC_XOPEN_XPG4": libc._SC_XOPEN_XPG4,
    }
)
TYPES = {"confstr_names": _confstr_names, "sysconf_names": _sysconf_names}


@cython.cfunc
def _text(value: cython.p_char):
    return py.PyUnicode_DecodeFSDefault(value)


@cython.cfunc
def _random(size: cython.Py_ssize_t, flags: cython.uint, all_of_it: cython.bint):
    # One call of getrandom(2), or as many as it takes to have it all.
    made = py.PyBytes_FromStringAndSize(cython.NULL, size)
    room: cython.p_char = cython.cast(cython.p_char, py.PyBytes_AS_STRING(made))
    got: cython.Py_ssize_t = 0
    n: cython.Py_ssize_t
    e: cython.int = 0
    while True:
        with cython.nogil:
            n = libc.getrandom(room + got, size - got, flags)
            if n < 0:
                e = libc.errno
        if n < 0:
            again(e)
            continue
        got += n
        if got == size:
            return made
        if not all_of_it:
            return py.PyBytes_FromStringAndSize(room, got)


# What -X cpu_count says, since 3.13.
_TOLD = cython.declare(cython.long, getattr(sys, "_get_cpu_count_config", int)())


@cython.cclass
class SysInfo(Core):
    """The calls of os that are about facts of the system."""

    def uname(self):
        """The system's name, the machine's, release, version and hardware; uname(2)."""
        u: libc.utsname
        if libc.uname(cython.address(u)) < 0:
            raise plain_failure(libc.errno)
        return new_uname(
            _text(u.sysname),
            _text(u.nodename),
            _text(u.release),
            _text(u.version),
            _text(u.machine),
        )

    def sysconf(self, name, /):
        """A limit or a fact as a number, by a name of sysconf_names; -1: no limit; sysconf(3)."""
        number: cython.int = to_named_int(name, _sysconf_names)
        libc.errno = 0
        value: cython.long = libc.sysconf(number)
        if value == -1 and libc.errno != 0:
            raise plain_failure(libc.errno)
        return value

    def confstr(self, name, /):
        """A fact as text, by a name of confstr_names; None: not defined; confstr(3)."""
        number: cython.int = to_named_int(name, _confstr_names)
        room: cython.char[256]
        libc.errno = 0
        size: cython.size_t = libc.confstr(number, room, 256)
        if size == 0:
            if libc.errno != 0:
                raise plain_failure(libc.errno)
            return None
        if size <= 256:
            return py.PyUnicode_DecodeFSDefaultAndSize(room, size - 1)
        more = py.PyBytes_FromStringAndSize(cython.NULL, size - 1)
        libc.confstr(number, cython.cast(cython.p_char, py.PyBytes_AS_STRING(more)), size)
        return py.PyUnicode_DecodeFSDefault(py.PyBytes_AS_STRING(more))

    def cpu_count(self):
        """The number of processors, or what -X cpu_count says; None: unknown; sysconf(3)."""
        if _TOLD > 0:
            return _TOLD
        count: cython.long = libc.sysconf(libc._SC_NPROCESSORS_ONLN)
        return count if count >= 1 else None

    def process_cpu_count(self):
        """The number of processors that this process may use; sched_getaffinity(2)."""
        if _TOLD > 0:
            return verb(self, "cpu_count")()
        return len(verb(self, "sched_getaffinity")(0))

    def getloadavg(self):
        """How many processes wanted to run, averaged over 1, 5 and 15 minutes; getloadavg(3)."""
        averages: cython.double[3]
        if libc.getloadavg(averages, 3) != 3:
            raise OSError("Load averages are unobtainable")
        return averages[0], averages[1], averages[2]

    def getrandom(self, size, flags=0):
        """Up to size random bytes from the kernel, with GRND_ flags; getrandom(2)."""
        wanted: cython.Py_ssize_t = to_size(size)
        bits: cython.int = to_int(flags)
        if wanted < 0:
            raise plain_failure(libc.EINVAL)
        return _random(wanted, bits, False)

    def urandom(self, size, /):
        """Size random bytes that are fit for cryptography; getrandom(2)."""
        wanted: cython.Py_ssize_t = to_size(size)
        if wanted < 0:
            if py.PY_VERSION_HEX >= 0x030F0000:
                raise ValueError("size cannot be negative")
            raise ValueError("negative argument not allowed")
        return _random(wanted, 0, True)

    def strerror(self, code, /):
        """The message of an errno; strerror(3)."""
        text: cython.p_const_char = libc.strerror(to_int(code))
        size: cython.size_t = libc.strlen(text)
        if is_ascii(text, size):
            return py.ascii_text(text, size)
        return py.PyUnicode_DecodeLocale(text, b"surrogateescape")
