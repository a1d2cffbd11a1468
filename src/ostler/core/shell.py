"""What os.system is made of: a command for /bin/sh, and when the shell may be left out.

A command of plain words that names a program is run without a shell where that can't be told
apart: no character that means something to a shell, no builtin, keyword or assignment, a shell
that is dash (others change the environment they pass on), an environment that dash passes on as
it is. Whatever is in doubt, and a program that can't be started, goes to the shell, so that 126,
127 and their messages stay its own. What dash does after the program is done here: a program
that a signal ended gives 128 + its number and a line on standard error, and an interrupt from the
terminal, which ends dash itself, ends the command.
"""

import cython
from cython.cimports.ostler.core import libc
from cython.cimports.ostler.core import python as py
from cython.cimports.ostler.core.arguments import children_block
from cython.cimports.ostler.core.spawn import (
    SPAWN_FIRST,
    SPAWN_SETMASK,
    Spawn,
    Words,
    launch,
    prepare,
    run_with,
    words,
)

# Words that a shell would not run as a program; of dash and bash.
_OWN = frozenset(
    b". : [ [[ ! { } alias bg bind break builtin caller case cd chdir command compgen complete "
    b"compopt continue coproc declare dirs disown do done echo elif else enable esac eval exec "
    b"exit export false fc fg fi for function getopts hash help history if in jobs kill let local "
    b"logout mapfile popd printf pushd pwd read readarray readonly return select set shift shopt "
    b"source suspend test then time times trap true type typeset ulimit umask unalias unset until "
    b"wait while".split()
)
# Variables that dash sets, resets or reads itself.
_SHELL_VARIABLES = frozenset(b"IFS OPTIND PPID PS1 PS2 PS4 LINENO ENV PWD".split())
_DASH = (b"dash", b"/bin/dash", b"/usr/bin/dash")

# While a command runs, interrupts of this process are only counted; several threads may be here.
_LOCK = []
_running = cython.declare(cython.int, 0)
_interrupts = cython.declare(cython.int, 0)
_quits = cython.declare(cython.int, 0)
_old_int = cython.declare(libc.sigaction_t)
_old_quit = cython.declare(libc.sigaction_t)

# Of each byte, whether it is no more to a shell than a character of a word; whether it can stand
# in the name of a variable.
_plain = cython.declare(cython.bint[256])
_in_name = cython.declare(cython.bint[256])


@cython.cfunc
def _fill():
    byte: cython.uchar
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_":
        _in_name[byte] = _plain[byte] = True
    for byte in b"/.,:=@%+- \t":
        _plain[byte] = True


_fill()


@cython.profile(False)
@cython.linetrace(False)
def _note(number):
    global _interrupts, _quits
    if number == libc.SIGINT:
        _interrupts += 1
    else:
        _quits += 1


def simple_words(command):
    """The words of a command that needs no shell, the first one the program's; else None."""
    i: cython.Py_ssize_t
    text = cython.cast(cython.p_const_uchar, py.PyBytes_AS_STRING(command))
    for i in range(py.PyBytes_GET_SIZE(command)):
        if not _plain[text[i]]:
            return None
    found = command.split()
    if not found:
        return None
    first = found[0]
    if first in _OWN or b"=" in first or first[0] in b"-+%":
        return None
    return found


def shell_environment(inherited):
    """The environment as dash would pass it on, and its PATH; None if that is in doubt."""
    count: cython.Py_ssize_t = 0
    size: cython.Py_ssize_t
    path = b""
    here = None
    while inherited.array[count] != cython.NULL:
        count += 1
    passed = Words()
    passed.array = cython.cast(
        cython.pointer(cython.p_const_char),
        libc.malloc((count + 2) * cython.sizeof(cython.p_const_char)),
    )
    if passed.array == cython.NULL:
        raise MemoryError
    to = passed.array
    at = inherited.array
    while at[0] != cython.NULL:
        entry = cython.cast(cython.p_const_uchar, at[0])
        size = 0
        while _in_name[entry[size]]:
            size += 1
        if entry[size] != 61 or size == 0 or entry[0] <= 57:  # "=", "9"
            return None
        if size == 3 or size == 4 or size == 6:
            name = py.PyBytes_FromStringAndSize(at[0], size)
            if name == b"PATH":
                path = py.PyBytes_FromString(at[0] + size + 1)
            elif name in _SHELL_VARIABLES:
                if name != b"PWD" or here is not None:
                    return None
                here = py.PyBytes_FromString(at[0] + size + 1)
                at += 1
                continue
        to[0] = at[0]
        to += 1
        at += 1
    if not path or b"%" in path:
        return None
    here = _directory(here)
    if here is None:
        return None
    here = b"PWD=" + here
    to[0] = py.PyBytes_AS_STRING(here)
    to[1] = cython.NULL
    passed.kept = [inherited, here]
    return passed, path


@cython.cfunc
def _directory(said):
    # What dash takes for PWD: the one it was told if that is where it is, else getcwd.
    a: libc.stat_t
    b: libc.stat_t
    room: cython.char[4096]
    if (
        said
        and said[0] == 47
        and libc.fstatat(libc.AT_FDCWD, said, cython.address(a), 0) == 0
        and libc.fstatat(libc.AT_FDCWD, b".", cython.address(b), 0) == 0
        and a.st_dev == b.st_dev
        and a.st_ino == b.st_ino
    ):
        return said
    if libc.getcwd(room, 4096) == cython.NULL:
        return None
    return py.PyBytes_FromString(room)


@cython.cfunc
def _shell_is_dash() -> cython.bint:
    room: cython.char[64]
    size: cython.ssize_t = libc.readlinkat(libc.AT_FDCWD, b"/bin/sh", room, 64)
    return size > 0 and py.PyBytes_FromStringAndSize(room, size) in _DASH


def run_shell(machine, command):
    """Run a command as system(3) does; return its wait status."""
    s: Spawn
    status: cython.int = 0
    error: cython.int = -1
    chld: cython.ulonglong = cython.cast(cython.ulonglong, 1) << (libc.SIGCHLD - 1)
    mask: cython.ulonglong
    direct = None
    inherited: Words = children_block(machine)
    prepare(cython.address(s))
    if machine._names is not None:
        direct = simple_words(command)
        if direct is not None and _shell_is_dash():
            environment = shell_environment(inherited)
            direct = None if environment is None else (direct, environment)
        else:
            direct = None
    interrupts: cython.int = _interrupts
    quits: cython.int = _quits
    _begin()
    libc.syscall(libc.SYS_rt_sigprocmask, libc.SIG_BLOCK, cython.address(chld),
                 cython.address(mask), 8)  # fmt: skip
    try:
        if direct is not None:
            prepare(cython.address(s))
            _signals(cython.address(s), mask)
            found, environment = direct
            arguments: Words = words(found)
            variables: Words = environment[0]
            run_with(cython.address(s), arguments, variables)
            first = found[0]
            if b"/" in first:
                candidates: Words = words([first])
            else:
                candidates = words(
                    [(d + b"/" + first if d else first) for d in environment[1].split(b":")]
                )
            s.paths = candidates.array
            s.flags |= SPAWN_FIRST
            with cython.nogil:
                error = launch(cython.address(s))
                if error == 0:
                    status = _ended(s.pid)
        if error:
            direct = None
            prepare(cython.address(s))
            _signals(cython.address(s), mask)
            given: Words = words([b"sh", b"-c", command])
            run_with(cython.address(s), given, inherited)
            s.path = b"/bin/sh"
            machine.enter(cython.address(s))
            with cython.nogil:
                error = launch(cython.address(s))
                # As system(3): a shell that can't be started is one that exited with 127.
                status = 127 << 8 if error else _ended(s.pid)
    finally:
        libc.syscall(libc.SYS_rt_sigprocmask, libc.SIG_SETMASK, cython.address(mask),
                     cython.NULL, 8)  # fmt: skip
        _end()
    if direct is not None and status != -1:
        return _as_dash(status, _interrupts != interrupts, _quits != quits)
    return status


@cython.cfunc
def _signals(s: cython.pointer(Spawn), mask: cython.ulonglong):
    # A handler of this process's is no handler in the child; what was ignored stays ignored.
    s.mask = mask
    s.flags |= SPAWN_SETMASK


def _ended(pid):
    # A child can make this process its tracer: then it is seen to stop, which is not its end.
    status: cython.int
    while True:
        if libc.waitpid(pid, cython.address(status), 0) >= 0:
            if not libc.WIFSTOPPED(status):
                return status
        elif libc.errno != libc.EINTR:
            return -1


@cython.cfunc
def _begin():
    global _running
    note: libc.sigaction_t
    with cython.critical_section(_LOCK):
        _running += 1
        if _running == 1:
            libc.memset(cython.address(note), 0, cython.sizeof(note))
            note.sa_handler = _note
            note.sa_flags = libc.SA_RESTART
            libc.sigaction(libc.SIGINT, cython.NULL, cython.address(_old_int))
            libc.sigaction(libc.SIGQUIT, cython.NULL, cython.address(_old_quit))
            if _old_int.sa_handler != libc.SIG_IGN:
                libc.sigaction(libc.SIGINT, cython.address(note), cython.NULL)
            if _old_quit.sa_handler != libc.SIG_IGN:
                libc.sigaction(libc.SIGQUIT, cython.address(note), cython.NULL)


@cython.cfunc
def _end():
    global _running
    with cython.critical_section(_LOCK):
        _running -= 1
        if _running == 0:
            libc.sigaction(libc.SIGINT, cython.address(_old_int), cython.NULL)
            libc.sigaction(libc.SIGQUIT, cython.address(_old_quit), cython.NULL)


@cython.cfunc
def _as_dash(status: cython.int, interrupted: cython.bint, quit: cython.bint) -> cython.int:
    # What dash's own wait status would have been.
    number: cython.int
    if quit:
        return libc.SIGQUIT
    if interrupted:
        return libc.SIGINT
    if not libc.WIFSIGNALED(status):
        return status
    number = libc.WTERMSIG(status)
    if number != libc.SIGINT and number != libc.SIGPIPE:
        text = py.PyBytes_FromString(libc.strsignal(number))
        text += b" (core dumped)\n" if libc.WCOREDUMP(status) else b"\n"
        libc.write(2, py.PyBytes_AS_STRING(text), len(text))
    return (128 + number) << 8
