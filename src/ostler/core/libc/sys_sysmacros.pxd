cdef extern from "sys/sysmacros.h" nogil:
    unsigned int major(unsigned long device)
    unsigned int minor(unsigned long device)
    unsigned long makedev(unsigned int major, unsigned int minor)
