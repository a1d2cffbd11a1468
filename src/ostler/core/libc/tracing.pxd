from ostler.core.libc.signal cimport sigset_t

# What a recorder needs that sees how each call ends: ptrace(2), by a process of its own. Numbers and
# structures are the kernel's, since headers of the C libraries lack some, or call them otherwise.
#
# Not gathered in __init__.pxd: each change would compile every module anew.
cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <linux/filter.h>
    #include <linux/seccomp.h>
    #include <sched.h>
    #include <signal.h>
    #include <stdint.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/prctl.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <sys/time.h>
    #include <sys/wait.h>
    #include <time.h>
    #include <unistd.h>

    enum {
        OSTLER_CONT = 7, OSTLER_SYSCALL = 24, OSTLER_GETEVENTMSG = 0x4201, OSTLER_SEIZE = 0x4206,
        OSTLER_INTERRUPT = 0x4207, OSTLER_LISTEN = 0x4208, OSTLER_TOLD = 0x420e
    };
    /* Of a stop: what has happened. */
    enum {
        OSTLER_EVENT_FORK = 1, OSTLER_EVENT_VFORK = 2, OSTLER_EVENT_CLONE = 3,
        OSTLER_EVENT_EXEC = 4, OSTLER_EVENT_SECCOMP = 7, OSTLER_EVENT_STOP = 128,
        OSTLER_OF_CALL = SIGTRAP | 0x80
    };
    /* Calls are marked as such, children are traced as their parents, execs and filtered calls stop,
       and nobody outlives the tracer, without whom each of these calls would fail. */
    #define OSTLER_OPTIONS (1L | 2 | 4 | 8 | 0x10 | 0x80 | 0x100000)
    #ifndef PR_SET_PTRACER
    #define PR_SET_PTRACER 0x59616d61
    #endif
    #ifndef SECCOMP_RET_TRACE
    #define SECCOMP_RET_TRACE 0x7ff00000U
    #endif
    #ifndef CLONE_UNTRACED
    #define CLONE_UNTRACED 0x00800000
    #endif

    /* struct ptrace_syscall_info, whose layout is fixed. */
    struct ostler_told {
        uint8_t op, _[3];
        uint32_t arch;
        uint64_t at, stack;
        uint64_t number, args[6];       /* of a call that begins; `number` is the result of one */
    };                                  /* that ends */
    enum { OSTLER_BEGINS = 1, OSTLER_ENDS = 2, OSTLER_FILTERED = 3 };

    static long ostler_trace(int what, int tid, unsigned long at, unsigned long data) {
        return syscall(SYS_ptrace, (long)what, (long)tid, at, data);
    }

    /* What a stop is about: 0, or -1 with errno. */
    static int ostler_tell(int tid, struct ostler_told *told) {
        memset(told, 0, sizeof *told);
        return ostler_trace(OSTLER_TOLD, tid, sizeof *told, (unsigned long)told) <= 0 ? -1 : 0;
    }

    static void ostler_awaited(sigset_t *set) {
        sigemptyset(set);
        sigaddset(set, SIGCHLD);
        sigaddset(set, SIGIO);
        sigaddset(set, SIGUSR1);
    }

    /* All signals blocked, as a thread has them that waits for a process; and back. */
    static void ostler_block(sigset_t *before) {
        uint64_t every = ~(uint64_t)0;
        memset(before, 0, sizeof *before);
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, before, 8);
    }
    static void ostler_unblock(sigset_t *before) {
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, 0, 8);
    }

    /* All but the signal by which setuid() and its kin have each thread of a process do the same: they
       wait until all have. It interrupts no call for good, and its handler leaves errno alone. */
    #ifdef __GLIBC__
    enum { OSTLER_OF_IDS = 33 };
    #else
    enum { OSTLER_OF_IDS = 34 };
    #endif
    static void ostler_block_but_ids(void) {
        uint64_t every = ~((uint64_t)1 << (OSTLER_OF_IDS - 1));
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, 0, 8);
    }

    /* The next signal of those that a tracer waits for; 0 after so many milliseconds, -1: for ever.
       Whoever may send it SIGUSR1 can't make it believe that `parent` has ended. */
    static int ostler_await(int parent, int milliseconds) {
        sigset_t set;
        siginfo_t info;
        struct timespec until = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
        int found;
        ostler_awaited(&set);
        found = milliseconds < 0 ? sigwaitinfo(&set, &info) : sigtimedwait(&set, &info, &until);
        if (found == SIGUSR1 && (info.si_code != SI_USER
                                 || (info.si_pid != parent && info.si_pid != getpid()))) return SIGIO;
        return found < 0 ? 0 : found;
    }

    /* Whether one of these signals waits, SIGCHLD aside. */
    static int ostler_is_called(void) {
        sigset_t set;
        return sigpending(&set) == 0 && (sigismember(&set, SIGIO) || sigismember(&set, SIGUSR1));
    }

    /* With ticks, whose period is not 0, no stop sends a signal. */
    static void ostler_have_ticks(int milliseconds) {
        struct sigaction plain;
        struct itimerval every = {{0, milliseconds * 1000L}, {0, milliseconds * 1000L}};
        memset(&plain, 0, sizeof plain);
        plain.sa_handler = SIG_DFL;
        plain.sa_flags = milliseconds ? SA_NOCLDSTOP : 0;
        sigaction(SIGCHLD, &plain, 0);
        setitimer(ITIMER_REAL, &every, 0);
    }

    /* Wait for a stop, or until a tick: they interrupt nothing else, which could fail by that. */
    static int ostler_stop_or_tick(int *status) {
        uint64_t tick = (uint64_t)1 << (SIGALRM - 1);
        int tid, number;
        syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &tick, 0, 8);
        tid = waitpid(-1, status, __WALL);
        number = errno;
        syscall(SYS_rt_sigprocmask, SIG_BLOCK, &tick, 0, 8);
        errno = number;
        return tid;
    }

    /* Have a descriptor send SIGIO to this process when there is something to be read. */
    static int ostler_heed(int fd) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETOWN, getpid()) < 0) return -1;
        return fcntl(fd, F_SETFL, flags | O_ASYNC | O_NONBLOCK);
    }

    static void ostler_tick(int number) { (void)number; }

    /* A process that lives beside the one whose memory it shares: no signal of the terminal reaches
       it, no directory is kept by it, and SIGUSR1 tells that the other one has ended. */
    static void ostler_stand_apart(int parent) {
        struct sigaction plain;
        memset(&plain, 0, sizeof plain);
        plain.sa_handler = SIG_DFL;
        sigaction(SIGCHLD, &plain, 0);
        sigaction(SIGIO, &plain, 0);
        sigaction(SIGUSR1, &plain, 0);
        plain.sa_handler = ostler_tick;
        sigaction(SIGALRM, &plain, 0);
        setsid();
        if (chdir("/")) {}
        prctl(PR_SET_NAME, "ostler tracer", 0, 0, 0);
        prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
        if (getppid() != parent) kill(getpid(), SIGUSR1);
    }

    /* Who has sent a letter (the kernel says it), with the descriptor that it came with; 0: nobody,
       -1: nobody ever will. */
    static int ostler_receive(int from, int *fd) {
        union { char room[128]; struct cmsghdr align; } control;
        char letter;
        struct iovec part = {&letter, 1};
        struct msghdr message;
        struct cmsghdr *header;
        int pid = 0;
        ssize_t size;
        memset(&message, 0, sizeof message);
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        *fd = -1;
        size = recvmsg(from, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (size < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
        if (size == 0) return -1;
        for (header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
            if (header->cmsg_level != SOL_SOCKET) continue;
            if (header->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(header), sizeof *fd);
            if (header->cmsg_type == SCM_CREDENTIALS) {
                struct ucred who;
                memcpy(&who, CMSG_DATA(header), sizeof who);
                pid = who.pid;
            }
        }
        return *fd < 0 ? 0 : pid > 0 ? pid : 0;
    }

    /* What is tried: it waits to be traced, and makes a call under a filter that picks out each. */
    static int ostler_tried(void *told) {
        volatile int *may_go = told;
        struct sock_filter each = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRACE};
        struct sock_fprog filter = {1, &each};
        while (!*may_go) syscall(SYS_sched_yield);
        if (*may_go < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter)) _exit(1);
        syscall(SYS_mkdirat, -1, "", 0);
        _exit(0);
    }

    /* Whether this process may trace, and sees the calls of others: 0 or an errno, EBUSY where who
       records this process is asked about these calls first. */
    static int ostler_try(char *stack, size_t size) {
        struct ostler_told told;
        int status, number = 0, may_go = 0;
        int pid = clone(ostler_tried, stack + size, CLONE_VM | SIGCHLD, &may_go);
        if (pid < 0) return errno;
        if (ostler_trace(OSTLER_SEIZE, pid, 0, OSTLER_OPTIONS) < 0) number = errno;
        __atomic_store_n(&may_go, number ? -1 : 1, __ATOMIC_SEQ_CST);
        while (waitpid(pid, &status, __WALL) > 0 && WIFSTOPPED(status)) {
            if (number == 0 && status >> 16 == OSTLER_EVENT_SECCOMP) {
                if (ostler_tell(pid, &told) < 0) number = ENOSYS;
                else if (told.number != SYS_mkdirat) number = EBUSY;
                kill(pid, SIGKILL);
                waitpid(pid, &status, __WALL);
                return number;
            }
            ostler_trace(OSTLER_CONT, pid, 0, status >> 16 ? 0 : WSTOPSIG(status));
        }
        return number ? number : EBUSY;
    }
    """
    enum:
        OSTLER_CONT, OSTLER_SYSCALL, OSTLER_GETEVENTMSG, OSTLER_SEIZE, OSTLER_LISTEN
        OSTLER_EVENT_CLONE, OSTLER_EVENT_FORK, OSTLER_EVENT_VFORK, OSTLER_EVENT_EXEC, OSTLER_EVENT_SECCOMP, OSTLER_EVENT_STOP, OSTLER_OF_CALL
        OSTLER_BEGINS, OSTLER_ENDS, OSTLER_FILTERED
        PR_SET_PTRACER
        SIGIO, SIGUSR1, SIGTSTP, SIGTTIN, SIGTTOU
        EINPROGRESS
        CLONE_UNTRACED
    unsigned long SECCOMP_RET_TRACE
    unsigned long OSTLER_OPTIONS
    struct ostler_told:
        unsigned char op
        unsigned int arch
        unsigned long long at, stack, number
        unsigned long long args[6]
    long ostler_trace(int what, int tid, unsigned long at, unsigned long data) nogil
    int ostler_tell(int tid, ostler_told *told) nogil
    void ostler_block(sigset_t *before) nogil
    void ostler_block_but_ids() nogil
    void ostler_unblock(sigset_t *before) nogil
    int ostler_await(int parent, int milliseconds) nogil
    bint ostler_is_called() nogil
    void ostler_have_ticks(int milliseconds) nogil
    int ostler_stop_or_tick(int *status) nogil
    int ostler_heed(int fd) nogil
    void ostler_stand_apart(int parent) nogil
    int ostler_receive(int socket, int *fd) nogil
    int ostler_try(char *stack, size_t size) nogil
