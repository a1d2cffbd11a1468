# The environment of the process is one table without a lock of its own in every libc: ours is
# taken around each change and each reading of the whole table, with no Python inside. It is one for
# all modules of the shared object that have this, and a forked copy of the process has it free.
cdef extern from *:
    """
    #include <pthread.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    __attribute__((weak, visibility("hidden")))
    pthread_mutex_t ostler_environment = PTHREAD_MUTEX_INITIALIZER;
    __attribute__((weak, visibility("hidden"))) void ostler_lock_environment(void) {
        pthread_mutex_lock(&ostler_environment);
    }
    __attribute__((weak, visibility("hidden"))) void ostler_unlock_environment(void) {
        pthread_mutex_unlock(&ostler_environment);
    }
    static inline int ostler_setenv(const char *name, const char *value) {
        int result;
        pthread_mutex_lock(&ostler_environment);
        result = setenv(name, value, 1);
        pthread_mutex_unlock(&ostler_environment);
        return result;
    }
    static inline int ostler_unsetenv(const char *name) {
        int result;
        pthread_mutex_lock(&ostler_environment);
        result = unsetenv(name);
        pthread_mutex_unlock(&ostler_environment);
        return result;
    }
    static inline int ostler_clearenv(void) {
        int result;
        pthread_mutex_lock(&ostler_environment);
        result = clearenv();
        pthread_mutex_unlock(&ostler_environment);
        return result;
    }
    /* The table and its texts in one block of memory; NULL: no room. */
    static inline const char **ostler_copied_environment(void) {
        size_t count, left, size, i;
        const char **table;
        char *at;
        pthread_mutex_lock(&ostler_environment);
    again:  /* C code that takes no lock may have changed it meanwhile */
        for (count = left = 0; environ != NULL && environ[count] != NULL; count++)
            left += strlen(environ[count]) + 1;
        table = malloc((count + 1) * sizeof(char *) + left);
        if (table != NULL) {
            at = (char *)(table + count + 1);
            for (i = 0; i < count && environ[i] != NULL; i++) {
                size = strlen(environ[i]) + 1;
                if (size > left) {
                    free(table);
                    goto again;
                }
                table[i] = memcpy(at, environ[i], size);
                at += size;
                left -= size;
            }
            table[i] = NULL;
        }
        pthread_mutex_unlock(&ostler_environment);
        return table;
    }
    """
    void lock_environment "ostler_lock_environment"() noexcept nogil
    void unlock_environment "ostler_unlock_environment"() noexcept nogil
    int pthread_atfork(void (*before)() noexcept nogil, void (*in_parent)() noexcept nogil,
                       void (*in_child)() noexcept nogil) nogil
    int locked_setenv "ostler_setenv"(const char *name, const char *value) nogil
    int locked_unsetenv "ostler_unsetenv"(const char *name) nogil
    int locked_clearenv "ostler_clearenv"() nogil
    const char **copied_environment "ostler_copied_environment"() nogil
