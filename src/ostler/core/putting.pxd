cdef int new_mount(const char *kind, const char *key, int attributes) noexcept nogil
cdef int set_mount(int mount, unsigned long long attributes, unsigned long long cleared) noexcept nogil
cdef int clone_mount(int dir, const char *path) noexcept nogil
cdef int put_mount(int mount, int dir, const char *path) noexcept nogil
cdef int cover_directory(int fd) noexcept nogil
cdef int new_blank() noexcept nogil
