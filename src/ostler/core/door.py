"""The door to a recorder: how a process comes to be recorded, with all that it starts from then on.

Nothing of be_recorded() may allocate, take a lock or touch an object: it runs in a child that
shares the memory of this process.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.libc import confining as own
from cython.cimports.ostler.core.libc import recording, tracing


@cython.cclass
class Door:
    """The door to a recorder: a socket to it, and the filter of the calls that it is asked about.

    The descriptor is closed with it; `end` is the socket's other end, which no child may keep;
    `text` are the filter's instructions, as the kernel has them; `tracer` is the process that
    traces whoever goes through, where it is one.
    """

    def __cinit__(self, fd: cython.int, end: cython.int, text: bytes, tracer: cython.int = 0):
        self.fd = fd
        self.end = end
        self.tracer = tracer
        self.text = text
        self.program.len = len(text) // 8
        self.program.filter = cython.cast(
            cython.pointer(own.sock_filter), py.PyBytes_AS_STRING(text)
        )

    def __dealloc__(self):
        libc.close(self.fd)

    def join(self):
        """Have this process be recorded from now on; it must have one thread only."""
        r: cython.int = be_recorded(self.fd, self.end, self.tracer, cython.address(self.program))
        if r == -2:
            libc.kill(libc.getpid(), libc.SIGKILL)
        if r < 0:
            raise OSError(libc.errno, "this process can't be recorded")


@cython.profile(False)
@cython.linetrace(False)
def be_recorded(recorder, end, tracer, filter):
    # Under the filter, whose listener the recorder gets; from then on it answers what we ask.
    listener: cython.int
    # Else what lies in there is kept by who waits for it, when the recorder is gone.
    libc.close(end)
    if tracer:
        return _be_traced(recorder, tracer, filter)
    listener = _install(
        filter,
        recording.SECCOMP_FILTER_FLAG_NEW_LISTENER
        | recording.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
    )
    if listener < 0:
        return -1
    if _hand_over(recorder, listener) < 0:
        # Nobody answers any more, and while the listener is open whatever is asked waits for ever.
        number: cython.int = libc.errno
        libc.close(listener)
        libc.errno = number
        return -2
    libc.close(listener)
    return 0


@cython.profile(False)
@cython.linetrace(False)
def _be_traced(recorder, tracer, filter):
    # By whom the calls that the filter picks out are seen; before that they would all fail.
    ends: cython.int[2]
    answer: cython.int = 0
    got: cython.long
    # Where only those who have started a process may trace it, and it sees that one's number.
    libc.prctl(tracing.PR_SET_PTRACER, tracer, 0, 0, 0)
    if libc.pipe2(ends, libc.O_CLOEXEC) < 0:
        return -1
    if _hand_over(recorder, ends[1]) < 0:
        answer = libc.errno
    libc.close(ends[1])
    if answer == 0:
        got = libc.read(ends[0], cython.address(answer), cython.sizeof(answer))
        if got != cython.sizeof(answer):
            answer = libc.ESRCH  # it is gone
    libc.close(ends[0])
    if answer:
        libc.errno = answer
        return -1
    return 0 if _install(filter, 0) >= 0 else -1


@cython.profile(False)
@cython.linetrace(False)
def _install(filter, flags):
    # The filter; the listener's descriptor, or 0 where none is asked for.
    found: cython.int
    while True:
        found = libc.syscall(own.SYS_seccomp, own.SECCOMP_SET_MODE_FILTER, flags, filter)
        if found >= 0:
            return found
        if libc.errno == libc.EINVAL and flags & recording.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV:
            flags = recording.SECCOMP_FILTER_FLAG_NEW_LISTENER  # before Linux 5.19
        elif libc.errno != libc.EACCES or libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0:
            return -1


@cython.profile(False)
@cython.linetrace(False)
def _hand_over(recorder, fd):
    # A descriptor to the recorder, with who has sent it.
    message: recording.msghdr
    part: libc.iovec
    room: cython.char[64]
    header: cython.pointer(recording.cmsghdr)
    libc.memset(cython.address(message), 0, cython.sizeof(message))
    libc.memset(room, 0, cython.sizeof(room))
    part.iov_base = room
    part.iov_len = 1
    message.msg_iov = cython.address(part)
    message.msg_iovlen = 1
    message.msg_control = room
    message.msg_controllen = recording.CMSG_SPACE(cython.sizeof(cython.int))
    header = recording.CMSG_FIRSTHDR(cython.address(message))
    header.cmsg_level = recording.SOL_SOCKET
    header.cmsg_type = recording.SCM_RIGHTS
    header.cmsg_len = recording.CMSG_LEN(cython.sizeof(cython.int))
    libc.memcpy(recording.CMSG_DATA(header), cython.address(fd), cython.sizeof(cython.int))
    return recording.sendmsg(recorder, cython.address(message), recording.OSTLER_HANDING_OVER)
