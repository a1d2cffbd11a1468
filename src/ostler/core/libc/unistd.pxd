cdef extern from "sys/types.h" nogil:
    ctypedef int pid_t
    ctypedef unsigned int uid_t
    ctypedef unsigned int gid_t
    ctypedef long off_t
    ctypedef long ssize_t

cdef extern from "unistd.h" nogil:
    int close(int fd)
    int fchown(int fd, uid_t uid, gid_t gid)
    int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
    int faccessat(int dir, const char *path, int mode, int flags)
    int unlinkat(int dir, const char *path, int flags)
    int linkat(int from_dir, const char *source, int to_dir, const char *destination, int flags)
    int symlinkat(const char *target, int dir, const char *path)
    ssize_t readlinkat(int dir, const char *path, char *buffer, size_t size)
    int truncate(const char *path, off_t length)
    int ftruncate(int fd, off_t length)
    long pathconf(const char *path, int name)
    long fpathconf(int fd, int name)
    char **environ
    int dup2(int fd, int to)
    int dup3(int fd, int to, int flags)
    ssize_t write(int fd, const void *data, size_t size)
    int execve(const char *path, char *const argv[], char *const envp[])
    int fexecve(int fd, char *const argv[], char *const envp[])
    void _exit(int status)
    int chdir(const char *path)
    int fchdir(int fd)
    pid_t fork()
    uid_t getuid()
    uid_t geteuid()
    gid_t getegid()
    gid_t getgid()
    pid_t getpgid(pid_t pid)
    pid_t getpgrp()
    pid_t getpid()
    pid_t getppid()
    pid_t getsid(pid_t pid)
    int nice(int increment)
    int setpgid(pid_t pid, pid_t group)
    int setpgrp()
    pid_t setsid()
    int chroot(const char *path)
    char *getcwd(char *room, size_t size)
    off_t lseek(int fd, off_t offset, int whence)
    enum:
        F_LOCK, F_TEST, F_TLOCK, F_ULOCK
        SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE
    long sysconf(int name)
    ssize_t read(int fd, void *buffer, size_t size)
    ssize_t pread(int fd, void *to, size_t size, off_t offset)
    ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
    ssize_t copy_file_range(int source, off_t *from_, int target, off_t *to, size_t size,
                            unsigned int flags)
    int pipe2(int *fds, int flags)
    int fsync(int fd)
    int fdatasync(int fd)
    void sync()
    int syncfs(int fd)
    int lockf(int fd, int command, off_t length)
    int isatty(int fd)
    int ttyname_r(int fd, char *to, size_t size)
    pid_t tcgetpgrp(int fd)
    int tcsetpgrp(int fd, pid_t pgid)
    size_t confstr(int name, char *to, size_t size)
    int getgroups(int count, gid_t *groups)
    char *getlogin()
    int getlogin_r(char *name, size_t size)
    int getresgid(gid_t *real, gid_t *effective, gid_t *saved)
    int getresuid(uid_t *real, uid_t *effective, uid_t *saved)
    int setegid(gid_t gid)
    int seteuid(uid_t uid)
    int setgid(gid_t gid)
    int setregid(gid_t real, gid_t effective)
    int setresgid(gid_t real, gid_t effective, gid_t saved)
    int setresuid(uid_t real, uid_t effective, uid_t saved)
    int setreuid(uid_t real, uid_t effective)
    int setuid(uid_t uid)
    int access(const char *path, int mode)
    enum:
        _PC_ALLOC_SIZE_MIN, _PC_ASYNC_IO, _PC_CHOWN_RESTRICTED, _PC_FILESIZEBITS, _PC_LINK_MAX
        _PC_MAX_CANON, _PC_MAX_INPUT, _PC_NAME_MAX, _PC_NO_TRUNC, _PC_PATH_MAX, _PC_PIPE_BUF
        _PC_PRIO_IO, _PC_REC_INCR_XFER_SIZE, _PC_REC_MAX_XFER_SIZE, _PC_REC_MIN_XFER_SIZE
        _PC_REC_XFER_ALIGN, _PC_SOCK_MAXBUF, _PC_SYMLINK_MAX, _PC_SYNC_IO, _PC_VDISABLE
