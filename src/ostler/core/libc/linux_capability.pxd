cdef extern from *:
    """
    #include <linux/capability.h>
    #include <sys/syscall.h>
    """
    enum:
        SYS_capset
        _LINUX_CAPABILITY_VERSION_3
    struct __user_cap_header_struct:
        unsigned int version
        int pid
    struct __user_cap_data_struct:
        unsigned int effective
        unsigned int permitted
        unsigned int inheritable
