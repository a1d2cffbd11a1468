cdef class Status:
    cdef readonly unsigned long long st_dev
    cdef readonly unsigned long long st_ino
    cdef readonly unsigned long long st_nlink
    cdef readonly unsigned long long st_rdev
    cdef readonly long long st_size
    cdef readonly unsigned int st_mode
    cdef readonly unsigned int st_uid
    cdef readonly unsigned int st_gid
    # Seconds, and nanoseconds within them: file systems have times of which 64 bits of
    # nanoseconds are too few.
    cdef unsigned int _atime_part
    cdef unsigned int _mtime_part
    cdef unsigned int _ctime_part
    cdef long long _atime
    cdef long long _mtime
    cdef long long _ctime
