from ostler.core.libc.absent cimport *

# musl does not have it.
cdef extern from *:
    """
    #include <dlfcn.h>
    #ifndef RTLD_DEEPBIND
    #define RTLD_DEEPBIND OSTLER_ABSENT
    #endif
    """

cdef extern from "dlfcn.h" nogil:
    enum:
        RTLD_DEEPBIND, RTLD_GLOBAL, RTLD_LAZY, RTLD_LOCAL, RTLD_NODELETE, RTLD_NOLOAD, RTLD_NOW
