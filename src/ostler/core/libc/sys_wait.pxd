from ostler.core.libc.absent cimport *
from ostler.core.libc.sys_resource cimport rusage
from ostler.core.libc.unistd cimport pid_t, uid_t

cdef extern from *:
    """
    #include <sys/wait.h>
    #include <linux/wait.h>
    #ifndef P_PIDFD
    #define P_PIDFD 3
    #endif
    """

cdef extern from "sys/wait.h" nogil:
    enum:
        WCONTINUED, WEXITED, WNOHANG, WNOWAIT, WSTOPPED, WUNTRACED
        __WALL
        P_ALL, P_PGID, P_PID, P_PIDFD
        CLD_CONTINUED, CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, CLD_TRAPPED
    ctypedef int idtype_t
    ctypedef unsigned int id_t
    ctypedef struct siginfo_t:
        pid_t si_pid
        uid_t si_uid
        int si_signo
        int si_status
        int si_code
    pid_t wait(int *status)
    pid_t waitpid(pid_t pid, int *status, int options)
    pid_t wait3(int *status, int options, rusage *usage)
    pid_t wait4(pid_t pid, int *status, int options, rusage *usage)
    int waitid(idtype_t kind, id_t id, siginfo_t *info, int options)
    int WCOREDUMP(int status)
    int WEXITSTATUS(int status)
    int WIFCONTINUED(int status)
    int WIFEXITED(int status)
    int WIFSIGNALED(int status)
    int WIFSTOPPED(int status)
    int WSTOPSIG(int status)
    int WTERMSIG(int status)
