from ostler.core.libc.unistd cimport pid_t

cdef extern from "signal.h" nogil:
    enum:
        NSIG
        SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGILL, SIGINT, SIGKILL, SIGPIPE
        SIGQUIT, SIGSEGV, SIGSTOP, SIGTERM, SIGTRAP, SIGXFSZ
        SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SA_RESTART, SA_SIGINFO, SI_USER, SI_KERNEL
    ctypedef void (*handler_t "sighandler_t")(int number) noexcept nogil
    handler_t SIG_DFL
    handler_t SIG_IGN
    ctypedef struct sigset_t:
        pass
    ctypedef struct caught_t "siginfo_t":
        int si_code
    ctypedef void (*catcher_t)(int number, caught_t *info, void *context) noexcept nogil
    ctypedef struct sigaction_t "struct sigaction":
        handler_t sa_handler
        catcher_t sa_sigaction
        sigset_t sa_mask
        int sa_flags
    int sigaction(int number, const sigaction_t *new, sigaction_t *old)
    int sigfillset(sigset_t *set)
    int sigemptyset(sigset_t *set)
    int sigaddset(sigset_t *set, int number)
    int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
    int kill(pid_t pid, int number)
    int killpg(pid_t group, int number)
