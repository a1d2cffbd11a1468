"""The table of verbs: what each takes, what it touches, whether it changes that and can wait.

A verb is what can be asked of a machine: a function of os, of os.path (here as "path.exists"), of
ostler.trees ("trees.copy") or of ostler's own. The roles of its arguments follow from the names of
its parameters, which are the same in all verbs; where a name does not tell, the exception is typed
here. So do its home, from the class that has it, and what it touches, from its home. What a call
has to do with a file is found by this table alone, and never guessed from the values.
"""

from typing import NamedTuple

from ostler.path import Path
from ostler.verbs import topics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Roles.
PATH = "path"  # a path, or a descriptor in its place where the verb takes one
PATHS = "paths"  # several of them
FD = "fd"  # an open descriptor
DIR_FD = "dir_fd"  # the directory that a path begins in
PROGRAM = "program"  # a path, or a name that is looked for in PATH
COMMAND = "command"  # a list whose first word is the program
ARGV = "argv"  # the words that a program gets
LINE = "line"  # a line for the shell
TEXT = "text"  # what an error names as it names a path, and is none
ENVIRONMENT = "environment"  # a mapping of variables
INTO = "into"  # a buffer, or a list of them, that is filled
DATA = "data"  # bytes, or a list of them, that are written
CALLBACK = "callback"  # a function of the caller's
OTHER = "other"

# What a verb touches.
NOTHING = "nothing"  # it works on text and numbers
FILES = "files"  # what is below the machine's root: by a path, or where the machine stands
OPENED = "opened"  # the file that is open under a descriptor
DESCRIPTOR = "descriptor"  # a descriptor of this process itself, a pipe, a clock, a terminal
VARIABLES = "variables"  # the machine's environment
PROGRAMS = "programs"  # it starts one on the machine, or becomes one
PROCESS = "process"  # this process, or others by their numbers
SYSTEM = "system"  # what the kernel tells of the whole computer

ALONE = (NOTHING, PROCESS, VARIABLES)  # what a machine needs no system for, or only its own mapping

# How long it may take.
AT_ONCE = "at once"  # no longer than the kernel's own work
DISK = "disk"  # until a file system has answered
FOR_EVER = "for ever"  # until somebody else does something

# What who makes the call, the user and the groups, has to do with it.
TOLD = "told"  # it tells who that is
SETS_USER, SETS_GROUP, SETS_GROUPS = "sets user", "sets group", "sets groups"
# The kernel asks who makes it, of what no path leads to: what is open, or a process.
RIGHTS = "rights"
REAL_RIGHTS = "real rights"  # and asks the real user id, not the effective one alone

_BY_NAME = {
    "path": PATH, "src": PATH, "dst": PATH, "old": PATH, "new": PATH, "first": PATH,
    "second": PATH, "top": PATH, "cwd": PATH,
    "file": PROGRAM, "argv": ARGV, "args": ARGV, "command": LINE, "cmd": LINE,
    "fd": FD, "fd2": FD, "in_fd": FD, "out_fd": FD, "stdin": FD, "stdout": FD, "stderr": FD,
    "dir_fd": DIR_FD, "src_dir_fd": DIR_FD, "dst_dir_fd": DIR_FD, "first_dir_fd": DIR_FD,
    "second_dir_fd": DIR_FD,
    "env": ENVIRONMENT,
    "data": DATA, "data_or_writer": DATA, "contents": DATA, "input": DATA,
    "on_error": CALLBACK, "onerror": CALLBACK, "func": CALLBACK,
    "progress": CALLBACK,
}  # fmt: skip
_BUT = {
    ("symlink", "src"): TEXT,
    ("copy_file_range", "src"): FD,
    ("copy_file_range", "dst"): FD,
    ("splice", "src"): FD,
    ("splice", "dst"): FD,
    ("fspath", "path"): OTHER,
    ("makedirs", "name"): PATH,
    ("removedirs", "name"): PATH,
    ("temporary_directory", "dir"): PATH,
    ("open_file", "file"): PATH,
    ("posix_spawnp", "path"): PROGRAM,
    ("run", "argv"): COMMAND,
    ("fdopen", "args"): OTHER,
    ("lockf", "command"): OTHER,
    ("readinto", "buffer"): INTO,
    ("readv", "buffers"): INTO,
    ("preadv", "buffers"): INTO,
    ("pwrite", "buffer"): DATA,
    ("pwritev", "buffers"): DATA,
    ("writev", "buffers"): DATA,
    ("setxattr", "value"): DATA,
    ("trees.copy", "to"): PATH,
    ("trees.sizes", "tops"): PATHS,
}
# In os.path, of those that touch files.
_IN_PATHS = dict.fromkeys(("path", "p", "s", "filename", "f1", "f2", "start"), PATH)
_IN_PATHS |= {"fp1": FD, "fp2": FD}

# Those whose signature can't be had, as in os: what may be given by position, and defaults.
_UNSIGNED: dict[str, tuple[tuple[str, ...], dict]] = {
    "posix_spawn": (("path", "argv", "env"), {}),
    "posix_spawnp": (("path", "argv", "env"), {}),
    "register_at_fork": ((), {}),
    "utime": (("path", "times"), {"times": None, "dir_fd": None}),
}
# What is no method of a topic's class, with its home: machines with a root have the first, which is
# as the built-in open() is; the other is the interpreter's own.
_OF_MACHINES = {"open_file": "machines.rooted", "register_at_fork": "verbs.processes"}
# Without a path these act on the working directory.
_HERE = frozenset(("listdir", "scandir", "listxattr"))

# What the verbs of a home touch, and below the exceptions.
_BY_HOME = {
    "answers": FILES, "children": PROCESS, "commands": PROGRAMS, "descriptors": DESCRIPTOR,
    "directories": FILES, "durable": FILES, "environment": VARIABLES, "facts": SYSTEM,
    "files": FILES, "links": FILES, "machines.rooted": FILES, "path": NOTHING,
    "permissions": PROCESS, "processes": PROCESS, "sysinfo": SYSTEM, "terminals": DESCRIPTOR,
    "timers": DESCRIPTOR, "transfers": OPENED, "trees.operations": FILES,
    "xattrs": FILES,
}  # fmt: skip
_TOUCHES = {
    NOTHING: """
        WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG WTERMSIG
        waitstatus_to_exitcode ctermid major makedev minor strerror
        """,
    FILES: """
        access change_owner chmod chmod_tree chown chown_tree lchown mounts open owner read_env
        umask path.abspath path.exists path.getatime path.getctime path.getmtime path.getsize
        path.isdir path.isfile path.islink path.ismount path.lexists path.realpath path.relpath
        path.samefile
        """,
    OPENED: "fchmod fchown fdatasync fpathconf fstat fstatvfs fsync ftruncate lockf",
    DESCRIPTOR: "path.sameopenfile",
    VARIABLES: "path.expanduser path.expandvars",
    PROGRAMS: "run",
    SYSTEM: "sched_get_priority_max sched_get_priority_min sync",
    PROCESS: "register_at_fork",
}
_CHANGES = """
    chmod chmod_tree chown chown_tree change_owner create_file exchange lchown link makedirs mkdir
    mkfifo mknod move open open_file remove removedirs removexattr rename rename_noreplace renames
    replace
    replace_durable replacing rmdir setxattr symlink temporary_directory truncate unlink utime
    write_atomic

    close closerange copy_file_range dup2 eventfd_read eventfd_write fchmod fchown ftruncate grantpt
    lockf login_tty lseek posix_fallocate pwrite pwritev read readinto readv sendfile set_blocking
    set_inheritable splice tcsetpgrp timerfd_settime timerfd_settime_ns unlockpt write writev

    trees.chmod trees.chown trees.copy trees.remove

    _clearenv putenv reload_environ unsetenv

    _exit abort fork forkpty initgroups kill killpg nice register_at_fork sched_setaffinity
    sched_setparam sched_setscheduler setegid seteuid setgid setgroups setns setpgid setpgrp
    setpriority setregid setresgid setresuid setreuid setsid setuid unshare wait wait3 wait4 waitid
    waitpid wait_for
    """
_WAITS = {
    AT_ONCE: """
        chdir fchdir getcwd getcwdb umask dup dup2 fdopen get_blocking get_inheritable memfd_create
        pipe pipe2 set_blocking set_inheritable lseek eventfd timerfd_create timerfd_gettime
        timerfd_gettime_ns timerfd_settime timerfd_settime_ns path.isjunction
        """,
    DISK: "sync",
    FOR_EVER: """
        open open_file read readinto readv write writev pwrite pwritev preadv pread sendfile splice
        lockf eventfd_read eventfd_write wait wait3 wait4 waitid waitpid wait_for run system spawnl
        spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe getrandom urandom
        """,
}

_IDENTITY = {
    TOLD: "getegid geteuid getgid getgroups getresgid getresuid getuid",
    SETS_USER: "setuid seteuid setreuid setresuid",
    SETS_GROUP: "setgid setegid setregid setresgid",
    SETS_GROUPS: "setgroups initgroups",
    RIGHTS: """
        chmod chown fchmod fchown fpathconf getxattr listxattr nice pathconf removexattr
        sched_setaffinity sched_setparam sched_setscheduler setxattr truncate utime
        """,
    REAL_RIGHTS: "kill killpg setpriority",
}
# What the operations on whole trees do to an entry, in C, by what it is (see STEPS in
# trees/_run.py): faults of these verbs strike there, too. "else" stands for the kinds not named.
_READ_DIRECTORY = ("scandir", "listdir", "open")
_STEPS_OF_TREES: dict[str, dict[str, tuple[str, ...]]] = {
    "Remove": {"opening": _READ_DIRECTORY, "leaving": ("rmdir",), "else": ("unlink", "remove")},
    "Copy": {
        "opening": _READ_DIRECTORY,
        "file": ("open", "read"),
        "link": ("readlink",),
        "leaving": (),
        "else": ("lstat",),
    },
    "To": {
        "opening": ("mkdir",),
        "file": ("open", "write", "copy_file_range", "utime"),
        "link": ("symlink", "utime"),
        "leaving": ("chmod", "fchmod", "utime"),
        "linking": ("link",),
        "renaming": ("rename", "replace"),
        "unlinking": ("unlink", "remove"),
        "else": ("mknod", "mkfifo", "utime"),
    },
    "Modes": {"opening": _READ_DIRECTORY, "link": (), "else": ("chmod", "fchmod")},
    "Owners": {"opening": _READ_DIRECTORY, "else": ("chown", "lchown", "fchown")},
    "Compare": {
        "opening": _READ_DIRECTORY,
        "file": ("open", "read", "lstat"),
        "link": ("readlink", "lstat"),
        "leaving": (),
        "else": ("lstat",),
    },
    "Size": {"opening": _READ_DIRECTORY, "leaving": (), "else": ("stat", "lstat")},
    "Stream": {"opening": _READ_DIRECTORY, "leaving": (), "else": ()},
}
_ADDING = ("linking", "renaming", "unlinking")  # which only some operations do


def _by_verb(groups):
    return {verb: group for group, verbs in groups.items() for verb in verbs.split()}


_touches, _waits, _changes = _by_verb(_TOUCHES), _by_verb(_WAITS), frozenset(_CHANGES.split())
_identity = _by_verb(_IDENTITY)


class Verb(NamedTuple):
    """What is known of a verb without calling it."""

    name: str  # as a machine has it, with "path." or "trees." before
    home: str  # the module that has it, below ostler
    names: tuple[str, ...]  # the parameters that may be given by position, in order
    defaults: dict[str, object]  # what stands for those not given
    roles: dict[str, str]  # of each parameter
    touches: str
    changes: bool  # whether it changes what it touches, or may
    waits: str
    identity: str  # TOLD and its like, or "": it does not matter who calls, or a path tells


_known: dict[str, Verb] = {}
_homes: dict[str, "tuple[Any, str, str]"] = {}


def of(name: str) -> Verb:
    """The Verb of this name; AttributeError where machines have none."""
    found = _known.get(name)
    if found is None:
        found = _known[name] = _found_out(name)
    return found


def touched_by(name: str) -> str:
    """What the verb of this name touches, which its home tells: no signature is read."""
    return _home_of(name)[2]


def _home_of(name: str) -> "tuple[Any, str, str]":
    # The function of a verb, its home, and what it touches.
    found = _homes.get(name)
    if found is None:
        kind, plain = _kind_of(name)
        if kind is None:
            home, function = _OF_MACHINES[name], open
        else:
            function = getattr(kind, plain)
            home = next(base for base in kind.__mro__ if plain in vars(base)).__module__
        home = home.removeprefix("ostler.")
        touches = _touches.get(name) or _BY_HOME[home.removeprefix("verbs.")]
        found = _homes[name] = function, home, touches
    return found


def _found_out(name):
    function, home, touches = _home_of(name)
    names, defaults = _UNSIGNED.get(name) or _parameters(function)
    if name in _HERE:
        defaults["path"] = "."
    roles = {each: _role(name, each, touches) for each in (*names, *defaults)}
    if touches in (PROGRAMS, PROCESS):
        changes = touches == PROGRAMS or name in _changes
        waits = _waits.get(name, DISK if changes and touches == PROGRAMS else AT_ONCE)
    else:
        changes = name in _changes
        waits = _waits.get(name, DISK if touches in (FILES, OPENED, DESCRIPTOR) else AT_ONCE)
    identity = _identity.get(name, "")
    return Verb(name, home, names, defaults, roles, touches, changes, waits, identity)


def _kind_of(name):
    """The class that has a verb, and the verb's name there; (None, name) for the others."""
    place, _, plain = name.rpartition(".")
    if name in _OF_MACHINES:
        return None, name
    for kind in _classes_of(place):
        if callable(getattr(kind, plain, None)):
            return kind, plain
    raise AttributeError(f"machines have no verb {name!r}")


def _classes_of(place):
    if place == "trees":
        from ostler.trees import Trees

        return (Trees,)
    return (Path,) if place == "path" else topics.CLASSES


def _parameters(function):
    import inspect

    names, defaults = [], {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self" or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        value = parameter.default
        if parameter.kind is not parameter.VAR_POSITIONAL and value is not parameter.empty:
            defaults[parameter.name] = value
    return tuple(names), defaults


def _role(verb, name, touches):
    if verb.startswith("path."):
        return _IN_PATHS.get(name, OTHER) if touches in (FILES, DESCRIPTOR) else OTHER
    return _BUT.get((verb, name)) or _BY_NAME.get(name, OTHER)


def every() -> tuple[Verb, ...]:
    """All public verbs, by name."""
    found = {*_OF_MACHINES}
    for place in ("", "path.", "trees."):
        for kind in _classes_of(place.rstrip(".")):
            found.update(place + name for name in _functions(kind))
    return tuple(of(name) for name in sorted(found))


def touching() -> tuple[Verb, ...]:
    """Those of them that touch something."""
    return tuple(verb for verb in every() if verb.touches != NOTHING)


def _functions(kind):
    for name in dir(kind):
        value = getattr(kind, name)
        if callable(value) and not isinstance(value, type):
            if not name.startswith("_") or name == "_exit":
                yield name


def bound(verb: str, args: tuple, kwargs: dict) -> dict:
    """{parameter: (role, value)} of a call, in whatever form it was made.

    What is not given has its default. A call that does not fit is not refused here: it is the
    verb's to do that.
    """
    known = of(verb)
    given = dict(known.defaults)
    given.update(zip(known.names, args, strict=False))
    given.update(kwargs)
    if verb in _HERE and given.get("path") is None:
        given["path"] = "."
    return {name: (known.roles.get(name, OTHER), value) for name, value in given.items()}


def directory_of(name: str, call: dict):
    """The directory descriptor that the path of this parameter begins in, or None."""
    own = f"{name}_dir_fd"
    role, value = call.get(own) or call.get("dir_fd", (OTHER, None))
    return value if role == DIR_FD else None


def by_identity(name: str) -> bool:
    """Whether it counts who makes a call that touches this process or others."""
    return name in _identity and touched_by(name) == PROCESS


def steps_of_tree(operation: str, kind: int) -> tuple[str, ...]:
    """The verbs whose work an operation on a tree does to an entry of this kind, in C."""
    from ostler.trees._run import STEPS

    steps = _STEPS_OF_TREES.get(operation, _STEPS_OF_TREES["Stream"])
    word = STEPS.get(kind, "else")
    return steps.get(word, () if word in _ADDING else steps["else"])
