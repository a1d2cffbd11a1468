from ostler.core cimport libc
from ostler.core cimport python as py

# Each has a short way for the usual small int, here, so that it becomes a part of its caller.
cdef int any_to_int(object o) except? -1
cdef int any_to_fd_or_overflow(object o) except? -1
cdef int any_to_fildes(object o) except -1
cdef libc.off_t any_to_offset(object o) except? -1
cdef Py_ssize_t any_to_size(object o) except? -1

cdef inline int to_int(object o) except? -1:
    cdef long value
    return <int>value if py.small(o, &value) else any_to_int(o)

cdef inline int to_fd_or_overflow(object o) except? -1:
    cdef long value
    return <int>value if py.small(o, &value) else any_to_fd_or_overflow(o)

cdef inline int to_dir_fd(object o) except? -1:
    return libc.AT_FDCWD if o is None else any_to_dir_fd(o)

cdef inline int to_fildes(object o) except -1:
    cdef long value
    return <int>value if py.small(o, &value) and value >= 0 else any_to_fildes(o)

cdef inline libc.off_t to_offset(object o) except? -1:
    cdef long value
    return value if py.small(o, &value) else any_to_offset(o)

cdef inline Py_ssize_t to_size(object o) except? -1:
    cdef long value
    return value if py.small(o, &value) else any_to_size(o)

# A user's or group's id as os gives it: that which stands for "none" is -1.
cdef inline long from_id(unsigned int number) noexcept nogil:
    return -1 if number == <unsigned int>-1 else number

# Whether a number needs more than 32 bits. Cython takes a literal of more than 31 for an object,
# and would make one of the number to compare the two.
cdef inline bint is_wide(unsigned long number) noexcept nogil:
    return number >> 32 != 0

cdef int any_to_dir_fd(object o) except? -1
cdef int to_parsed_int(object o) except? -1
cdef int to_tuple_int(object o) except? -1
cdef int to_named_int(object o, dict names) except? -1
cdef unsigned int to_unsigned(object o) except? <unsigned int>-1
cdef unsigned long long to_unsigned_long_long(object o) except? <unsigned long long>-1
cdef object not_negative(object o)
cdef libc.uid_t to_uid(object o) except? <libc.uid_t>-1
cdef libc.gid_t to_gid(object o) except? <libc.gid_t>-1
cdef unsigned int to_unsigned_mask(object o) except? <unsigned int>-1
