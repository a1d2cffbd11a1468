"""A scratch machine for another user: the same as a process of that user's gets on the host."""

import ctypes
import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading

import pytest

import ostler
from ostler.machines import SHELL
from tests.machines import as_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="to act as another user takes root")

USER = 1234


def planted(o, top):
    """What another user may do one thing with, and not the other."""
    for name, mode, owner in (
        ("closed", 0o700, 0), ("open", 0o777, 0), ("sticky", 0o1777, 0), ("read", 0o755, 0),
        ("mine", 0o755, USER), ("shut", 0o000, USER),
    ):  # fmt: skip
        o.mkdir(f"{top}/{name}")
        o.create_file(f"{top}/{name}/f", "theirs", mode=0o644)
        o.create_file(f"{top}/{name}/m", "mine", mode=0o600)
        o.create_file(f"{top}/{name}/none", "theirs", mode=0o000)
        o.symlink("f", f"{top}/{name}/link")
        o.chown(f"{top}/{name}/m", USER, USER)
        o.chown(f"{top}/{name}", owner, owner)
        o.chmod(f"{top}/{name}", mode)
    o.chmod(top, 0o777)


def by_fd(o, name, act, flags=os.O_RDONLY):
    fd = o.open(name, flags)
    try:
        return act(fd)
    finally:
        o.close(fd)


CALLS = {
    "stat": lambda o, n: o.stat(n).st_uid,
    "lstat": lambda o, n: o.lstat(n).st_mode,
    "open to read": lambda o, n: by_fd(o, n, lambda fd: o.read(fd, 9)),
    "open to write": lambda o, n: by_fd(o, n, lambda fd: o.write(fd, b"new"), os.O_WRONLY),
    "open anew": lambda o, n: by_fd(
        o, n + "2", lambda fd: o.fstat(fd).st_uid, os.O_CREAT | os.O_WRONLY
    ),
    "access": lambda o, n: [o.access(n, mode) for mode in range(8)],
    "effective access": lambda o, n: [o.access(n, m, effective_ids=True) for m in range(8)],
    "exists": lambda o, n: (o.path.exists(n), o.path.isfile(n), o.path.lexists(n)),
    "probe": lambda o, n: repr(o.probe(n)),
    "realpath": lambda o, n: o.path.realpath(n, strict=True)[-3:],
    "listdir": lambda o, n: sorted(o.listdir(o.path.dirname(n))),
    "scandir": lambda o, n: sorted(
        (e.name, e.stat(follow_symlinks=False).st_uid) for e in o.scandir(o.path.dirname(n))
    ),
    "entries later": lambda o, n: [e.is_file() for e in list(o.scandir("."))],
    "walk": lambda o, n: sorted((a, sorted(b), sorted(c)) for a, b, c in o.walk(".")),
    "fwalk": lambda o, n: sorted((a, sorted(b), sorted(c)) for a, b, c, d in o.fwalk(".")),
    "iter_dir": lambda o, n: sorted(map(str, o.iter_dir(o.path.dirname(n)))),
    "mkdir": lambda o, n: (o.mkdir(n + "d"), o.stat(n + "d").st_uid),
    "makedirs": lambda o, n: (o.makedirs(n + "d/e"), o.stat(n + "d/e").st_gid),
    "mkfifo": lambda o, n: (o.mkfifo(n + "p"), o.stat(n + "p").st_uid),
    "mknod": lambda o, n: o.mknod(n + "c", 0o600 | stat.S_IFCHR, o.makedev(1, 3)),
    "symlink": lambda o, n: (o.symlink("x", n + "l"), o.lstat(n + "l").st_uid),
    "link": lambda o, n: o.link(n, n + "h"),
    "unlink": lambda o, n: o.unlink(n),
    "rmdir": lambda o, n: o.rmdir(o.path.dirname(n)),
    "rename": lambda o, n: o.rename(n, n + "r"),
    "rename away": lambda o, n: o.rename(n, "open/away"),
    "exchange": lambda o, n: o.exchange(n, "mine/m"),
    "rename_noreplace": lambda o, n: o.rename_noreplace(n, n + "r"),
    "move": lambda o, n: o.move(n, "mine/moved"),
    "chmod": lambda o, n: o.chmod(n, 0o600),
    "chmod by descriptor": lambda o, n: by_fd(o, n, lambda fd: o.chmod(fd, 0o600)),
    "fchmod": lambda o, n: by_fd(o, n, lambda fd: o.fchmod(fd, 0o600)),
    "chown": lambda o, n: o.chown(n, USER, -1),
    "fchown": lambda o, n: by_fd(o, n, lambda fd: o.fchown(fd, 0, 0)),
    "chgrp": lambda o, n: o.chown(n, -1, 7),
    "change_owner": lambda o, n: o.change_owner(n, USER),
    "utime": lambda o, n: o.utime(n, (1, 1)),
    "utime now": lambda o, n: o.utime(n),
    "utime by descriptor": lambda o, n: by_fd(o, n, lambda fd: o.utime(fd, (1, 1))),
    "truncate": lambda o, n: o.truncate(n, 1),
    "truncate by descriptor": lambda o, n: by_fd(o, n, lambda fd: o.truncate(fd, 1)),
    "setxattr": lambda o, n: o.setxattr(n, "user.a", b"x"),
    "setxattr by descriptor": lambda o, n: by_fd(o, n, lambda fd: o.setxattr(fd, "user.a", b"x")),
    "listxattr": lambda o, n: o.listxattr(n),
    "trusted": lambda o, n: o.setxattr(n, "trusted.a", b"x"),
    "readlink": lambda o, n: o.readlink(o.path.dirname(n) + "/link"),
    "chdir": lambda o, n: o.chdir(o.path.dirname(n)),
    "fchdir": lambda o, n: by_fd(o, o.path.dirname(n), o.fchdir, os.O_RDONLY | os.O_DIRECTORY),
    "fchdir by path": lambda o, n: by_fd(o, o.path.dirname(n), o.fchdir, os.O_PATH),
    "write_atomic": lambda o, n: o.write_atomic(n, "new", owner=None),
    "write_atomic, kept": lambda o, n: o.write_atomic(n, "new"),
    "create_file": lambda o, n: o.create_file(n + "n", "new"),
    "statvfs": lambda o, n: o.statvfs(n).f_namemax,
    "chroot": lambda o, n: o.chroot(o.path.dirname(n)),
    "statx": lambda o, n: o.statx(n).stx_uid,
}  # fmt: skip
ALONE = {
    "ids": lambda o: (o.getuid(), o.geteuid(), o.getgid(), o.getegid(), o.getgroups()),
    "all ids": lambda o: (o.getresuid(), o.getresgid()),
    "kill": lambda o: o.kill(1, 0),
    "setuid": lambda o: o.setuid(0),
    "setuid to itself": lambda o: o.setuid(USER),
    "setresuid": lambda o: o.setresuid(-1, 0, -1),
    "setgid": lambda o: o.setgid(0),
    "seteuid": lambda o: o.seteuid(0),
    "setgroups": lambda o: o.setgroups([]),
    "nice": lambda o: o.nice(-1),
    "a process": lambda o: o.process(o.getppid()).signal(0),
    "affinity": lambda o: o.sched_setaffinity(o.getppid(), o.sched_getaffinity(o.getppid())),
    "scheduler": lambda o: o.sched_setscheduler(o.getppid(), o.SCHED_BATCH, o.sched_param(0)),
    "parameter": lambda o: o.sched_setparam(o.getppid(), o.sched_param(0)),
    "priority": lambda o: o.setpriority(o.PRIO_PROCESS, o.getppid(), 5),
    "unshare": lambda o: hasattr(os, "unshare") and o.unshare(os.CLONE_NEWNS),
    "setns": lambda o: hasattr(os, "setns") and by_fd(os, "/proc/self/ns/mnt", o.setns),
    "run": lambda o: o.run(["id"], capture=True).stdout,
    "system": lambda o: o.waitstatus_to_exitcode(o.system("test -r closed/f")),
    "popen": lambda o: said(o, "id -u; id -g; id -G; cat closed/f"),
    "spawn": lambda o: o.spawnv(o.P_WAIT, "/bin/sh", ["sh", "-c", ": > read/new"]),
    "posix_spawn": lambda o: o.waitpid(
        o.posix_spawn("/bin/sh", ["sh", "-c", "kill -0 1 || exit 7"], {}), 0
    )[1],
}
NAMES = [f"{above}/{name}" for above in "closed open sticky read mine shut".split()
         for name in ("f", "m", "none")]  # fmt: skip


def said(system, command):
    with system.popen(command) as stream:
        return stream.read()


def outcome(call, *args):
    try:
        return call(*args)
    except Exception as error:
        name = getattr(error, "filename", None)
        # Not where the trees are, nor numbers of descriptors and names that differ each time.
        name = name.rpartition("/")[2].partition(".")[0] if isinstance(name, str) else None
        return type(error).__name__, getattr(error, "errno", None), name


def on_the_host(calls, top):
    """What a process of the user's gets, each on a tree of its own."""

    def those():
        os.umask(0o022)
        found = []
        for number, call in enumerate(calls):
            os.chdir(f"{top}/{number}")
            found.append(outcome(*call[:1], ostler.host, *call[1:]))
        return found

    return as_user(those, user=USER)


@pytest.fixture
def top():
    path = tempfile.mkdtemp(prefix="ostler-users-", dir="/dev/shm")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


def differing(names, calls, top):
    before = os.umask(0o022)
    try:
        with ostler.scratch(user=USER, bind=SHELL) as machine:
            for number in range(len(calls)):
                os.mkdir(f"{top}/{number}")
                planted(ostler.host, f"{top}/{number}")
                with machine.as_root():
                    machine.mkdir(f"/tmp/{number}")
                    planted(machine, f"/tmp/{number}")
            found = []
            for number, (call, *args) in enumerate(calls):
                machine.chdir(f"/tmp/{number}")
                found.append(outcome(call, machine, *args))
    finally:
        os.umask(before)
    assert os.getresuid() == (0, 0, 0) and os.getresgid() == (0, 0, 0)
    expected = on_the_host(calls, top)
    rows = zip(names, expected, found, strict=True)
    return {name: (one, other) for name, one, other in rows if one != other}


@pytest.mark.parametrize("name", CALLS)
def test_it_gets_what_that_user_gets(top, name):
    # What it may not read it can't replace on a machine, where the host finds a way.
    paths = [path for path in NAMES if "write_atomic" not in name or "none" not in path]
    assert differing(paths, [(CALLS[name], path) for path in paths], top) == {}


def test_of_itself_and_its_children(top):
    assert differing(ALONE, [(call,) for call in ALONE.values()], top) == {}


def test_the_rest_of_the_process_stays_root(tmp_path):
    tmp_path.chmod(0o700)
    stop, seen = threading.Event(), []

    def others():
        while not stop.is_set():
            seen.append((os.geteuid(), os.listdir(tmp_path)))

    thread = threading.Thread(target=others)
    with ostler.scratch(user=USER) as machine, ostler.scratch() as plain:
        thread.start()
        for number in range(2000):
            machine.create_file(f"/tmp/{number}")
            with pytest.raises(PermissionError):
                machine.mkdir("/new")
            plain.create_file(f"/{number}")
        stop.set()
        thread.join()
        assert machine.stat("/tmp/7").st_uid == USER and plain.stat("/7").st_uid == 0
    assert seen and all(each == (0, []) for each in seen)
    assert os.getresuid() == (0, 0, 0) and os.getgroups() == ostler.host.getgroups()
    with open("/proc/self/status") as file:
        assert "CapEff:\t0000000000000000" not in file.read()


def test_installed(tmp_path):
    with ostler.scratch(user=USER, bind=SHELL) as machine:
        with machine.as_root():
            machine.create_file("/etc2/secret", "x", mode=0o600)
        with machine.installed():
            assert os.getuid() == os.geteuid() == USER and os.getresgid() == (USER,) * 3
            with pytest.raises(PermissionError):
                open("/etc2/secret")
            with pytest.raises(PermissionError):
                os.kill(1, 0)
            with pytest.raises(PermissionError):
                os.setuid(0)
            found = subprocess.run(["id", "-u"], capture_output=True)
            forked = subprocess.run(["id", "-u"], capture_output=True, preexec_fn=int)
            with machine.as_root():
                assert os.getuid() == 0 and open("/etc2/secret").read() == "x"
            import colorsys  # a module of the host's, wherever that lies
        assert colorsys and os.getuid() == 0
    assert found.stdout == forked.stdout == b"%d\n" % USER


def test_exec():
    with ostler.scratch(user=USER, bind=SHELL) as machine:
        reader, writer = os.pipe()
        pid = machine.fork()
        if pid == 0:
            try:
                os.dup2(writer, 1)
                machine.execv("/bin/sh", ["sh", "-c", "id -u; id -G"])
            finally:
                os._exit(1)
        os.close(writer)
        with open(reader) as pipe:
            assert pipe.read().split() == [str(USER)] * 2
        assert os.waitpid(pid, 0)[1] == 0


def test_who_it_is():
    import pwd

    nobody = pwd.getpwnam("nobody")
    with ostler.scratch(user="nobody") as machine:
        assert machine.getuid() == nobody.pw_uid and machine.getgid() == nobody.pw_gid
        assert machine.environ["USER"] == "nobody"
        assert machine.environ["HOME"] == nobody.pw_dir
        assert str(nobody.pw_uid) in machine.guarantees["user"]
        for name in ("trees", "walk_entries", "chmod_tree", "temporary_directory"):
            with pytest.raises(NotImplementedError, match=name):
                found = getattr(machine, name)
                found()
        with machine.as_root():
            machine.trees.remove("/tmp")
    with ostler.scratch(user="root") as machine:
        machine.trees.count("/")
        with machine.as_root():
            machine.mkdir("/new")
    with pytest.raises(LookupError, match="no such user: 'nobody-here'"):
        ostler.scratch(user="nobody-here")
    with pytest.raises(ValueError, match="weaker"):
        ostler.scratch(user=USER, weaker=True)


def test_who_is_not_root_gets_a_clear_error():
    def check():
        with pytest.raises(ostler.MachineUnavailable, match="not root") as caught:
            ostler.scratch(user=USER)
        assert "root" in caught.value.what_would_help
        assert caught.value.errno == errno.EPERM
        try:
            ostler.scratch(user=os.getuid()).close()  # that's who makes the calls anyway
        except ostler.MachineUnavailable as error:
            assert "another user" not in error.reason

    as_user(check)


def of_thread(number, field):
    """What the kernel tells of a thread of this process: the words of a field of its status."""
    with open(f"/proc/self/task/{number}/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return line.split()[1:]
    raise LookupError(field)


class Waiting:
    """A thread in the middle of a call on the machine, until the pipe is opened elsewhere."""

    def __init__(self, machine, name):
        with machine.as_root():
            machine.mkfifo(name, 0o666)
            machine.chmod(name, 0o666)
        self.machine, self.name = machine, name
        self.thread = threading.Thread(target=lambda: os.close(machine.open(name, os.O_RDONLY)))
        self.thread.start()
        while of_thread(self.thread.native_id, "Uid")[1] != str(USER):
            pass

    def end(self):
        writer = self.machine.open(self.name, os.O_WRONLY)
        self.thread.join()
        os.close(writer)


def test_no_process_of_the_users_may_send_signals_here_meanwhile():
    with ostler.scratch(user=USER) as machine:
        waiting = Waiting(machine, "/tmp/pipe")
        try:
            real, effective, saved, files = of_thread(waiting.thread.native_id, "Uid")
        finally:
            waiting.end()
    assert (real, saved) == ("0", "0")
    assert effective == files == str(USER)


PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_that_the_process_may_be_looked_into_is_given_back():
    dumpable = ctypes.CDLL(None).prctl
    assert dumpable(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0  # a test may have been another user's before
    assert dumpable(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
    with ostler.scratch(user=USER, bind=SHELL) as machine:
        for child in (
            lambda: machine.system("true"),
            lambda: machine.run(["true"]),
            lambda: machine.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", "exit 0"]),
        ):
            child()
            assert dumpable(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
        first = Waiting(machine, "/tmp/first")
        second = Waiting(machine, "/tmp/second")
        pid = os.fork()
        if pid == 0:  # a copy in which nobody is in the middle of anything
            try:
                machine.stat("/tmp")
                os._exit(dumpable(PR_GET_DUMPABLE, 0, 0, 0, 0))
            finally:
                os._exit(7)
        first.end()
        second.end()
        assert dumpable(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_two_prepare_it_at_once():
    with ostler.scratch(user=USER) as machine:
        first, second = machine.as_root(), machine.as_root()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert machine.getuid() == 0
        machine.create_file("/tmp/roots")
        second.__exit__(None, None, None)
        assert machine.getuid() == USER and machine.stat("/tmp/roots").st_uid == 0
        machine.create_file("/tmp/theirs")
        assert machine.stat("/tmp/theirs").st_uid == USER
        with pytest.raises(NotImplementedError):
            _ = machine.trees


class Interrupted(BaseException):
    pass


def interrupted(function, number):
    """Call it, with an exception at its n-th step, as a signal's handler raises it; False: done."""
    steps = iter(range(number))

    def tracer(frame, event, arg):
        if not frame.f_code.co_filename.endswith("users.py"):
            return None
        frame.f_trace_opcodes = True
        # On 3.12 the wish for opcodes comes too late for a function's first call.
        if event in ("opcode", "line") and next(steps, None) is None:
            sys.settrace(None)
            raise Interrupted
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        function()
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupted_call_leaves_nobody_as_another():
    with ostler.scratch(user=USER) as machine:
        fd = machine.open("/tmp", os.O_RDONLY)
        for call in (lambda: machine.utime(fd), lambda: machine.kill(os.getpid(), 0)):
            number = 0
            while outcome(interrupted, call, number) is True:
                assert os.geteuid() == 0, number
                number += 1
            assert number > (3 if sys.version_info >= (3, 13) or sys.version_info < (3, 12) else 0)
        os.close(fd)
