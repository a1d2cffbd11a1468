"""What os.popen gives: a text file at one end of a pipe, with a shell command at the other."""

import sys
import time
from _io import TextIOWrapper, open
from _thread import RLock, allocate_lock
from _warnings import warn

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.arguments import children_block
from cython.cimports.ostler.core.crossing import Core, again, plain_failure, start_child
from cython.cimports.ostler.core.spawn import (
    ACT_CLOSEFROM,
    ACT_DUP2,
    Action,
    Spawn,
    Words,
    act,
    heed_signals,
    prepare,
    run_with,
    words,
)

from ostler.core.interpreter import OS_NAMES, BuiltinFunctionType, FunctionType

_left = []  # commands that were left running; each new one looks after them
_SHELL = "/bin/sh"
# What popen() and its stream's close() call of subprocess.Popen.
_STEPS = (
    "__init__", "_get_handles", "_execute_child", "_posix_spawn", "wait", "_wait", "poll",
    "_internal_poll",
)  # fmt: skip
_INTERRUPTED_WAIT = 0.25  # seconds for a command to end when Ctrl-C reached both


class _wrap_close:
    """A text file whose close() waits for the command at the other end of the pipe."""

    def __init__(self, stream, proc):
        self._stream = stream
        self._proc = proc
        # Without the GIL a text file that several threads close at once may say that it is closed.
        self._closing = RLock()  # a signal's handler may close it, too

    def close(self):
        """Close the pipe and wait; None for exit status 0, else the status shifted left by 8."""
        with self._closing:
            self._stream.close()
        code = self._proc.wait()
        return None if code == 0 else code << 8

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def __iter__(self):
        return iter(self._stream)


class Popen:
    """The command: its process, and what came of it, as subprocess.Popen shows it."""

    def __init__(self, args, pid):
        self.args = args
        self.pid = pid
        self.returncode = None
        self.stdin = self.stdout = self.stderr = None
        self._waiting = allocate_lock()

    def __repr__(self):
        return f"<Popen: returncode: {self.returncode} args: {self.args!r}>"

    def poll(self):
        """The exit status, or None while the command runs."""
        if self.returncode is None and self._waiting.acquire(False):
            try:
                self._take(libc.WNOHANG)
            finally:
                self._waiting.release()
        return self.returncode

    def wait(self):
        """Wait for the command; return its exit status, or minus the signal that ended it."""
        try:
            return self._wait()
        except KeyboardInterrupt:
            # The command got the same Ctrl-C: give it a moment, so that it is not left behind.
            until = time.monotonic() + _INTERRUPTED_WAIT
            while self.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            raise

    def _wait(self):
        while self.returncode is None:
            with self._waiting:
                if self.returncode is None:
                    self._take(0)
        return self.returncode

    def _take(self, options):
        number: cython.int
        status: cython.int = 0
        ended: libc.pid_t
        pid: libc.pid_t = self.pid
        how: cython.int = options
        while True:
            with cython.nogil:
                ended = libc.waitpid(pid, cython.address(status), how)
                number = libc.errno if ended < 0 else 0
            if number == 0 or number == libc.ECHILD:
                break
            again(number)
        if number:
            self.returncode = 0  # someone else has waited for it: its status can't be known
        elif ended == pid:
            if libc.WIFSIGNALED(status):
                self.returncode = -libc.WTERMSIG(status)
            elif libc.WIFEXITED(status):
                self.returncode = libc.WEXITSTATUS(status)

    def __del__(self):
        if self.returncode is None:
            warn(f"subprocess {self.pid} is still running", ResourceWarning, 2, source=self)
            if self.poll() is None and _left is not None:
                # With its stream, as in os: a command may write to it, or read, until it ends.
                _left.append(self)


def popen(machine: Core, cmd, mode, buffering):
    """os.popen on a machine."""
    if not isinstance(cmd, str):
        raise TypeError(f"invalid cmd type ({type(cmd)}, expected string)")
    if mode not in ("r", "w"):
        raise ValueError(f"invalid mode {mode!r}")
    if buffering == 0 or buffering is None:
        raise ValueError("popen() does not support unbuffered streams")
    module = sys.modules.get("subprocess")
    if module is not None and _is_faked(module) and _is_the_programs(machine):
        # In os this goes through subprocess: whoever fakes, traces or replaces that sees it.
        pipes = {"stdout" if mode == "r" else "stdin": module.PIPE}
        process = module.Popen(cmd, shell=True, text=True, bufsize=buffering, **pipes)
        return _wrap_close(process.stdout if mode == "r" else process.stdin, process)
    for left in tuple(_left):
        if left.poll() is not None:
            try:
                _left.remove(left)
            except ValueError:  # another thread has removed it
                pass
    if not isinstance(buffering, int):
        raise TypeError("bufsize must be an integer")
    lines = buffering == 1
    if lines:
        buffering = -1
    encoding = "utf-8" if sys.flags.utf8_mode else "locale"
    if sys.flags.warn_default_encoding:
        warn("'encoding' argument not specified.", EncodingWarning, 2)
    ends: cython.int[2]
    if libc.pipe2(ends, libc.O_CLOEXEC) < 0:
        raise plain_failure(libc.errno)
    theirs: cython.int = ends[1] if mode == "r" else ends[0]
    ours: cython.int = ends[0] if mode == "r" else ends[1]
    stream = None
    try:
        stream = _stream(ours, mode, buffering, encoding, lines)
        args = [_SHELL, "-c", cmd]
        sys.audit("subprocess.Popen", _SHELL, args, None, None)
        if "POSIX_SPAWN_CLOSEFROM" in OS_NAMES:  # with that, subprocess itself uses posix_spawn
            sys.audit("os.posix_spawn", _SHELL, args, None)
        process = Popen(cmd, _start(machine, py.fs_bytes(cmd), theirs, mode == "r"))
    except BaseException:
        if stream is None:
            libc.close(ours)
        else:
            stream.close()
        raise
    finally:
        libc.close(theirs)
    if mode == "r":
        process.stdout = stream
    else:
        process.stdin = stream
    return _wrap_close(stream, process)


@cython.cfunc
def _is_faked(module):
    # Whether a program has put something in the place of subprocess.Popen, or into it.
    names = vars(module)
    kind = names.get("Popen")
    if type(kind) is not type or kind.__module__ != "subprocess":
        return True
    for name in _STEPS:
        method = vars(kind).get(name)
        if type(method) is not FunctionType or method.__globals__ is not names:
            return True
    starts = names.get("_fork_exec")
    return type(starts) is not BuiltinFunctionType or starts.__module__ != "_posixsubprocess"


@cython.cfunc
def _is_the_programs(machine: Core):
    # Whether it is what the program takes for os.
    if machine._names is not None:
        return True
    asking = sys.modules.get("ostler.core.asking")  # else nothing has been installed
    return asking is not None and asking.found() is machine


@cython.cfunc
def _stream(fd: cython.int, mode, buffering, encoding, lines):
    if mode == "r":
        return TextIOWrapper(open(fd, "rb", buffering), encoding=encoding)
    return TextIOWrapper(
        open(fd, "wb", buffering), encoding=encoding, write_through=True, line_buffering=lines
    )


@cython.cfunc
def _start(machine: Core, command: bytes, fd: cython.int, reads: cython.bint):
    s: Spawn
    actions: Action[2]
    number: cython.int
    given: Words = words([b"/bin/sh", b"-c", command])
    prepare(cython.address(s))
    own: Words = children_block(machine)
    run_with(cython.address(s), given, own)
    s.path = b"/bin/sh"
    heed_signals(cython.address(s))
    s.actions = actions
    act(cython.address(s), ACT_DUP2, fd, 1 if reads else 0)
    act(cython.address(s), ACT_CLOSEFROM, 3, 0)
    number = start_child(machine, cython.address(s))
    if number:
        kind = plain_failure(number)
        raise type(kind)(number, kind.strerror, _SHELL)
    return s.pid
