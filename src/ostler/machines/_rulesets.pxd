cdef long landlock_version() noexcept
cdef unsigned long long landlock_files(long version) noexcept
cdef int ruleset(int root, bint alone, bint network) noexcept
cdef int allow_below(int rules, int root, bytes path) noexcept
