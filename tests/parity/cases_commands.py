"""Cases of commands.py."""

import gc
import subprocess
import sys
import time
import warnings

from ostler.core import popen
from tests.parity import BAD_PATHS, attempt, case, touch

# Words for the bad values of each argument of the exec and spawn functions.
BAD_ARGUMENTS = [None, [], (), "ab", [1], [None], [""], ["a\0"], [b"a\0"], {"a": 1}, 5]
BAD_ENVIRONMENTS = [
    None, 5, [], {"a=b": "c"}, {"": "c"}, {"a": "c\0"}, {"a\0": "c"}, {1: "c"}, {"a": 1}, {"=": 1},
]  # fmt: skip
SH = "/bin/sh"


class Uneven:
    """A mapping whose parts don't fit together."""

    def __init__(self, keys, values):
        self.keys = lambda: keys
        self.values = lambda: values

    def __getitem__(self, key):
        return "x"

    def __len__(self):
        return 1


def script(os, name, text, mode=0o755):
    touch(os, name, text.encode())
    os.chmod(name, mode)


@case
def system_statuses(os):
    return [
        attempt(os.system, command)
        for command in (
            "exit 3", "true", "false", "/bin/true", "/bin/false", "", " ", "kill -9 $$",
            b"/bin/true", "A=1", "A=7 sh -c 'exit $A'", ":", "test 1 = 2", "/bin/true x=y", "cd .",
        )
    ]  # fmt: skip


class Bytes(bytes):
    """What must be taken for the bytes that it is."""


class Text(str):
    """And this for the text."""


@case
def commands_of_subclasses(os):
    found = [
        attempt(os.system, kind(command))
        for kind in (Bytes, lambda b: Text(b.decode()))
        for command in (b"exit 8", b"/bin/false", b"", b"a\0b")
    ]
    found.append(attempt(os.spawnv, 0, Bytes(b"/bin/sh"), [Text("sh"), Bytes(b"-c"), "exit 4"]))
    variables = {Bytes(b"A"): Text("5"), Text("PATH"): Bytes(b"/bin")}
    found.append(attempt(os.spawnve, 0, Text(SH), ["sh", "-c", Text("exit $A")], variables))
    found.append(attempt(os.spawnvpe, 0, Bytes(b"sh"), ["sh", "-c", "exit $A"], variables))
    with os.popen(Text("echo a")) as stream:
        found.append(attempt(stream.read))
    return found


@case
def spawns_without_an_environment(os):
    return [
        [
            attempt(os.spawnve, 0, "/bin/true", ["true"], variables),
            attempt(os.spawnvpe, 0, "true", ["true"], variables),
            attempt(os.spawnle, 0, "/bin/true", "true", variables),
            attempt(os.spawnlpe, 0, "true", "true", variables),
        ]
        for variables in (None, {}, 0, [("A", "b")], {"A": 1})
    ]


@case
def a_dropped_stream_lives_as_long_as_its_command(os):
    found = []
    for command, mode in (("sleep .1; echo a; echo a >said", "r"), ("cat; echo a >ended", "w")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            os.popen(command, mode)  # the stream is dropped at once
            gc.collect()
    # What comes to be is waited for; what does not is shown by the command's end, below.
    late = time.monotonic() + 20
    while not os.path.exists("said") and time.monotonic() < late:
        time.sleep(0.01)
    found += [os.path.exists("said"), os.path.exists("ended")]
    for held in (subprocess._active, popen._left):
        for command in held:
            (command.stdin or command.stdout).close()
            command.wait()
        held.clear()
    return [*found, os.path.exists("ended")]


@case
def system_bad_commands(os):
    return [attempt(os.system, command) for command in (5, None, 1.5, [], "a\0b", b"a\0b")]


@case
def system_of_scripts(os):
    script(os, "dies", "#!/bin/sh\nkill -$1 $$\n")
    script(os, "plain", "exit 9\n")
    script(os, "lost", "#!/missing/interpreter\n")
    script(os, "closed", "#!/bin/sh\n", 0o644)
    script(os, "here", '#!/bin/sh\ntest "$PWD" = "$(pwd)" && test "$0" = ./here\n')
    os.mkdir("directory")
    error = os.dup(2)
    touch(os, "said")
    said = os.open("said", os.O_RDWR)
    os.dup2(said, 2)
    try:
        found = [
            attempt(os.system, command)
            for command in (
                "./dies 9", "./dies 15", "./dies 2", "./dies 13", "./dies 1", "./plain", "./lost",
                "./closed", "./directory", "./missing", "missing-command", "./here", "./here/x",
            )
        ]  # fmt: skip
    finally:
        os.dup2(error, 2)
        os.close(error)
    os.lseek(said, 0, 0)
    text = os.read(said, 10000)
    os.close(said)
    return found, text


@case
def exec_errors(os):
    return [
        *(attempt(os.execv, path, ["a"]) for path in BAD_PATHS),
        *(attempt(os.execve, path, ["a"], {}) for path in BAD_PATHS),
        *(attempt(os.execv, "missing", argv) for argv in BAD_ARGUMENTS),
        *(attempt(os.execve, "missing", argv, {}) for argv in BAD_ARGUMENTS),
        *(attempt(os.execve, "missing", ["a"], env) for env in BAD_ENVIRONMENTS),
        *(
            attempt(os.execve, "missing", ["a"], Uneven(*parts))
            for parts in ((["a"], []), ([], []), (5, []), (["a"], 5), (["a", "b"], ["c", "d"]))
        ),
    ]


@case
def exec_search_errors(os):
    return [
        attempt(function, name, *rest)
        for name in ("missing-program", "/missing", "", 5, None, b"missing-program", "a\0b")
        for function, rest in (
            (os.execvp, (["x"],)),
            (os.execvpe, (["x"], {})),
            (os.execvpe, (["x"], {"PATH": "/etc:/missing"})),
            (os.execvpe, (["x"], {b"PATH": b"/etc"})),
            (os.execvpe, (["x"], {b"PATH": b"/etc", "PATH": "/etc"})),
            (os.execlp, ("x",)),
            (os.execlpe, ("x", {})),
        )
    ]


@case
def exec_in_a_child(os):
    fd = os.open(SH, os.O_RDONLY)

    def outcome(*call):
        pid = os.fork()
        if pid == 0:
            try:
                call[0](*call[1:])
            finally:
                os._exit(99)
        return os.waitpid(pid, 0)[1]

    found = [
        outcome(os.execv, SH, ["sh", "-c", "exit 1"]),
        outcome(os.execve, SH, ["sh", "-c", "exit $A"], {"A": "2"}),
        outcome(os.execve, fd, ["sh", "-c", "exit $A"], {"A": "3"}),
        outcome(os.execvp, "sh", ("sh", "-c", "exit 4")),
        outcome(os.execvpe, "sh", ["sh", "-c", "exit $A"], {"A": "5", "PATH": "/x:/bin"}),
        outcome(os.execl, SH, "sh", "-c", "exit 6"),
        outcome(os.execle, SH, "sh", "-c", "exit $A", {"A": "7"}),
        outcome(os.execlp, "sh", "sh", "-c", "exit 8"),
        outcome(os.execlpe, "sh", "sh", "-c", "exit $A", {"A": "9", "PATH": "/bin"}),
        outcome(os.execv, b"/bin/sh", [b"sh", "-c", "exit $#", "x", "\udcff", "b"]),
    ]
    os.close(fd)
    return found


@case
def spawn_outcomes(os):
    calls = [
        ("spawnv", SH, ["sh", "-c", "exit 5"]), ("spawnv", "/missing", ["x"]),
        ("spawnv", 5, ["x"]), ("spawnv", "/bin/true", ["x", 1]), ("spawnv", SH, []),
        ("spawnv", SH, [""]), ("spawnv", SH, "x"), ("spawnv", SH, None),
        ("spawnvp", "sh", ["sh", "-c", "exit 6"]), ("spawnvp", "missing-program", ["x"]),
        ("spawnve", SH, ["sh", "-c", "exit $A"], {"A": "7"}), ("spawnve", SH, ["sh"], {"=": 1}),
        ("spawnve", SH, ["sh"], {"": ""}), ("spawnve", SH, ["sh"], 5),
        ("spawnvpe", "sh", ["sh", "-c", "exit $A"], {"A": "8", "PATH": "/bin"}),
        ("spawnvpe", "sh", ["sh"], {"PATH": "/missing"}), ("spawnl", "/bin/true", "x"),
        ("spawnle", SH, "sh", "-c", "exit $A", {"A": "9"}), ("spawnlp", "true", "x"),
        ("spawnlpe", "sh", "sh", "-c", "exit $A", {"A": "10", "PATH": "/bin"}),
        ("spawnl", SH, "sh", "-c", "kill -9 $$"), ("spawnle", "x"), ("spawnl", "x"),
    ]  # fmt: skip
    found = []
    for name, *arguments in calls:
        function = getattr(os, name)
        found.append(attempt(function, os.P_WAIT, *arguments))

        def later(function=function, arguments=arguments):
            return os.waitpid(function(os.P_NOWAIT, *arguments), 0)[1]

        found.append(attempt(later))
    return found


@case
def posix_spawn_arguments(os):
    true = "/bin/true"

    def run(*args, **kwargs):
        return os.waitpid(os.posix_spawn(*args, **kwargs), 0)[1]

    return [
        *(attempt(run, path, ["x"], {}) for path in BAD_PATHS),
        *(attempt(run, true, argv, {}) for argv in BAD_ARGUMENTS),
        *(attempt(run, true, ["x"], env) for env in BAD_ENVIRONMENTS),
        *(
            attempt(run, true, ["x"], {}, file_actions=actions)
            for actions in (
                5, None, (), [()], [[1]], [(99, 1)], [("x", 1)], [(None,)], [(0,)], [(0, 1, 2)],
                [(1,)], [(2, 1)], [(2, "a", 1)], [(2, 1.0, 1)], [(2, 2**40, 1)], [(2, -1, 1)],
                [(2, 90, 1)], [(1, -1)], [(1, 90)], [(1, 10**7)], [(0, 3, "/missing", 0, 0)],
                [(0, 3, "/mis\0sing", 0, 0)], [(0, 3, 5, 0, 0)], [(0, 3, "/", 0, 2**40)],
                [(0, 3, "/", 2**40, 0)], [(0, 3, "/", 0, -1)], [(0, 3, "/", 0, "x")], [(3, -1)],
                [(3,)], [(3, 3)], iter([(1, 90)]),
            )
        ),
        *(
            attempt(run, true, ["x"], {}, **options)
            for options in (
                {"setpgroup": -1}, {"setpgroup": None}, {"setpgroup": "a"}, {"setpgroup": 99999},
                {"setpgroup": 0}, {"resetids": True}, {"resetids": "x"}, {"resetids": 1.5},
                {"setsid": []}, {"setsid": True}, {"setsigmask": 5}, {"setsigmask": [0]},
                {"setsigmask": [65]}, {"setsigmask": [2**80]}, {"setsigmask": ["a"]},
                {"setsigmask": [32, 33]}, {"setsigdef": [1000]}, {"setsigdef": [9]},
                {"setsigdef": None}, {"setsigmask": []}, {"scheduler": 5}, {"scheduler": (0,)},
                {"scheduler": (0, 0)}, {"scheduler": (0, os.sched_param(5))},
                {"scheduler": (None, os.sched_param(0))}, {"scheduler": (99, os.sched_param(0))},
                {"scheduler": None}, {"scheduler": ()}, {"scheduler": (0, os.sched_param(0))},
                {"scheduler": ("x", os.sched_param(0))},
            )
        ),
    ]  # fmt: skip


@case
def posix_spawn_descriptors(os):
    actions = [
        (os.POSIX_SPAWN_OPEN, 5, "out", os.O_WRONLY | os.O_CREAT, 0o600),
        (os.POSIX_SPAWN_DUP2, 5, 1),
        (os.POSIX_SPAWN_CLOSE, 5),
        (os.POSIX_SPAWN_CLOSE, 0),
    ]
    if sys.version_info >= (3, 13):
        actions.append((os.POSIX_SPAWN_CLOSEFROM, 3))
    pid = os.posix_spawn(
        SH, ["sh", "-c", "echo hello; test -e /proc/$$/fd/0"], {}, file_actions=actions
    )
    status = os.waitpid(pid, 0)[1]
    fd = os.open("out", os.O_RDONLY)
    text = os.read(fd, 100)
    os.close(fd)
    return status, text, os.stat("out").st_mode


@case
def posix_spawnp_search(os):
    def run(*args):
        return os.waitpid(os.posix_spawnp(*args), 0)[1]

    return [
        attempt(run, name, ["x"], {"PATH": "/missing"})
        for name in ("true", b"true", "missing-program", "/missing", "", "etc", "/bin/false", None)
    ]


@case
def popen_statuses(os):
    found = []
    for mode in ("r", "w"):
        for command in ("exit 0", "exit 42", "kill -9 $$", "echo hi >/dev/null", "cat </dev/null"):
            pipe = os.popen(command, mode)
            text = pipe.read() if mode == "r" else None
            found.append((type(pipe).__name__, text, attempt(pipe.close), attempt(pipe.close)))
            found.append((pipe.encoding, pipe.errors, pipe.line_buffering, pipe.write_through))
            found.append((pipe.closed, pipe.newlines, pipe._proc.returncode))
    return found


@case
def popen_bad_arguments(os):
    return [
        attempt(os.popen, *arguments)
        for arguments in (
            (5,), (b"x",), ("x", "rb"), ("x", "r", 0), ("x", "r", None), ("x", "r", "a"),
            ("x", "r+"), ("a\0b",), ("x", None), ("x", ""), ("x", "w", 2.5),
        )
    ]  # fmt: skip


@case
def popen_text(os):
    with os.popen("printf 'a\\nb\\r\\nc\\303\\251'") as pipe:
        read = list(pipe)
    with os.popen("cat >copy", "w", 1) as pipe:
        pipe.write("one\ntwo\u00e9\n")
        lines = pipe.line_buffering
    fd = os.open("copy", os.O_RDONLY)
    text = os.read(fd, 100)
    os.close(fd)
    return read, text, lines


@case
def popen_keywords(os):
    with os.popen(cmd="echo x", mode="r", buffering=-1) as pipe:
        return pipe.read()
