cdef extern from "stdio.h" nogil:
    enum: TMP_MAX
    int sprintf(char *to, const char *format, ...)
    int renameat(int from_dir, const char *source, int to_dir, const char *destination)
