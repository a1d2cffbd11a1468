cdef extern from "limits.h":
    enum: NGROUPS_MAX, PATH_MAX
