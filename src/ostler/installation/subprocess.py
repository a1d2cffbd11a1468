"""Forking: how subprocess starts a program on a machine."""

import errno
import sys

from ostler.core import starting
from ostler.machine import host

# subprocess's word for: it failed before the program was called
_NO_CALL = "noexec:chdir" if sys.version_info >= (3, 13) else "noexec"


def fork_exec(
    machine, args, executables, close_fds, pass_fds, cwd, env, p2cread, p2cwrite, c2pread,
    c2pwrite, errread, errwrite, errpipe_read, errpipe_write, restore_signals, start_new_session,
    process_group, gid, gids, uid, umask, preexec_fn, allow_vfork=True,
):  # fmt: skip
    """What _posixsubprocess.fork_exec does, on a machine; return the child's pid.

    Errors of the child are written to `errpipe_write`, as subprocess expects them. `allow_vfork`,
    which is given up to 3.13, has no meaning here.
    """
    args = [host.fsencode(arg) for arg in args]
    if cwd is not None:
        cwd = machine.path.join(machine.getcwdb(), host.fsencode(cwd))
    ends = (p2cread, c2pwrite, errwrite)
    if preexec_fn is None and gid is None and gids is None and uid is None and umask < 0:
        pid, number, called = starting.start(
            machine, args, list(executables), close_fds,
            [fd for fd in pass_fds if fd != errpipe_write], cwd, env, ends,
            restore_signals, start_new_session, process_group,
        )  # fmt: skip
        if number:
            _tell(errpipe_write, OSError(number, ""), called)
        return pid
    # Python code, or another user, between fork and exec.
    machine._make_all_now()
    pid = host.fork()
    if pid:
        return pid
    called = False
    try:
        _take_places(ends)
        if start_new_session:
            host.setsid()
        if process_group >= 0:
            host.setpgid(0, process_group)
        if umask >= 0:
            host.umask(umask)
            machine.umask(umask)  # which the program begins with
        if restore_signals:
            _restore_signals()
        starting.keep_rights()
        _set_user(gid, gids, uid)
        if preexec_fn is not None:
            try:
                preexec_fn()
            except Exception:
                host.write(errpipe_write, b"SubprocessError:0:Exception occurred in preexec_fn.")
                host._exit(255)
        if cwd is not None:
            machine.chdir(cwd)
        _pass_on(set(pass_fds) - {errpipe_write})
        if close_fds:
            _close_others(pass_fds)
        starting.use_rights()
        called = True
        _execute(machine, executables, args, env)
    except OSError as error:
        _tell(errpipe_write, error, called)
    finally:
        host._exit(255)


def _execute(machine, executables, args, env):
    variables = None if env is None else dict(pair.split(b"=", 1) for pair in env)
    last = serious = None
    for path in executables:
        try:
            machine.execve(path, args, machine.environ if variables is None else variables)
        except OSError as error:
            last = error
            # What can't be reached or run is passed over, and told of if nothing else is found.
            if serious is None and error.errno not in (errno.ENOENT, errno.ENOTDIR):
                serious = error
    raise serious or last


def _tell(pipe, error, called):
    text = "" if called else _NO_CALL
    host.write(pipe, f"OSError:{error.errno or errno.EINVAL:x}:{text}".encode())


def _take_places(ends):
    # Standard input, output and error, which may stand in each other's places.
    moved = [fd if fd < 0 or fd > 2 else host.dup(fd) for fd in ends]
    for number, fd in enumerate(moved):
        if fd >= 0:
            host.dup2(fd, number)


def _pass_on(fds):
    for fd in fds:
        host.set_inheritable(fd, True)


def _set_user(gid, gids, uid):
    if gids is not None:
        host.setgroups(gids)
    if gid is not None:
        host.setregid(gid, gid)
    if uid is not None:
        host.setreuid(uid, uid)


def _restore_signals():
    import signal

    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def _close_others(kept):
    # At exec, for the machine's own descriptors are needed until then.
    for name in host.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            try:
                host.set_inheritable(int(name), False)
            except OSError:
                pass
