cdef extern from "stdio.h" nogil:
    enum: TMP_MAX
    enum: RENAME_NOREPLACE, RENAME_EXCHANGE
    int sprintf(char *to, const char *format, ...)
    int renameat(int from_dir, const char *source, int to_dir, const char *destination)
    int renameat2(int dir, const char *path, int dir2, const char *path2, unsigned int flags)
    char *ctermid(char *to)
    int snprintf(char *room, size_t size, const char *format, ...)
    int sscanf(const char *text, const char *format, ...)
