# What the first process of a family does, whose memory is another process's that goes on meanwhile.
#
# Not gathered in __init__.pxd: the code would be in every module.
cdef extern from *:
    """
    #include <sys/syscall.h>
    #include <unistd.h>

    /* By the kernel's own calls: the C library's note in the state of the thread that they wait, and
       that is the other process's. */
    static void ostler_stay(void)
    {
        char byte;
        syscall(SYS_write, 1, "x", 1L);
        syscall(SYS_close, 1);
        syscall(SYS_read, 0, &byte, 1L);
    }
    """
    # Say by 1 that all is well, and return when nobody is at the other end of 0.
    void stay "ostler_stay"() nogil
