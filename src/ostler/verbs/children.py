"""Children: programs run to their end without a shell, and handles that stay with a process."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.arguments import (
    byte_strings,
    children_environment,
    parse_environment,
)
from cython.cimports.ostler.core.crossing import Core, failure, plain_failure, start_child, verb
from cython.cimports.ostler.core.descendants import kill_family
from cython.cimports.ostler.core.numbers import to_parsed_int
from cython.cimports.ostler.core.pipes import Pipes, now, readable, stream_of, until_of
from cython.cimports.ostler.core.shared import Shared, shared
from cython.cimports.ostler.core.spawn import (
    ACT_CLOSEFROM,
    ACT_DUP2,
    SPAWN_PIDFD,
    SPAWN_SEARCH,
    SPAWN_SETPGROUP,
    STEP_CWD,
    Action,
    Spawn,
    Words,
    act,
    heed_signals,
    launch,
    prepare,
    record_by,
    run_with,
    words,
)

from ostler.core.outcome import CommandFailed, CommandResult, CommandTimeout
from ostler.core.process_info import ProcessInfo

CONSTANTS = {}

_GRACE = cython.declare(cython.longlong, 250_000_000)  # after Ctrl-C, which the child got as well
_STATES = {
    "R": "running", "S": "sleeping", "D": "waiting", "T": "stopped", "t": "traced",
    "Z": "zombie", "X": "dead", "I": "idle", "P": "parked",
}  # fmt: skip


@cython.cclass
class Children(Core):
    """Running programs and watching processes."""

    def run(
        self,
        argv,
        *,
        input=None,
        capture=False,
        timeout=None,
        check=False,
        env=None,
        cwd=None,
        stdin=None,
        stdout=None,
        stderr=None,
        encoding=None,
        errors="strict",
        record=None,
    ):
        """Run a program to its end and return a CommandResult; no shell ever sees argv.

        argv: a list of str, bytes or PathLike, its first element the program, looked for along
        PATH when it has no slash. input: bytes-like, or str (UTF-8, or `encoding`), for its
        standard input. stdin, stdout, stderr: None for this process's own, a descriptor, a file,
        "null", and "capture" for the two outputs, "stdout" for stderr to go with stdout. capture
        stands for both "capture". env: a mapping in place of this machine's environment. cwd: its
        working directory. With encoding the output is str, else bytes. record: a Log of
        ostler.machines.recording, which gets what the program does, with all that it starts.

        After `timeout` seconds the program is killed, and with it all that it has started and
        its process group; then CommandTimeout, which has the result, is raised. So it is killed
        when an error, Ctrl-C say, ends the call. With check CommandFailed is raised unless the
        program exited with 0. OSError when it can't be started. execve(2), pidfd_open(2).
        """
        if record is None:
            return _run(
                self, argv, input, capture, timeout, check, env, cwd, stdin, stdout, stderr,
                encoding, errors, None,
            )  # fmt: skip
        begin = getattr(record, "of_one_run", None)
        if begin is None:
            raise TypeError(f"record should be a Log, not {type(record).__name__}")
        with begin(self) as door:
            return _run(
                self, argv, input, capture, timeout, check, env, cwd, stdin, stdout, stderr,
                encoding, errors, door,
            )  # fmt: skip

    def process(self, pid):
        """A Process, the handle of a process that can't come to mean another one.

        ProcessLookupError when there is none; pidfd_open(2).
        """
        return Process(pid)

    def wait_for(self, pid, timeout=None):
        """Wait until a process has ended, any that can be seen; pidfd_open(2).

        Return its exit status, or minus the signal that ended it, if it was our child, which is
        reaped by this; else None. TimeoutError after `timeout` seconds, ProcessLookupError when
        there is no such process. (wait() and waitpid() are os's, and stay as they are.)
        """
        until: cython.longlong = until_of(timeout)
        with Process(pid) as process:
            return process._wait(until)


class Process:
    """A process, held so that its number can't come to mean another one; made by process().

    A context manager; close() gives the descriptor back.
    """

    _held = _folder = None  # also of one that has never been made

    def __init__(self, pid):
        name: cython.char[32]
        number: cython.int = to_parsed_int(pid)
        self.pid = number
        self.status = None
        if number <= 0:
            raise ValueError(f"a process id is more than 0, not {number}")
        fd: cython.int = libc.syscall(libc.SYS_pidfd_open, number, 0)
        if fd < 0:
            raise _of(libc.errno, number)
        self._held = shared(fd)
        libc.sprintf(name, b"/proc/%d", number)
        folder: cython.int = libc.openat(
            libc.AT_FDCWD, name, libc.O_PATH | libc.O_DIRECTORY | libc.O_CLOEXEC
        )
        if folder >= 0:
            self._folder = shared(folder)
        if libc.syscall(libc.SYS_pidfd_send_signal, fd, 0, cython.NULL, 0) < 0:
            if libc.errno == libc.ESRCH:
                # It ended in between: the folder may be of the next one with this number.
                self.close()
                raise _of(libc.ESRCH, number)

    @property
    def fd(self):
        """The descriptor, -1 once this is closed."""
        own: Shared = self._held
        return -1 if own is None or own.leaving else own.fd

    def fileno(self):
        """The descriptor, readable once the process has ended; for select and poll."""
        fd = self.fd
        if fd < 0:
            raise ValueError(_CLOSED)
        return fd

    def signal(self, number, /):
        """Send a signal. ProcessLookupError when the process has gone; pidfd_send_signal(2)."""
        which: cython.int = to_parsed_int(number)
        e: cython.int = 0
        fd: cython.int = _enter(self)
        try:
            py.PySys_Audit(b"os.kill", b"in", cython.cast(cython.int, self.pid), which)
            if libc.syscall(libc.SYS_pidfd_send_signal, fd, which, cython.NULL, 0) < 0:
                e = libc.errno
        finally:
            _leave(self._held)
        if e:
            raise _of(e, self.pid)
        py.PyErr_CheckSignals()

    def poll(self):
        """Whether it has ended: True or False, at once. A child of ours is not reaped by this."""
        fd: cython.int = _enter(self)
        try:
            return readable(fd, 0) != 0
        finally:
            _leave(self._held)

    def wait(self, timeout=None):
        """Wait until it has ended; return its exit status or minus the signal, as `status` tells.

        None for a process that is not our child: only its parent is told. TimeoutError after
        `timeout` seconds. A child is reaped by this, once.
        """
        until: cython.longlong = until_of(timeout)
        return self._wait(until)

    def _wait(self, until):
        r: cython.int
        info: libc.siginfo_t
        fd: cython.int = _enter(self)
        try:
            if not readable(fd, until):
                raise TimeoutError(libc.ETIMEDOUT, f"process {self.pid} has not ended in time")
            libc.memset(cython.address(info), 0, cython.sizeof(info))
            with cython.nogil:
                r = libc.waitid(libc.P_PIDFD, fd, cython.address(info), libc.WEXITED | libc.WNOHANG)
        finally:
            _leave(self._held)
        if r == 0 and info.si_pid != 0:
            code: cython.int = info.si_status
            self.status = code if info.si_code == libc.CLD_EXITED else -code
        return self.status

    def info(self):
        """What the kernel tells of it now, a ProcessInfo. ProcessLookupError when it has gone."""
        self.fileno()
        moment: libc.timespec
        stat: bytes = _slurp(self, b"stat")
        status: bytes = _slurp(self, b"status")
        command: bytes = _slurp(self, b"cmdline")
        before, _, after = stat.rpartition(b")")
        fields = after.split()
        lines = dict([line.split(b":\t", 1) for line in status.split(b"\n") if b":\t" in line])
        libc.clock_gettime(libc.CLOCK_REALTIME, cython.address(moment))
        real = moment.tv_sec + moment.tv_nsec * 1e-9
        libc.clock_gettime(libc.CLOCK_BOOTTIME, cython.address(moment))
        booted = real - (moment.tv_sec + moment.tv_nsec * 1e-9)
        ticks: cython.long = libc.sysconf(libc._SC_CLK_TCK)
        peak = lines.get(b"VmHWM", b"0").split()[0]
        resident = lines.get(b"VmRSS", b"0").split()[0]
        return ProcessInfo(
            self.pid,
            _text(before.partition(b"(")[2]),
            _STATES.get(fields[0].decode(), fields[0].decode()),
            int(fields[1]),
            int(fields[2]),
            int(fields[3]),
            int(lines[b"Uid"].split()[1]),
            int(lines[b"Gid"].split()[1]),
            int(fields[17]),
            int(fields[11]) / ticks,
            int(fields[12]) / ticks,
            int(resident) * 1024,
            int(peak) * 1024,
            booted + int(fields[19]) / ticks,
            tuple([_text(word) for word in command.removesuffix(b"\0").split(b"\0") if command]),
        )

    def close(self):
        """Give the descriptor back; the process is left alone."""
        for own in (self._held, self._folder):
            if own is not None:
                _shut(own)

    def __enter__(self):
        self.fileno()
        return self

    def __exit__(self, *exception):
        self.close()

    def __del__(self):
        self.close()

    def __repr__(self):
        return f"<ostler.Process {self.pid}{', closed' if self.fd < 0 else ''}>"

    def __reduce__(self):
        raise TypeError("cannot pickle 'Process' object: it is a descriptor of this process")


Process.__module__ = "ostler"
TYPES = {
    "CommandFailed": CommandFailed,
    "CommandResult": CommandResult,
    "CommandTimeout": CommandTimeout,
    "Process": Process,
    "ProcessInfo": ProcessInfo,
}


_CLOSED = "the process handle is closed"


@cython.cfunc
@cython.exceptval(-1)
def _enter(process) -> cython.int:
    # The descriptor, which stays what it is until _leave().
    own: Shared = process._held
    if own is None or own.leaving:
        raise ValueError(_CLOSED)
    return own.enter()


@cython.cfunc
@cython.exceptval(-1)
def _leave(own: Shared) -> cython.int:
    fd: cython.int = own.leave()
    if fd >= 0:
        libc.close(fd)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _shut(own: Shared) -> cython.int:
    fd: cython.int = own.shut()
    if fd >= 0:
        libc.close(fd)
    return 0


@cython.cfunc
def _of(number: cython.int, pid):
    if number == libc.ENOENT or number == libc.EINVAL:
        number = libc.ESRCH  # a thread's number: it is no process, as kernels of several ages say
    error = plain_failure(number)
    return type(error)(number, f"{error.strerror}: process {pid}")


@cython.cfunc
def _text(raw: bytes):
    return py.PyUnicode_DecodeFSDefaultAndSize(raw, len(raw))


@cython.cfunc
def _slurp(process, name: bytes):
    # A file of the process's own folder in /proc, which never becomes another's.
    room: cython.char[4096]
    number: cython.int = 0
    size: cython.Py_ssize_t = 0
    own: Shared = process._folder
    path: cython.p_const_char = name
    parts: list = []
    if own is None:
        raise FileNotFoundError(libc.ENOENT, "No /proc to look at", f"/proc/{process.pid}")
    folder: cython.int = own.enter()
    fd: cython.int = libc.openat(folder, path, libc.O_RDONLY | libc.O_CLOEXEC)
    if fd < 0:
        number = libc.errno
    _leave(own)
    if fd >= 0:
        while True:
            size = libc.read(fd, room, 4096)
            if size <= 0:
                break
            parts.append(py.PyBytes_FromStringAndSize(room, size))
        if size < 0:
            number = libc.errno
        libc.close(fd)
    if number == libc.ENOENT:
        number = libc.ESRCH
    if number:
        raise _of(number, process.pid)
    return b"".join(parts)


# ---- running --------------------------------------------------------------------------------


@cython.cfunc
def _run(
    machine: Core, argv, data, capture, timeout, check, env, cwd, stdin, stdout, stderr, encoding,
    errors, door,
):  # fmt: skip
    s: Spawn
    usage: libc.rusage
    i: cython.int
    status: cython.int = 0
    theirs: cython.int[3]
    in_time: cython.bint = True
    if isinstance(argv, (str, bytes)) or hasattr(type(argv), "__fspath__"):
        raise TypeError("argv should be a list of arguments, not one string: there is no shell")
    argv = list(argv)
    if not argv:
        raise ValueError("argv must not be empty")
    arguments: Words = words(byte_strings(argv))
    if not arguments.kept[0]:
        raise ValueError("argv: the program's name must not be empty")
    until_of(timeout)
    if data is not None and stdin is not None:
        raise ValueError("input and stdin can't be given together")
    if capture:
        stdout = "capture" if stdout is None else stdout
        stderr = "capture" if stderr is None else stderr
    variables: Words = children_environment(machine) if env is None else parse_environment(env)
    pipes: Pipes = Pipes()
    if data is not None:
        if isinstance(data, str):
            data = data.encode(encoding or "utf-8")
        py.PyObject_GetBuffer(data, cython.address(pipes.input), py.PyBUF_SIMPLE)
        pipes.has_input = True
    place = None
    if cwd is not None:
        place = py.fs_bytes(cwd)
        if machine._names is None and not place.startswith(b"/"):
            place = verb(machine, "getcwdb")() + b"/" + place
    prepare(cython.address(s))
    s.flags = SPAWN_PIDFD
    run_with(cython.address(s), arguments, variables)
    program: bytes = arguments.kept[0]
    s.path = program
    if b"/" not in program:
        candidates: Words = _candidates(program, variables.kept)
        s.paths = candidates.array
        s.flags |= SPAWN_SEARCH
    if place is not None:
        s.cwd = place
    heed_signals(cython.address(s))
    # Before the time limit a program of its own group can be killed with all that is in it; but
    # one that shall read from the terminal must be in the terminal's group.
    if timeout is not None and (data is not None or stdin is not None or not libc.isatty(0)):
        s.flags |= SPAWN_SETPGROUP
    grouped: cython.bint = s.flags & SPAWN_SETPGROUP
    theirs[0] = theirs[1] = theirs[2] = -1
    try:
        theirs[0] = stream_of(stdin, "stdin", cython.address(pipes.to_child), data is not None)
        theirs[1] = stream_of(stdout, "stdout", cython.address(pipes.out), False)
        theirs[2] = stream_of(stderr, "stderr", cython.address(pipes.err), False)
        py.audit4(b"subprocess.Popen", b"OOOO", argv[0], argv, cwd, env)
        began: cython.longlong = now()
        until: cython.longlong = until_of(timeout)
        _start(machine, cython.address(s), theirs, argv[0], cwd, door)
    finally:
        for i in range(3):
            if theirs[i] >= 0:
                libc.close(theirs[i])
    if s.pidfd < 0:  # made afterwards, for want of descriptors, say
        s.pidfd = libc.syscall(libc.SYS_pidfd_open, s.pid, 0)
    try:
        if s.pidfd < 0:
            raise plain_failure(libc.errno)
        pipes.pidfd = pipes.process = s.pidfd
        in_time = pipes.work(until)
        if not in_time:
            _kill(s.pid, grouped)
            pipes.drain()
    except BaseException as error:
        if type(error) is KeyboardInterrupt and pipes.pidfd >= 0:
            readable(pipes.pidfd, now() + _GRACE)
        _kill(s.pid, grouped)
        _reap(s.pid, cython.address(status), cython.address(usage))
        raise
    known: cython.bint = _reap(s.pid, cython.address(status), cython.address(usage))
    ended: cython.longlong = now()
    pipes.shut()
    how = errors if in_time else "replace"
    said = b"".join(pipes.said) if stdout == "capture" else None
    complained = b"".join(pipes.complained) if stderr == "capture" else None
    if encoding is not None:
        said = said if said is None else said.decode(encoding, how)
        complained = complained if complained is None else complained.decode(encoding, how)
    result = CommandResult(
        argv=argv,
        pid=s.pid,
        code=libc.WEXITSTATUS(status) if known and libc.WIFEXITED(status) else None,
        signal=libc.WTERMSIG(status) if known and libc.WIFSIGNALED(status) else None,
        core_dumped=bool(known and libc.WIFSIGNALED(status) and libc.WCOREDUMP(status)),
        stdout=said,
        stderr=complained,
        wall=(ended - began) * 1e-9,
        user=usage.ru_utime.tv_sec + usage.ru_utime.tv_usec * 1e-6,
        system=usage.ru_stime.tv_sec + usage.ru_stime.tv_usec * 1e-6,
        peak_memory=usage.ru_maxrss * 1024,
        timed_out=not in_time,
    )
    if not in_time or check:
        result.check()
    return result


@cython.cfunc
def _candidates(program: bytes, variables: list):
    path: bytes = b"/bin:/usr/bin"
    for entry in variables:
        if entry.startswith(b"PATH="):
            path = entry[5:]
    return words([(place + b"/" + program if place else program) for place in path.split(b":")])


@cython.cfunc
@cython.exceptval(-1)
def _start(
    machine: Core, s: cython.pointer(Spawn), theirs: cython.p_int, program, cwd, door
) -> cython.int:
    actions: Action[4]
    number: cython.int
    i: cython.int
    s.actions = actions
    for i in range(3):
        if theirs[i] == -1:
            continue
        act(s, ACT_DUP2, 1 if theirs[i] == -3 else theirs[i], i)
    act(s, ACT_CLOSEFROM, 3, 0)
    if door is None:
        number = start_child(machine, s)
    else:
        # In place of whoever records what this machine starts: a program has one recorder.
        record_by(s, door)
        machine.enter(s)
        with cython.nogil:
            number = launch(s)
    if number:
        raise failure(number, cwd if s.step == STEP_CWD else program)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _kill(pid: cython.int, grouped: cython.bint) -> cython.int:
    # The program and all that it started; whatever happens, the program itself.
    try:
        py.PySys_Audit(b"os.kill", b"in", pid, libc.SIGKILL)
        kill_family(pid, pid if grouped else 0)
    finally:
        if grouped:
            libc.kill(-pid, libc.SIGKILL)
        libc.kill(pid, libc.SIGKILL)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _reap(pid: libc.pid_t, status: cython.p_int, usage: cython.pointer(libc.rusage)) -> cython.int:
    # Whether the status could be had: another part of the program may have taken it.
    r: cython.int
    number: cython.int = 0
    libc.memset(usage, 0, cython.sizeof(libc.rusage))
    while True:
        with cython.nogil:
            r = libc.wait4(pid, status, 0, usage)
            if r < 0:
                number = libc.errno
        if r >= 0:
            if libc.WIFSTOPPED(status[0]):
                continue  # a child can make this process its tracer: it has not ended
            return 1
        if number != libc.EINTR:
            return 0
        py.PyErr_CheckSignals()
