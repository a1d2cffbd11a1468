cdef class Stay:
    cdef readonly object machine    # None when it has ended, and for the host
    cdef readonly bint on_host
    cdef readonly bint threads      # threads that are started in it are in it, too
    cdef readonly bint strict       # what would reach the host's files is refused
    cdef readonly bint everywhere   # it holds for all code of the process
    cdef readonly bint paused       # what it holds for is on the host for now
    cdef bint serves                # the host's, of a thread that serves others
    cdef readonly bint ended
    cdef bint counted               # the functions have to ask for it
    cdef object is_over             # a function: whether the task that began it is gone; or None
    cdef object thread              # the list of its thread's stays
    cdef long long number           # the later, the greater
    cdef Stay before                # the context's stay when it began
    cdef Stay after                 # the one that it left, in a context that it was not ended in
    cdef Stay outer(self)           # what is `before` now

cdef class Block:
    cdef readonly list _entered     # Stays
    cdef Stay _own(self)
