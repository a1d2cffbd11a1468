from ostler.core cimport libc
from ostler.core cimport python as py

# The records, made from C; for the topic files.
cdef object new_stat(const libc.stat_t *st)
cdef object new_statvfs(const libc.statvfs_t *st)
cdef object new_times(double user, double system, double children_user, double children_system,
                      double elapsed)
cdef object new_uname(object sysname, object nodename, object release, object version,
                      object machine)
cdef object new_terminal_size(int columns, int lines)
cdef object new_sched_param(int priority)
cdef object new_waitid(libc.pid_t pid, libc.uid_t uid, int signo, int status, int code)

cdef py.PyTypeObject *_make_type(bytes name, bytes doc, tuple fields, int visible) except NULL

# The kernel's struct statx, whose layout is fixed; headers of different age know different parts.
cdef struct XTime:
    long long tv_sec
    unsigned int tv_nsec
    int reserved

cdef struct KernelStatX:
    unsigned int mask
    unsigned int blksize
    unsigned long long attributes
    unsigned int nlink
    unsigned int uid
    unsigned int gid
    unsigned short mode
    unsigned short spare0
    unsigned long long ino
    unsigned long long size
    unsigned long long blocks
    unsigned long long attributes_mask
    XTime atime
    XTime btime
    XTime ctime
    XTime mtime
    unsigned int rdev_major
    unsigned int rdev_minor
    unsigned int dev_major
    unsigned int dev_minor
    unsigned long long mnt_id
    unsigned int dio_mem_align
    unsigned int dio_offset_align
    unsigned long long subvol
    unsigned int atomic_write_unit_min
    unsigned int atomic_write_unit_max
    unsigned int atomic_write_segments_max
    unsigned int dio_read_offset_align
    unsigned int atomic_write_unit_max_opt
    unsigned int spare2
    unsigned long long spare3[8]

cdef class statx_result:
    cdef KernelStatX x

cdef statx_result new_statx()
