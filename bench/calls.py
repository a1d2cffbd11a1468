"""What is measured: a class per topic of verbs, which bears its name, its cases side by side.

A case is (label, statement, goal, floor): the statement is timed with `os` as the interpreter's
module and as ostler; the goal is the ratio of the two, None where none was set; the floor names a
call of floor_loop.py and the names of the scene that it is given, None where no system call is
needed. A raising statement ends in ": the error".
"""

import os
import pathlib
import tempfile
from contextlib import suppress

import ostler

PLAIN = 0.97  # nothing but its system call, or an error: at least as fast, with room for noise


class Files:
    """Names on disk."""

    cases = (
        ("stat", "os.stat(file)", 1.1, "stat file"),
        (
            "stat, six attributes",
            "s = os.stat(file); s.st_mode; s.st_size; s.st_mtime; s.st_ino; s.st_uid; s.st_mtime_ns",
            None,
            "stat file",
        ),
        ("stat, bytes", "os.stat(bfile)", 1.1, "stat file"),
        ("stat, Path", "os.stat(like)", 1.1, "stat file"),
        ("stat: FileNotFoundError", "raises(os.stat, missing)", PLAIN, "stat missing"),
        ("lstat", "os.lstat(link)", 1.1, "lstat link"),
        ("fstat", "os.fstat(fd)", 1.3, "fstat fd"),
        ("truncate", "os.truncate(file, 1)", PLAIN, "truncate file"),
        ("utime", "os.utime(file)", PLAIN, "utime file"),
        ("statvfs", "os.statvfs(file)", PLAIN, "statvfs file"),
    )


class Directories:
    """What is in them, and where we are."""

    cases = (
        ("listdir, 20 names", "os.listdir(d20)", 1.1, "list d20"),
        ("listdir, 500 names", "os.listdir(d500)", 1.1, "list d500"),
        ("scandir, 20 names", "[e.name for e in os.scandir(d20)]", 1.15, "list d20"),
        ("scandir, 500 names, is_dir", "[e.is_dir() for e in os.scandir(d500)]", 1.15, "list d500"),
        (
            "scandir with stat, 20 names",
            "[e.stat(follow_symlinks=False) for e in os.scandir(d20)]",
            1.5,
            "list_stat d20",
        ),
        (
            "scandir with stat, 500 names",
            "[e.stat(follow_symlinks=False) for e in os.scandir(d500)]",
            1.5,
            "list_stat d500",
        ),
        ("mkdir and rmdir", "os.mkdir(fresh); os.rmdir(fresh)", PLAIN, "mkdir fresh"),
        ("mkdir: FileExistsError", "raises(os.mkdir, d20)", PLAIN, None),
        ("makedirs, there", "os.makedirs(d20, exist_ok=True)", 2.5, "mkdir_there d20"),
        (
            "makedirs and removedirs, 4 levels",
            "os.makedirs(levels); os.removedirs(levels)",
            None,
            None,
        ),
        ("getcwd", "os.getcwd()", PLAIN, "getcwd"),
        ("chdir", "os.chdir(here)", PLAIN, "chdir here"),
        ("walk, 40 directories", "for x in os.walk(tree): pass", 1.6, None),
        ("fwalk, 40 directories", "for x in os.fwalk(tree): pass", 1.6, None),
    )


class Links:
    """The names of files."""

    cases = (
        ("readlink", "os.readlink(link)", PLAIN, "readlink link"),
        (
            "rename, there and back",
            "os.rename(file, other); os.rename(other, file)",
            PLAIN,
            "rename file other",
        ),
        ("link and unlink", "os.link(file, other); os.unlink(other)", PLAIN, "link file other"),
        (
            "symlink and unlink",
            "os.symlink(file, other); os.unlink(other)",
            PLAIN,
            "symlink file other",
        ),
        ("unlink: FileNotFoundError", "raises(os.unlink, missing)", PLAIN, None),
    )


class Environment:
    """Variables."""

    cases = (
        ("environ[key]", "os.environ[key]", 7, None),
        ("environ.get", "os.environ.get(key)", 7, None),
        ("key in environ", "key in os.environ", 7, None),
        ("getenv", "os.getenv(key)", 7, None),
        ("environ.get, missing", "os.environ.get(nokey)", 20, None),
        ("getenv, missing", "os.getenv(nokey)", 20, None),
        ("environ[key]: KeyError", "raises(os.environ.__getitem__, nokey)", PLAIN, None),
        ("environ[key] = value", "os.environ[key] = 'value'", PLAIN, "setenv key value"),
        ("environ.copy", "os.environ.copy()", 50, None),
        ("list(environ.items())", "list(os.environ.items())", None, None),
    )


class Commands:
    """Programs; timed by the clock on the wall."""

    wall = True
    cases = (
        ("system, a simple command", "os.system('/bin/true')", 2.0, "spawn true"),
        ("system, the shell", "os.system(': && :')", 1.0, "system colon"),
        ("popen and read", "with os.popen('echo hello') as p: p.read()", 1.15, None),
        ("spawnv", "os.spawnv(os.P_WAIT, '/bin/true', ['true'])", None, "spawn true"),
        (
            "posix_spawn and waitpid",
            "os.waitpid(os.posix_spawn('/bin/true', ['true'], env), 0)",
            PLAIN,
            "spawn true",
        ),
    )


class Processes:
    """Who runs, and how."""

    cases = (
        ("getpid", "os.getpid()", PLAIN, "getpid"),
        ("getppid", "os.getppid()", PLAIN, "getppid"),
        ("kill", "os.kill(pid, 0)", PLAIN, "kill"),
        ("waitpid: ChildProcessError", "raises(os.waitpid, -1, os.WNOHANG)", PLAIN, "waitpid"),
        ("times", "os.times()", PLAIN, "times"),
        ("waitstatus_to_exitcode", "os.waitstatus_to_exitcode(256)", PLAIN, None),
    )


class Permissions:
    """Who may do what."""

    cases = (
        ("access", "os.access(file, 4)", PLAIN, "access file"),
        ("chmod", "os.chmod(file, 0o644)", PLAIN, "chmod file"),
        ("chown", "os.chown(file, -1, -1)", PLAIN, "chown file"),
        ("umask", "os.umask(0o022)", PLAIN, "umask"),
        ("getuid", "os.getuid()", PLAIN, "getuid"),
        ("chmod: TypeError", "raises(os.chmod, file, None)", PLAIN, None),
    )


class Descriptors:
    """Open files."""

    cases = (
        ("open and close", "os.close(os.open(file, 0))", PLAIN, "open file"),
        ("open: FileNotFoundError", "raises(os.open, missing, 0)", PLAIN, None),
        ("dup and close", "os.close(os.dup(fd))", PLAIN, "dup fd"),
        ("pipe and two closes", "r, w = os.pipe(); os.close(r); os.close(w)", PLAIN, "pipe"),
        ("get_inheritable", "os.get_inheritable(fd)", PLAIN, "fcntl fd"),
        ("close: OSError", "raises(os.close, 9999)", PLAIN, None),
        ("fdopen and close", "os.fdopen(os.dup(fd), 'rb').close()", PLAIN, None),
    )


class Terminals:
    """Terminals."""

    cases = (("isatty", "os.isatty(fd)", PLAIN, "ioctl fd"),)


class Timers:
    """Descriptors that count."""

    cases = (
        (
            "eventfd_write and eventfd_read",
            "os.eventfd_write(event, 1); os.eventfd_read(event)",
            PLAIN,
            "eventfd event",
        ),
    )


class Transfers:
    """What goes through descriptors."""

    cases = (
        ("read, 100 bytes", "os.read(zero, 100)", PLAIN, "read zero"),
        ("pread, 100 bytes", "os.pread(fd, 100, 0)", PLAIN, "pread fd"),
        ("write, 100 bytes", "os.write(null, block)", PLAIN, "write null"),
        ("lseek", "os.lseek(fd, 0, 0)", PLAIN, "lseek fd"),
    )


class Xattrs:
    """Extended attributes."""

    cases = (("getxattr", "os.getxattr(file, 'user.x')", PLAIN, "getxattr file xname"),)


class SysInfo:
    """What the kernel tells of the whole computer."""

    cases = (
        ("uname", "os.uname()", PLAIN, "uname"),
        ("urandom, 16 bytes", "os.urandom(16)", PLAIN, "getrandom"),
        ("cpu_count", "os.cpu_count()", PLAIN, None),
        ("strerror", "os.strerror(2)", PLAIN, None),
    )


class Path:
    """The text of paths, and what os.path asks of the file system."""

    cases = (
        ("join, 2 parts", "os.path.join(a, b)", 4.5, None),
        ("join, 4 parts", "os.path.join(a, b, b, name)", 4.5, None),
        ("join, not ASCII", "os.path.join(a, 'é')", 4.5, None),
        ("join, bytes", "os.path.join(data, b'x')", 4.5, None),
        ("split", "os.path.split(long)", 4.5, None),
        ("splitext", "os.path.splitext(long)", 4.5, None),
        ("basename", "os.path.basename(long)", 4.5, None),
        ("dirname", "os.path.dirname(long)", 4.5, None),
        ("normpath", "os.path.normpath(long)", 1.4, None),
        ("normpath, untidy", "os.path.normpath(untidy)", 1.4, None),
        ("abspath, absolute", "os.path.abspath(long)", 2.3, None),
        ("abspath, relative", "os.path.abspath(name)", 2.3, None),
        ("isabs", "os.path.isabs(a)", PLAIN, None),
        ("relpath", "os.path.relpath(long, a)", PLAIN, None),
        ("commonpath", "os.path.commonpath(pair)", PLAIN, None),
        ("commonprefix", "os.path.commonprefix(pair)", PLAIN, None),
        ("expanduser", "os.path.expanduser('~/x')", PLAIN, None),
        ("expandvars", "os.path.expandvars('$HOME/x')", PLAIN, None),
        ("join: TypeError", "raises(os.path.join, a, 3)", PLAIN, None),
        ("fspath", "os.fspath(a)", PLAIN, None),
        ("fsencode", "os.fsencode(long)", PLAIN, None),
        ("fsdecode", "os.fsdecode(data)", PLAIN, None),
        *((f"{name}, there", f"os.path.{name}({'link' if name == 'islink' else 'd20' if name == 'isdir' else 'file'})", 1.25,
           ("lstat link" if name == "islink" else "lstat file" if name == "lexists" else "stat d20" if name == "isdir" else "stat file"))
          for name in ("exists", "lexists", "isfile", "isdir", "islink")),
        *((f"{name}, missing", f"os.path.{name}(absent)", 1.8, "stat absent")
          for name in ("exists", "lexists", "isfile", "isdir", "islink")),
        # A file system in memory forgets what is not there, and looks anew each time.
        ("exists, missing, in memory", "os.path.exists(missing)", 1.8, "stat missing"),
        ("getsize", "os.path.getsize(file)", 1.1, "stat file"),
        ("getmtime", "os.path.getmtime(file)", 1.1, "stat file"),
        ("getsize: FileNotFoundError", "raises(os.path.getsize, missing)", PLAIN, "stat missing"),
        ("samefile", "os.path.samefile(file, link)", 1.1, None),
        ("ismount", "os.path.ismount(file)", PLAIN, None),
        ("realpath, no link, 8 parts", "os.path.realpath(deep)", 6, "resolve deep"),
        ("realpath, link in the middle", "os.path.realpath(middle)", 3, None),
        ("realpath, link at the end", "os.path.realpath(end)", 3, None),
        ("realpath, missing", "os.path.realpath(nowhere)", PLAIN, None),
    )  # fmt: skip


TOPICS = (
    Directories, Files, Links, Environment, Commands, Processes, Permissions, Descriptors, Terminals,
    Timers, Transfers, Xattrs, SysInfo, Path,
)  # fmt: skip


class Scene:
    """The names that the statements use, made in a directory that goes at the end."""

    def __enter__(self):
        # In memory where it can be: a disk's own time would hide everything.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._directory = tempfile.TemporaryDirectory(prefix="ostler-bench-", dir=memory)
        root = os.path.realpath(self._directory.name)
        self._before = os.getcwd()
        os.chdir(root)
        self._fds = []
        self.names = self._make(root)
        return self

    def __exit__(self, *exception):
        for fd in self._fds:
            os.close(fd)
        os.chdir(self._before)
        self._directory.cleanup()

    def _open(self, path, flags):
        return self._keep(os.open(path, flags))

    def _keep(self, fd):
        self._fds.append(fd)
        return fd

    def _make(self, root):
        deep = f"{root}/a/b/c/d/e/f"
        os.makedirs(deep)
        os.symlink("b", f"{root}/a/link")
        os.symlink("c/d", f"{root}/a/b/to-d")
        pathlib.Path(f"{root}/file").write_bytes(b"x" * 4096)
        os.symlink("file", f"{root}/link")
        for name, count in (("d20", 20), ("d500", 500)):
            os.mkdir(f"{root}/{name}")
            for i in range(count):
                if i % 10:
                    pathlib.Path(f"{root}/{name}/file-{i:04}.txt").touch()
                else:
                    os.mkdir(f"{root}/{name}/directory-{i:04}")
        for i in range(40):
            os.makedirs(f"{root}/tree/{i % 8}/{i}")
            for j in range(20):
                pathlib.Path(f"{root}/tree/{i % 8}/{i}/module_{j}.py").touch()
        with suppress(OSError):  # not every file system has them
            os.setxattr(f"{root}/file", "user.x", b"value")
        for module in (os, ostler):  # each keeps its own mapping of the one environment
            module.environ["OSTLER_BENCH"] = "value"

        def raises(function, *args):
            try:
                function(*args)
            except Exception:
                return

        return {
            "a": "/usr/lib/python3", "b": "site-packages", "name": "module.py",
            "data": b"/usr/lib/x.py", "long": "/usr/lib/python3/dist-packages/some/module.py",
            "untidy": "/usr//lib/./x/../y/z/", "pair": ["/usr/lib/python3/a", "/usr/lib/python2/b"],
            "file": f"{root}/file", "bfile": os.fsencode(f"{root}/file"), "link": f"{root}/link",
            "like": pathlib.Path(f"{root}/file"), "absent": str(pathlib.Path(__file__).with_name("missing")), "missing": f"{root}/missing", "other": f"{root}/other",
            "fresh": f"{root}/fresh", "levels": f"{root}/l1/l2/l3/l4", "here": root,
            "d20": f"{root}/d20", "d500": f"{root}/d500", "tree": f"{root}/tree",
            "deep": deep, "middle": f"{root}/a/link/c/d/e/f", "end": f"{root}/a/b/to-d",
            "nowhere": f"{root}/a/b/c/no/no", "raises": raises, "block": b"x" * 100,
            "key": "OSTLER_BENCH", "nokey": "OSTLER_BENCH_MISSING", "value": "value",
            "fd": self._open(f"{root}/file", os.O_RDONLY), "pid": os.getpid(),
            "zero": self._open("/dev/zero", os.O_RDONLY), "null": self._open("/dev/null", os.O_WRONLY),
            "event": self._keep(os.eventfd(0)), "env": dict(os.environ), "true": "/bin/true", "colon": ": && :", "xname": "user.x",
        }  # fmt: skip
