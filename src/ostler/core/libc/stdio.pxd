# renameat2(2), of which musl has neither the function nor the flags.
cdef extern from *:
    """
    #include <stdio.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    #ifndef RENAME_NOREPLACE
    #define RENAME_NOREPLACE 1
    #endif
    #ifndef RENAME_EXCHANGE
    #define RENAME_EXCHANGE 2
    #endif
    static inline int ostler_renameat2(int dir, const char *path, int dir2, const char *path2,
                                       unsigned int flags) {
        return (int)syscall(SYS_renameat2, dir, path, dir2, path2, flags);
    }
    """
    int renameat2 "ostler_renameat2"(int dir, const char *path, int dir2, const char *path2,
                                     unsigned int flags) nogil

cdef extern from "stdio.h" nogil:
    enum: TMP_MAX
    enum: RENAME_NOREPLACE, RENAME_EXCHANGE
    int sprintf(char *to, const char *format, ...)
    int renameat(int from_dir, const char *source, int to_dir, const char *destination)
    char *ctermid(char *to)
    int snprintf(char *room, size_t size, const char *format, ...)
    int sscanf(const char *text, const char *format, ...)
