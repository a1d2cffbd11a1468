cdef extern from "string.h" nogil:
    size_t strlen(const char *text)
    char *strerror(int number)
    char *strchr(const char *text, int byte)
    int strcmp(const char *a, const char *b)
    void *memcpy(void *to, const void *source, size_t size)
    void *memset(void *to, int byte, size_t size)
    void *memchr(const void *text, int byte, size_t size)
    void *memrchr(const void *text, int byte, size_t size)
