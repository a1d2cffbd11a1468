# The MFD_ constants come partly from sys/mman.h, the sizes of pages from linux/memfd.h.
cdef extern from *:
    """
    #include <sys/mman.h>
    #include <linux/memfd.h>
    #ifndef MFD_HUGETLB
    #define MFD_HUGETLB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_16GB
    #define MFD_HUGE_16GB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_16MB
    #define MFD_HUGE_16MB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_1GB
    #define MFD_HUGE_1GB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_1MB
    #define MFD_HUGE_1MB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_256MB
    #define MFD_HUGE_256MB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_2GB
    #define MFD_HUGE_2GB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_2MB
    #define MFD_HUGE_2MB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_32MB
    #define MFD_HUGE_32MB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_512KB
    #define MFD_HUGE_512KB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_512MB
    #define MFD_HUGE_512MB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_64KB
    #define MFD_HUGE_64KB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_8MB
    #define MFD_HUGE_8MB OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_MASK
    #define MFD_HUGE_MASK OSTLER_ABSENT
    #endif
    #ifndef MFD_HUGE_SHIFT
    #define MFD_HUGE_SHIFT OSTLER_ABSENT
    #endif
    """
    # Some are above INT_MAX, so they are no enum.
    const long MFD_ALLOW_SEALING
    const long MFD_CLOEXEC
    const long MFD_HUGETLB
    const long MFD_HUGE_16GB
    const long MFD_HUGE_16MB
    const long MFD_HUGE_1GB
    const long MFD_HUGE_1MB
    const long MFD_HUGE_256MB
    const long MFD_HUGE_2GB
    const long MFD_HUGE_2MB
    const long MFD_HUGE_32MB
    const long MFD_HUGE_512KB
    const long MFD_HUGE_512MB
    const long MFD_HUGE_64KB
    const long MFD_HUGE_8MB
    const long MFD_HUGE_MASK
    const long MFD_HUGE_SHIFT

cdef extern from "sys/mman.h" nogil:
    enum:
        PROT_READ, PROT_WRITE, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, MAP_STACK
    void *MAP_FAILED
    void *mmap(void *address, size_t size, int protection, int flags, int fd, long offset)
    int munmap(void *address, size_t size)
    int memfd_create(const char *name, unsigned int flags)
