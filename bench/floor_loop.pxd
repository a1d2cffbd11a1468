# What the floor needs of the C library beyond ostler's own declarations.
from ostler.core cimport libc

cdef extern from "spawn.h" nogil:
    int posix_spawn(libc.pid_t *pid, const char *path, void *actions, void *attributes,
                    char *const argv[], char *const envp[])

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *place) nogil

cdef enum Call:
    ACCESS = 1, CHDIR, CHMOD, CHOWN, DUP, EVENTFD, FCNTL, FSTAT, GETCWD, GETPID, GETPPID,
    GETRANDOM, GETUID, GETXATTR, IOCTL, KILL, LINK, LIST, LIST_STAT, LSEEK, LSTAT, MKDIR, MKDIR_THERE,
    OPEN, PIPE, PREAD, READ, READLINK, RENAME, RESOLVE, SETENV, SPAWN, STAT, STATVFS, SYMLINK, SYSTEM,
    TIMES, TRUNCATE, UMASK, UNAME, UTIME, WAITPID, WRITE

cdef long one(int call, const char *a, const char *b, int fd, char *room) noexcept nogil
cdef long list_it(const char *path, char *room, bint stat) noexcept nogil
cdef long spawn(const char *path, const char *command) noexcept nogil
cdef long long now(int clock) noexcept nogil
