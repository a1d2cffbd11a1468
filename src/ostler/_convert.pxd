from ostler cimport _libc as libc

cdef int to_int(object o) except? -1
cdef int to_parsed_int(object o) except? -1
cdef unsigned int to_unsigned(object o) except? <unsigned int>-1
cdef int to_dir_fd(object o) except? -1
cdef int to_fd_or_overflow(object o) except? -1
cdef int to_fildes(object o) except -1
cdef libc.uid_t to_uid(object o) except? <libc.uid_t>-1
cdef libc.gid_t to_gid(object o) except? <libc.gid_t>-1
cdef libc.off_t to_offset(object o) except? -1
cdef Py_ssize_t to_size(object o) except? -1
cdef unsigned int to_unsigned_mask(object o) except? <unsigned int>-1
