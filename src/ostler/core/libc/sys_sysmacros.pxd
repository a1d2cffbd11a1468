cdef extern from "sys/sysmacros.h" nogil:
    unsigned int gnu_dev_major(unsigned long device)
    unsigned int gnu_dev_minor(unsigned long device)
    unsigned long gnu_dev_makedev(unsigned int major, unsigned int minor)
