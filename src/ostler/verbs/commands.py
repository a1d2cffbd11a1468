"""Commands: programs to run, through a shell, in place of this one, or beside it."""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core import python_signatures as signatures
from cython.cimports.ostler.core.arguments import (
    byte_strings,
    children_block,
    environment_of,
    parse_environment,
    search_path,
)
from cython.cimports.ostler.core.become import become
from cython.cimports.ostler.core.crossing import (
    ALLOW_FD,
    Core,
    Where,
    failure,
    is_own,
    plain_failure,
    start_child,
    take,
    verb,
)
from cython.cimports.ostler.core.numbers import to_int, to_tuple_int
from cython.cimports.ostler.core.shell import run_shell
from cython.cimports.ostler.core.spawn import (
    ACT_CLOSE,
    ACT_CLOSEFROM,
    ACT_DUP2,
    ACT_OPEN,
    SPAWN_KEEP,
    SPAWN_REPLACES,
    SPAWN_RESETIDS,
    SPAWN_SCHEDPARAM,
    SPAWN_SCHEDULER,
    SPAWN_SEARCH,
    SPAWN_SETMASK,
    SPAWN_SETPGROUP,
    SPAWN_SETSID,
    Action,
    Spawn,
    Words,
    prepare,
    run_with,
    words,
)
from cython.cimports.ostler.verbs.processes import to_priority

from ostler.core import popen

CONSTANTS = {
    "EX_CANTCREAT": libc.EX_CANTCREAT,
    "EX_CONFIG": libc.EX_CONFIG,
    "EX_DATAERR": libc.EX_DATAERR,
    "EX_IOERR": libc.EX_IOERR,
    "EX_NOHOST": libc.EX_NOHOST,
    "EX_NOINPUT": libc.EX_NOINPUT,
    "EX_NOPERM": libc.EX_NOPERM,
    "EX_NOUSER": libc.EX_NOUSER,
    "EX_OK": libc.EX_OK,
    "EX_OSERR": libc.EX_OSERR,
    "EX_OSFILE": libc.EX_OSFILE,
    "EX_PROTOCOL": libc.EX_PROTOCOL,
    "EX_SOFTWARE": libc.EX_SOFTWARE,
    "EX_TEMPFAIL": libc.EX_TEMPFAIL,
    "EX_UNAVAILABLE": libc.EX_UNAVAILABLE,
    "EX_USAGE": libc.EX_USAGE,
    # These are os's own numbers and stand in no header.
    "POSIX_SPAWN_OPEN": ACT_OPEN,
    "POSIX_SPAWN_CLOSE": ACT_CLOSE,
    "POSIX_SPAWN_DUP2": ACT_DUP2,
    "POSIX_SPAWN_CLOSEFROM": ACT_CLOSEFROM,
    "P_WAIT": 0,
    "P_NOWAIT": 1,
    "P_NOWAITO": 1,
}
TYPES = {"_wrap_close": popen._wrap_close}

_NOT_GIVEN = object()
_ALL = slice(None)


@cython.cclass
class Commands(Core):
    """The calls of os that are about commands."""

    # ---- through the shell ----

    def system(self, command):
        """Run a command in the shell and wait; return its wait status; system(3)."""
        text = py.fs_bytes(command)
        py.audit1(b"os.system", b"O", text)
        # The shell's words are read from exact bytes; the event shows what os's shows.
        return run_shell(self, text if type(text) is bytes else bytes.__getitem__(text, _ALL))

    def popen(self, cmd, mode="r", buffering=-1):
        """Run a command in the shell with a pipe to it ("w") or from it ("r"); popen(3).

        Return a text file whose close() waits for the command and gives None for exit status 0,
        else the status shifted left by 8.
        """
        return popen.popen(self, cmd, mode, buffering)

    # ---- in place of this program ----

    def execv(self, path, argv, /):
        """Run a program in place of this one; argv[0] is its own name; execve(2)."""
        w: Where
        s: Spawn
        kept = take(cython.address(w), path, "execv", "path", 0)
        if not isinstance(argv, (list, tuple)):
            raise TypeError("execv() arg 2 must be a tuple or list")
        if not argv:
            raise ValueError("execv() arg 2 must not be empty")
        given: Words = words(byte_strings(argv))
        if not given.kept[0]:
            raise ValueError("execv() arg 2 first element cannot be empty")
        named = _named(kept)
        py.audit3(b"os.exec", b"OOO", named, argv, None)
        prepare(cython.address(s))
        own: Words = environment_of(self) if self._names is None else None
        s.path = w.name
        run_with(cython.address(s), given, own)
        s.flags |= SPAWN_REPLACES
        self.enter(cython.address(s))
        raise plain_failure(become(cython.address(s)))

    def execve(self, path, argv, env):
        """Run a program in place of this one with this environment; path may be a descriptor.

        execve(2), fexecve(3).
        """
        w: Where
        s: Spawn
        kept = take(cython.address(w), path, "execve", "path", ALLOW_FD)
        if not isinstance(argv, (list, tuple)):
            raise TypeError("execve: argv must be a tuple or list")
        if not argv:
            raise ValueError("execve: argv must not be empty")
        if not py.PyMapping_Check(env):
            raise TypeError("execve: environment must be a mapping object")
        given: Words = words(byte_strings(argv))
        if not given.kept[0]:
            raise ValueError("execve: argv first element cannot be empty")
        variables: Words = parse_environment(env)
        named = _named(kept)
        py.audit3(b"os.exec", b"OOO", named, argv, env)
        if py.PY_VERSION_HEX >= 0x030F0000 and w.name == cython.NULL and w.fd < 0:
            raise failure(libc.EINVAL, kept)
        prepare(cython.address(s))
        s.path = w.name
        s.exec_fd = w.fd
        run_with(cython.address(s), given, variables)
        s.flags |= SPAWN_REPLACES
        self.enter(cython.address(s))
        raise failure(become(cython.address(s)), kept)

    def execl(self, file, *args):
        """As execv(), the arguments one by one."""
        verb(self, "execv")(file, args)

    def execle(self, file, *args):
        """As execve(), the arguments one by one, the last one the environment."""
        verb(self, "execve")(file, *_split(args))

    def execlp(self, file, *args):
        """As execvp(), the arguments one by one."""
        verb(self, "execvp")(file, args)

    def execlpe(self, file, *args):
        """As execvpe(), the arguments one by one, the last one the environment."""
        verb(self, "execvpe")(file, *_split(args))

    def execvp(self, file, args):
        """As execv(), the program looked for along PATH."""
        verb(self, "_execvpe")(file, args)

    def execvpe(self, file, args, env):
        """As execve(), the program looked for along the PATH of env."""
        verb(self, "_execvpe")(file, args, env)

    def _execvpe(self, file, args, env=None):
        if env is not None:
            run = verb(self, "execve")
            rest = (args, env)
        else:
            run = verb(self, "execv")
            rest = (args,)
            env = verb(self, "environ")
        paths = verb(self, "path")
        if paths.dirname(file):
            run(file, *rest)
            return
        directories = verb(self, "get_exec_path")(env)
        encode = verb(self, "fsencode")
        name = encode(file)
        serious = last = None
        for directory in map(encode, directories):
            try:
                run(paths.join(directory, name), *rest)
            except (FileNotFoundError, NotADirectoryError) as error:
                last = error
            except OSError as error:
                last = error
                if serious is None:
                    serious = error
        if serious is not None:
            raise serious
        if last is None:
            raise UnboundLocalError(
                "cannot access local variable 'last_exc' where it is not associated with a value"
            )
        raise last

    # ---- beside it ----

    def spawnv(self, mode, file, args):
        """Run a program beside this one.

        With P_NOWAIT return its process id; with P_WAIT its exit status, or minus the number of
        the signal that ended it. A program that can't be started exits with 127.
        """
        return verb(self, "_spawnvef")(mode, file, args, None, verb(self, "execv"))

    def spawnve(self, mode, file, args, env):
        """As spawnv(), with this environment."""
        return verb(self, "_spawnvef")(mode, file, args, env, verb(self, "execve"))

    def spawnvp(self, mode, file, args):
        """As spawnv(), the program looked for along PATH."""
        return verb(self, "_spawnvef")(mode, file, args, None, verb(self, "execvp"))

    def spawnvpe(self, mode, file, args, env):
        """As spawnve(), the program looked for along the PATH of env."""
        return verb(self, "_spawnvef")(mode, file, args, env, verb(self, "execvpe"))

    def spawnl(self, mode, file, *args):
        """As spawnv(), the arguments one by one."""
        return verb(self, "spawnv")(mode, file, args)

    def spawnle(self, mode, file, *args):
        """As spawnve(), the arguments one by one, the last one the environment."""
        return verb(self, "spawnve")(mode, file, *_split(args))

    def spawnlp(self, mode, file, *args):
        """As spawnvp(), the arguments one by one."""
        return verb(self, "spawnvp")(mode, file, args)

    def spawnlpe(self, mode, file, *args):
        """As spawnvpe(), the arguments one by one, the last one the environment."""
        return verb(self, "spawnvpe")(mode, file, *_split(args))

    def _spawnvef(self, mode, file, args, env, func):
        if not isinstance(args, (tuple, list)):
            raise TypeError("argv must be a tuple or a list")
        if not args or not args[0]:
            raise ValueError("argv first element cannot be empty")
        # Looked up before: another thread may close the machine once the program runs.
        at_once: cython.bint = mode == verb(self, "P_NOWAIT")
        wait, is_stopped = verb(self, "waitpid"), verb(self, "WIFSTOPPED")
        to_code = verb(self, "waitstatus_to_exitcode")
        if _all_own(self, func):
            py.PySys_Audit(b"os.fork", cython.NULL)
            name = func.__name__
            pid = _spawned(
                self, file, args, env, name.startswith("execvp"), name in ("execve", "execvpe")
            )
        else:
            pid = verb(self, "fork")()
            if not pid:
                try:
                    if env is None:
                        func(file, args)
                    else:
                        func(file, args, env)
                except BaseException:
                    verb(self, "_exit")(127)
        if at_once:
            return pid
        while True:
            _, status = wait(pid, 0)
            if not is_stopped(status):
                return to_code(status)

    def posix_spawn(
        self,
        path,
        argv,
        env,
        /,
        *,
        file_actions=(),
        setpgroup=_NOT_GIVEN,
        resetids=False,
        setsid=False,
        setsigmask=_NOT_GIVEN,
        setsigdef=(),
        scheduler=_NOT_GIVEN,
    ):
        """Run a program beside this one; return its process id; posix_spawn(3).

        file_actions are tuples: (POSIX_SPAWN_OPEN, fd, path, flags, mode), (POSIX_SPAWN_CLOSE,
        fd), (POSIX_SPAWN_DUP2, fd, new_fd), (POSIX_SPAWN_CLOSEFROM, fd).
        """
        return _posix_spawn(
            self, "posix_spawn", path, argv, env, file_actions, setpgroup, resetids, setsid,
            setsigmask, setsigdef, scheduler,
        )  # fmt: skip

    def posix_spawnp(
        self,
        path,
        argv,
        env,
        /,
        *,
        file_actions=(),
        setpgroup=_NOT_GIVEN,
        resetids=False,
        setsid=False,
        setsigmask=_NOT_GIVEN,
        setsigdef=(),
        scheduler=_NOT_GIVEN,
    ):
        """As posix_spawn(), the program looked for along PATH; posix_spawnp(3)."""
        return _posix_spawn(
            self, "posix_spawnp", path, argv, env, file_actions, setpgroup, resetids, setsid,
            setsigmask, setsigdef, scheduler,
        )  # fmt: skip


if py.PY_VERSION_HEX >= 0x030E0000:
    for _name in (b"posix_spawn", b"posix_spawnp"):
        signatures.sign(Commands, _name, b"path, argv, env, /, *, file_actions=(), setpgroup=None, "
                        b"resetids=False, setsid=False, setsigmask=(), setsigdef=(), "
                        b"scheduler=None")  # fmt: skip


@cython.cfunc
def _split(args: tuple):
    # Arguments one by one, the last one the environment.
    last: cython.Py_ssize_t = len(args) - 1
    if last < 0:
        raise IndexError("tuple index out of range")
    return args[:last], args[last]


@cython.cfunc
def _named(kept):
    return kept[0] if type(kept) is tuple else kept


@cython.cfunc
def _all_own(machine: Core, func) -> cython.bint:
    # Whether nothing that os's spawn functions are made of was replaced in the module.
    for name in ("fork", "_exit", "execv", "execve", "_execvpe", "get_exec_path"):
        if not is_own(machine, name):
            return False
    return (
        py.PyCFunction_Check(func)
        and py.PyCFunction_GET_SELF(func) == cython.cast(cython.pointer(py.PyObject), machine)
        and func.__name__ in ("execv", "execve", "execvp", "execvpe")
    )


@cython.cfunc
def _spawned(machine: Core, file, args, env, search: cython.bint, with_env: cython.bint):
    # A child as fork and func would have made it: whatever is wrong, it exits with 127.
    s: Spawn
    w: Where
    number: cython.int
    prepare(cython.address(s))
    s.flags = SPAWN_KEEP
    kept = given = variables = candidates = None
    try:
        if env is None and with_env:
            raise TypeError("without an environment, os calls the function with too few arguments")
        given = words(byte_strings(args))
        if env is not None:
            variables = parse_environment(env)
        else:
            variables = children_block(machine)
        paths = verb(machine, "path")
        if search and not paths.dirname(file):
            encode = verb(machine, "fsencode")
            name = encode(file)
            where = verb(machine, "get_exec_path")(verb(machine, "environ") if env is None else env)
            candidates = words([paths.join(encode(directory), name) for directory in where])
            s.paths = cython.cast(Words, candidates).array
        else:
            # named so that the text lives until the child has it
            kept = take(cython.address(w), file, "execv", "path", 0 if env is None else ALLOW_FD)
            s.path = w.name
            s.exec_fd = w.fd
    except Exception:
        s.path = cython.NULL
        s.paths = cython.NULL
        s.exec_fd = -1
    run_with(cython.address(s), given, variables)
    number = start_child(machine, cython.address(s))
    if s.pid <= 0:
        raise plain_failure(number)
    return s.pid


@cython.cfunc
def _posix_spawn(
    machine: Core, function: str, path, argv, env, file_actions, setpgroup, resetids, setsid,
    setsigmask, setsigdef, scheduler,
):  # fmt: skip
    w: Where
    s: Spawn
    number: cython.int
    kept = take(cython.address(w), path, function, "path", 0)
    prepare(cython.address(s))
    if _truth(resetids):
        s.flags |= SPAWN_RESETIDS
    if _truth(setsid):
        s.flags |= SPAWN_SETSID
    if not isinstance(argv, (list, tuple)):
        raise TypeError(f"{function}: argv must be a tuple or list")
    if not argv:
        raise ValueError(f"{function}: argv must not be empty")
    if py.PY_VERSION_HEX >= 0x030D0000:
        if env is not None and not py.PyMapping_Check(env):
            raise TypeError(f"{function}: environment must be a mapping object or None")
    elif not py.PyMapping_Check(env):
        raise TypeError(f"{function}: environment must be a mapping object")
    given: Words = words(byte_strings(argv))
    if not given.kept[0]:
        raise ValueError(f"{function}: argv first element cannot be empty")
    variables: Words = None
    if env is not None:
        variables = parse_environment(env)
    else:
        variables = children_block(machine)
    run_with(cython.address(s), given, variables)
    actions = None
    if file_actions is not None:
        actions = _file_actions(cython.address(s), file_actions)
    if setpgroup is not _NOT_GIVEN and (py.PY_VERSION_HEX < 0x030E0000 or setpgroup is not None):
        s.flags |= SPAWN_SETPGROUP
        if py.PY_VERSION_HEX >= 0x030D0000:
            s.pgroup = to_int(setpgroup)
        else:
            s.pgroup = cython.cast(cython.int, py.PyLong_AsLong(py.PyNumber_Index(setpgroup)))
    if setsigmask is not _NOT_GIVEN:
        s.flags |= SPAWN_SETMASK
        s.mask = _signal_set(setsigmask)
    s.defaults = _signal_set(setsigdef)
    if scheduler is not _NOT_GIVEN and (py.PY_VERSION_HEX < 0x030E0000 or scheduler is not None):
        if not isinstance(scheduler, tuple):
            if py.PY_VERSION_HEX >= 0x030E0000:
                raise TypeError(f"{function}: scheduler must be a tuple or None")
            raise SystemError("new style getargs format but argument is not a tuple")
        if len(scheduler) != 2:
            raise TypeError("A scheduler tuple must have two elements")
        if scheduler[0] is None:
            s.flags |= SPAWN_SCHEDPARAM
        else:
            s.flags |= SPAWN_SCHEDULER
            s.policy = to_int(scheduler[0])
            if s.policy not in (libc.SCHED_OTHER, libc.SCHED_FIFO, libc.SCHED_RR):
                raise plain_failure(libc.EINVAL)  # so does posix_spawnattr_setschedpolicy
        s.priority = to_priority(scheduler[1])
    named = _named(kept)
    py.audit3(b"os.posix_spawn", b"OOO", named, argv, env)
    s.path = w.name
    if function == "posix_spawnp" and w.name[0] and libc.strchr(w.name, 47) == cython.NULL:
        name = py.PyBytes_FromString(w.name)
        where = search_path(machine).split(b":")
        candidates: Words = words([(d + b"/" + name if d else name) for d in where])
        s.paths = candidates.array
        s.flags |= SPAWN_SEARCH
    number = start_child(machine, cython.address(s))
    if actions is not None:
        libc.free(s.actions)
    if number:
        raise failure(number, kept)
    return s.pid


@cython.cfunc
def _truth(value) -> cython.bint:
    if py.PY_VERSION_HEX < 0x030C0000:
        return to_int(value) != 0
    return py.PyObject_IsTrue(value)


@cython.cfunc
def _signal_set(signals) -> cython.ulonglong:
    found: cython.ulonglong = 0
    number: cython.long
    overflow: cython.int
    for given in signals:
        overflow = 0
        number = py.PyLong_AsLongAndOverflow(py.PyNumber_Index(given), cython.address(overflow))
        if number <= 0 or number >= libc.NSIG:
            raise ValueError(f"signal number {number} out of range [1; {libc.NSIG - 1}]")
        if number == 32 or number == 33:
            text = f"invalid signal number {number}, please use valid_signals()"
            py.PyErr_WarnEx(RuntimeWarning, text.encode(), 1)
            continue
        found |= cython.cast(cython.ulonglong, 1) << (number - 1)
    return found


@cython.cfunc
def _file_actions(s: cython.pointer(Spawn), given):
    # Fill in s.actions; return what keeps their paths alive. The caller frees the array.
    a: cython.pointer(Action)
    try:
        iter(given)
    except TypeError:
        raise TypeError("file_actions must be a sequence or None") from None
    given = list(given)
    kept = []
    s.actions = cython.cast(
        cython.pointer(Action), libc.calloc(len(given) + 1, cython.sizeof(Action))
    )
    if s.actions == cython.NULL:
        raise MemoryError
    try:
        for action in given:
            if not isinstance(action, tuple) or not action:
                raise TypeError("Each file_actions element must be a non-empty tuple")
            a = cython.address(s.actions[s.action_count])
            s.action_count += 1
            tag = py.PyLong_AsLong(py.PyNumber_Index(action[0]))
            _fill(a, tag, action, kept)
    except BaseException:
        libc.free(s.actions)
        raise
    return kept


@cython.cfunc
def _fill(a: cython.pointer(Action), tag: cython.long, action: tuple, kept: list):
    size: cython.Py_ssize_t = len(action)
    if tag == ACT_OPEN:
        if size != 5:
            raise TypeError("A open file_action tuple must have 5 elements")
        a.fd = to_tuple_int(action[1])
        path = py.fs_bytes(action[2])
        kept.append(path)
        a.path = py.PyBytes_AS_STRING(path)
        a.flags = to_tuple_int(action[3])
        if not isinstance(action[4], int):
            raise TypeError("A open file_action tuple must have 5 elements")
        a.mode = cython.cast(cython.uint, action[4] & 0xFFFFFFFF)
    elif tag == ACT_CLOSE:
        if size != 2:
            raise TypeError("A close file_action tuple must have 2 elements")
        a.fd = to_tuple_int(action[1])
    elif tag == ACT_DUP2:
        if size != 3:
            raise TypeError("A dup2 file_action tuple must have 3 elements")
        a.fd = to_tuple_int(action[1])
        a.to = to_tuple_int(action[2])
        if not _valid(a.to):
            raise plain_failure(libc.EBADF)
    elif tag == ACT_CLOSEFROM and py.PY_VERSION_HEX >= 0x030D0000:
        if size != 2:
            raise TypeError("A closefrom file_action tuple must have 2 elements")
        a.fd = to_tuple_int(action[1])
    else:
        raise TypeError("Unknown file_actions identifier")
    if not _valid(a.fd):
        raise plain_failure(libc.EBADF)
    a.kind = tag


@cython.cfunc
def _valid(fd: cython.int) -> cython.bint:
    most: cython.long = libc.sysconf(libc._SC_OPEN_MAX)
    return fd >= 0 and (most < 0 or fd < most)
