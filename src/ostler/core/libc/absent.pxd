# A constant that some headers lack: the header's .pxd defines it as OSTLER_ABSENT where it is
# missing, and the facade leaves out what has this value.
cdef extern from *:
    """
    #define OSTLER_ABSENT (-0x7fffffff - 1)
    """
    enum: OSTLER_ABSENT
