"""Run by test_audit.py: `python audit_calls.py OS DIRECTORY MORE` prints each call's events."""

import importlib
import json
import os as plain  # to make what the calls need, whatever is under test
import subprocess  # noqa: F401  # which os.popen would import in the midst of it
import sys
import warnings
from operator import attrgetter

os = importlib.import_module(sys.argv[1])
directory = sys.argv[2]
FD, FD_D, HERE = 41, 42, 43
PID, PGRP = plain.getpid(), plain.getpgrp()


class P:
    def __init__(self, text):
        self.text = text

    def __fspath__(self):
        return self.text

    def __repr__(self):
        return f"P({self.text!r})"


# The alternatives of arguments of each call; `prepare` makes the files that they name. What is not
# here is called with what fits, by the table of verbs (MORE).
CALLS = {
    "access": [("f", 0)],
    "chdir": [("d",), (FD_D,)],
    "chmod": [("f", 0o600), (FD, 0o600), ("missing", 0)],
    "chown": [("f", -1, -1), (FD, -1, -1), ("missing", -1, -1)],
    "lchown": [("f", -1, -1)],
    "fchmod": [(FD, 0o600)],
    "fchown": [(FD, -1, -1)],
    "fchdir": [(FD_D,)],
    "chroot": [("missing",)],
    "closerange": [(900, 901)],  # with two zeros os closes all there are
    "environ.__delitem__": [("AUDIT_TEST",), ("MISSING",)],
    "environ.__setitem__": [("AUDIT_TEST", "x"), ("a=b", "x")],
    "environ.clear": [()],
    "environ.pop": [("PATH",), ("MISSING", None)],
    "environ.setdefault": [("AUDIT_TEST", "x")],
    "environ.update": [({"AUDIT_TEST": "x", "OTHER": "y"},)],
    "eventfd_write": [(FD, 1)],
    "execl": [("missing", "a")],
    "execle": [("missing", "a", {"A": "b"})],
    "execlp": [("missing", "a")],
    "execlpe": [("missing", "a", {"A": "b", "PATH": "/a:/b"})],
    "execv": [("missing", ["a"])],
    "execve": [("missing", ["a"], {}), ("missing", ["a"], {"A": "b"})],
    "execvp": [("missing", ["a"])],
    "execvpe": [("missing", ["a"], {"PATH": "/a:/b"})],
    "fork": [()],
    "forkpty": [()],
    "ftruncate": [(FD, 3)],
    "fwalk": [("d",), ("missing",)],
    "getxattr": [("f", "user.none")],
    "kill": [(PID, 0)],
    "killpg": [(PGRP, 0)],
    "link": [("f", "new"), ("missing", "other")],
    "listdir": [(), (".",), ("d",), (FD_D,), ("missing",), (None,)],
    "listxattr": [("f",), (FD,), (None,), ()],
    "lockf": [(FD, os.F_LOCK, 0), (FD, os.F_ULOCK, 0)],
    "lstat": [("f",)],
    "makedirs": [("one/two/three",)],
    "mkdir": [("new",), ("f",), ("new2", 0o700)],
    "mkfifo": [("fifo",)],
    "mknod": [("node",)],
    "open": [("f", os.O_RDONLY), ("missing", os.O_RDONLY), ("new", os.O_CREAT | os.O_RDWR, 0o600)],
    "popen": [("true",)],
    "posix_spawn": [("/bin/true", ["true"], {"A": "b"}), ("missing", ["a"], {})],
    "posix_spawnp": [("/bin/true", ["true"], {})],
    "preadv": [(FD, [bytearray(1)], 0)],
    "pwrite": [(FD, b"x", 0)],
    "pwritev": [(FD, [b"x"], 0)],
    "putenv": [("AUDIT_TEST", "x")],
    "readv": [(FD, [bytearray(1)])],
    "readlink": [("l",), ("missing",)],
    "remove": [("f",), ("missing",)],
    "removedirs": [("d/e",)],
    "removexattr": [("f", "user.none"), (FD, "user.none")],
    "rename": [("f", "new"), ("missing", "other")],
    "renames": [("f", "one/new")],
    "replace": [("f", "new")],
    "rmdir": [("d/e",), ("missing",)],
    "scandir": [(), (".",), ("d",), (FD_D,), ("missing",), (None,)],
    "setxattr": [("f", "trusted.none", b""), (FD, "trusted.none", b"x")],
    "sched_setaffinity": [(0, [])],
    "sched_setparam": [(0, None)],
    "sched_setscheduler": [(0, -1, None)],
    "setgroups": [([0],)],
    "spawnl": [(os.P_WAIT, "/bin/true", "true")],
    "spawnle": [(os.P_WAIT, "/bin/true", "true", {})],
    "spawnlp": [(os.P_WAIT, "true", "true")],
    "spawnlpe": [(os.P_WAIT, "true", "true", {})],
    "spawnv": [(os.P_WAIT, "/bin/true", ["true"])],
    "spawnve": [(os.P_WAIT, "/bin/true", ["true"], {})],
    "spawnvp": [(os.P_WAIT, "true", ["true"])],
    "spawnvpe": [(os.P_WAIT, "true", ["true"], {"PATH": "/missing"})],
    "stat": [("f",), (FD,)],
    "statvfs": [("f",)],
    "symlink": [("f", "new"), ("f", "d")],
    "system": [("true",)],
    "truncate": [("f", 2), (FD, 2), ("missing", 2)],
    "unlink": [("f",)],
    "unsetenv": [("AUDIT_TEST",)],
    "utime": [("f",), ("f", (1, 2)), (FD,), ("missing",)],
    "walk": [("d",), ("missing",)],
    "write": [(FD, b"x")],
    "writev": [(FD, [b"x"])],
}
KEYWORDS = {
    "chmod": [{"dir_fd": HERE}],
    "chown": [{"dir_fd": HERE}, {"follow_symlinks": False}],
    "mkdir": [{"dir_fd": HERE}],
    "rmdir": [{"dir_fd": HERE}],
    "remove": [{"dir_fd": HERE}],
    "unlink": [{"dir_fd": HERE}],
    "open": [{"dir_fd": HERE}],
    "symlink": [{"dir_fd": HERE}],
    "rename": [{"src_dir_fd": HERE}, {"dst_dir_fd": HERE}],
    "replace": [{"src_dir_fd": HERE}, {"dst_dir_fd": HERE}],
    "link": [{"src_dir_fd": HERE}, {"dst_dir_fd": HERE}],
    "utime": [{"dir_fd": HERE}, {"ns": (1, 2)}, {"follow_symlinks": False}],
    "readlink": [{"dir_fd": HERE}],
    "getxattr": [{"follow_symlinks": False}],
    "setxattr": [{"follow_symlinks": False}, {"flags": 1}],
    "removexattr": [{"follow_symlinks": False}],
    "listxattr": [{"follow_symlinks": False}],
    "walk": [{"topdown": False}],
    "fwalk": [{"topdown": False}, {"dir_fd": HERE}],
    "posix_spawn": [{"file_actions": [(os.POSIX_SPAWN_CLOSE, 99)]}],
}

events = []


def hook(name, arguments):
    if name.startswith(("os.", "open", "subprocess", "pty", "shutil")):
        events.append([name, [shown(a) for a in arguments]])


def shown(value):
    if isinstance(value, P) or callable(value):
        return repr(value) if isinstance(value, P) else "a callable"
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(shown, value)]
    if isinstance(value, dict):
        return {str(k): str(v) for k, v in value.items()} if len(value) < 5 else "environment"
    if type(value) is int and value in (PID, PGRP):
        return "this process"
    return f"{type(value).__name__} {value!r}"


def prepare(at):
    plain.chdir(directory)
    plain.mkdir(at)
    plain.chdir(at)
    plain.makedirs("d/e")
    with open("f", "w") as file:
        file.write("text")
    plain.symlink("f", "l")
    for number, name, flags in ((FD, "f", plain.O_RDWR), (FD_D, "d", 0), (HERE, ".", 0)):
        fd = plain.open(name, flags)
        plain.dup2(fd, number)
        if fd != number:
            plain.close(fd)


def forms(arguments):
    """The arguments as they are, as bytes, and as PathLikes."""
    yield arguments
    if any(isinstance(a, str) for a in arguments):
        yield tuple(a.encode() if isinstance(a, str) else a for a in arguments)
        yield tuple(P(a) if isinstance(a, str) else a for a in arguments)
        yield tuple(P(a.encode()) if isinstance(a, str) else a for a in arguments)


def trials(name):
    first = True
    for arguments in CALLS[name]:
        for form in forms(arguments):
            yield form, {}
            if first:
                for keywords in KEYWORDS.get(name, ()):
                    yield form, keywords
        first = False


def run(name, arguments, keywords):
    try:
        result = attrgetter(name)(os)(*arguments, **keywords)
        if name in ("walk", "fwalk"):
            result = list(result)
        elif name == "fork" or name == "forkpty":
            pid = result if name == "fork" else result[0]
            if pid == 0:
                plain._exit(0)
            if name == "forkpty":
                plain.close(result[1])
            plain.waitpid(pid, 0)
        elif name.startswith("posix_spawn"):
            plain.waitpid(result, 0)
        elif name == "open":
            plain.close(result)
        elif hasattr(result, "close"):
            result.close()
    except Exception as error:
        return type(error).__name__
    return "done"


if hasattr(plain, "statx"):
    CALLS["statx"] = [("f", 0x7FF)]
if hasattr(plain, "readinto"):
    CALLS["readinto"] = [(FD, bytearray(1))]
for name, arguments in json.loads(sys.argv[3]).items():
    CALLS.setdefault(name, [tuple(arguments)])
warnings.simplefilter("ignore")
sys.addaudithook(hook)
told, count = {}, 0
for name in CALLS:
    for arguments, keywords in trials(name):
        count += 1
        prepare(f"{count}")
        events.clear()
        outcome = run(name, arguments, keywords)
        told[f"{name}{arguments!r} {keywords!r}".replace(str(PID), "PID")] = [outcome, *events]
plain.chdir("/")
print(json.dumps(told))
