# ruff: noqa: E501  (tables of attacks)
"""What the children of a confined machine try, and can't do: as root and as an ordinary user."""

import ctypes
import functools
import gc
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

import ostler
from ostler.machines.among import confined_among
from tests.machines import as_self, as_user

# What attacks are programs of an interpreter: this one or, for an ordinary user who can't read it,
# another one. What it needs is shown to them.
PYTHONS = [
    sys.executable,
    *filter(None, [os.environ.get("OSTLER_TEST_PYTHON")]),
    *filter(os.path.exists, ("/usr/bin/python3", "/usr/local/bin/python3")),
]
START = """
import ctypes, errno, os, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    if libc.syscall(*args) < 0:
        raise OSError(ctypes.get_errno(), "")
def attempt(text):
    try:
        exec(text, globals())
    except (OSError, MemoryError) as error:
        print("refused", errno.errorcode.get(error.errno, error))
    else:
        print("DONE")
"""

# name -> what a child tries. {secret} is a file outside, {outside} its directory, {host} this
# process's pid, {port} and {udp} ports on which it listens, {socket} and {abstract} its sockets.
ATTACKS = {
    "read": "open('{secret}').read()",
    "read by ..": "open('../' * 20 + '{secret}'.lstrip('/')).read()",
    "read by a link": "os.symlink('{secret}', 'link'); open('link').read()",
    "read by /proc/PID/root": "open('/proc/{host}/root{secret}').read()",
    "read by /proc/1/root": "open('/proc/1/root{secret}').read()",
    "list /proc/PID": "os.listdir('/proc/{host}/fd')",
    "write": "open('{outside}/new', 'w')",
    "make a directory": "os.mkdir('{outside}/new')",
    "rename": "os.rename('{secret}', '{outside}/b')",
    "link": "os.link('{secret}', 'taken')",
    "stat": "os.stat('{secret}')",
    "chmod": "os.chmod('{secret}', 0o777)",
    "utime": "os.utime('{secret}')",
    "setxattr": "os.setxattr('{secret}', 'user.x', b'x')",
    "chroot and out": "os.mkdir('j'); fd = os.open('.', os.O_RDONLY); os.chroot('j'); os.fchdir(fd)\n"
    "for _ in range(30): os.chdir('..')\nos.stat('./{secret}')",
    "umount": "call(166, b'/proc', 2)",
    "mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, None)",
    "remount": "call(165, None, b'/', None, 32 | 4096, None)",
    "ptrace": "call(101, 16, {host}, None, None)",
    "kill": "os.kill({host}, 0)",
    "kill them all": "os.kill({host}, signal.SIGCONT)",
    "pidfd": "call(434, {host}, 0)",
    "process_vm_readv": "b = ctypes.create_string_buffer(8); v = (ctypes.c_size_t * 2)(\n"
    "ctypes.addressof(b), 8); call(310, {host}, v, 1, v, 1, 0)",
    "a descriptor": "os.fstat({directory})",
    "out by a descriptor": "os.open('..', os.O_RDONLY, dir_fd={directory})",
    "abstract socket": "socket.socket(socket.AF_UNIX).connect({abstract!r})",
    "unix socket": "socket.socket(socket.AF_UNIX).connect('{socket}')",
    "tcp": "socket.create_connection(('127.0.0.1', {port}), 2)",
    "udp": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', {udp}));"
    " s.send(b'x'); s.send(b'x')",  # the second one tells what became of the first
    "shared memory": "call(29, {key}, 0, 0)",
    "open by handle": "h = (ctypes.c_byte * 136)(); h[0] = 8; h[4] = 1; "
    "call(304, os.open('.', 0), h, 0)",
    "core pattern": "open('/proc/sys/kernel/core_pattern', 'a')",
    "sysrq": "open('/proc/sysrq-trigger', 'a')",
    "the kernel's keys": "if not open('/proc/keys').read(): raise OSError(2, '')",
    "a keyring": "call({keyctl}, 0, -3, 0)",
    "a setuid file": "open('setuid', 'w'); os.chmod('setuid', 0o4755)",
    "a made setuid file": "os.open('made', os.O_CREAT | os.O_WRONLY, 0o4755)",
    "vsock": "socket.socket(40, socket.SOCK_STREAM)",
    "a namespace": "call({unshare}, 0x10000000)",
    "io_uring": "call(425, 1, b'')",
    "what a terminal reads": "import fcntl; fcntl.ioctl(0, 0x5412, b'x')",
    "new privileges": "import subprocess; assert libc.prctl(39, 0, 0, 0, 0) == 1; raise OSError(1, '')",
}  # fmt: skip
STILL_POSSIBLE = {
    "work in the directory": "os.mkdir('a'); os.rename('a', 'b'); os.rmdir('b')",
    "signal its own": "p = os.fork()\nif p == 0:\n    signal.pause()\nos.kill(p, 15); os.waitpid(p, 0)",
    "its own sockets": "a, b = socket.socketpair(); a.send(b'x'); b.recv(1)",
    "its own loopback": "a = socket.create_server(('127.0.0.1', 0))\n"
    "b = socket.create_connection(a.getsockname()); a.accept()[0].send(b'x'); b.recv(1)",
    "a pipe and a thread": "import threading; t = threading.Thread(target=os.pipe); t.start(); t.join()",
}  # fmt: skip


class Host:
    """What an attacker would like to reach."""

    def __init__(self, top):
        self.top = top
        self.inside = f"{top}/inside"
        self.outside = f"{top}/outside"
        self.secret = f"{self.outside}/secret"
        os.mkdir(self.inside)
        os.mkdir(self.outside)
        with open(self.secret, "w") as file:
            file.write("secret")
        self.directory = os.open(self.outside, os.O_RDONLY)
        os.set_inheritable(self.directory, True)
        self.sockets = []
        self.socket = self.listen(socket.AF_UNIX, f"{top}/outside/socket")
        self.abstract = self.listen(socket.AF_UNIX, f"\0ostler-test-{os.getpid()}")
        self.port = self.listen(socket.AF_INET, ("127.0.0.1", 0))[1]
        self.udp = self.listen(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM)[1]
        self.key = 0x5EC0 + os.getpid()
        self.shared = ctypes.CDLL(None).shmget(self.key, 4096, 0o1600)
        self.host = os.getpid()
        self.keyctl, self.unshare = (219, 97) if os.uname().machine == "aarch64" else (250, 272)

    def listen(self, family, address, kind=socket.SOCK_STREAM):
        made = socket.socket(family, kind)
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen()
        self.sockets.append(made)
        return made.getsockname()

    def close(self):
        ctypes.CDLL(None).shmctl(self.shared, 0, None)
        os.close(self.directory)
        for made in self.sockets:
            made.close()

    def state(self):
        status = os.stat(self.secret)
        return os.listdir(self.outside), status.st_mode, status.st_mtime_ns, status.st_nlink


@functools.cache
def needs(python):
    """The directories that this interpreter's programs need."""
    code = "import os, sys; print(*{os.path.realpath(p) for p in (sys.prefix, sys.base_prefix)}, sep='\\n')"
    try:
        done = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    paths = done.stdout.splitlines()
    return sorted(path for path in paths if os.path.isdir(path))


def everybodys(path):
    """Whether an ordinary user can read this file or directory."""
    paths = (path, os.path.realpath(path))
    return all(
        os.stat(parent).st_mode & 0o001
        for path in paths
        for parent in (path, *map(str, pathlib.Path(path).parents))
    )


def tried(python, attacks, network=False, read_only=False):
    """The outcome of each attack by a child of a confined machine, and whether all is as before."""
    top = tempfile.mkdtemp()
    os.chmod(top, 0o755)
    host = Host(top)
    try:
        before = host.state()
        with confined_among(
            host.inside, [*ostler.machines.SHELL, *needs(python)], network
        ) as machine:
            machine.chdir(host.inside)
            if read_only:
                machine.read_only_now()
            outcomes = {}
            for name, text in attacks.items():
                code = START + f"attempt({text.format(**vars(host))!r})"
                done = machine.popen(
                    f"timeout 20 {shlex.quote(python)} -IS -c {shlex.quote(code)} 2>&1"
                ).read()
                outcomes[name] = done.strip()
        return outcomes, before == host.state()
    finally:
        host.close()
        shutil.rmtree(top)


@pytest.fixture(params=[as_self, as_user])
def attacked(request):
    """tried(), as this user or as an ordinary one, with an interpreter that the user can read."""
    ordinary = request.param is as_user and os.geteuid() == 0
    for python in PYTHONS:
        if needs(python) and (not ordinary or all(map(everybodys, [python, *needs(python)]))):
            return lambda *args, **kwargs: request.param(tried, python, *args, **kwargs)
    pytest.skip("no interpreter that an ordinary user can read: name one in OSTLER_TEST_PYTHON")


# The state of the machine, and which of the attacks that lets through.
STATES = {
    "as it is made": ((False, False), set()),
    "read-only": ((False, True), set()),
    "with the network": ((True, False), {"tcp", "udp"}),
}


@pytest.mark.parametrize("state", STATES)
def test_attacks(attacked, state):
    how, succeed = STATES[state]
    outcomes, untouched = attacked(ATTACKS, *how)
    assert {name: said for name, said in outcomes.items() if not said.startswith("refused")} == (
        dict.fromkeys(succeed, "DONE")
    )
    assert untouched


def test_what_stays_possible(attacked):
    outcomes, _ = attacked(STILL_POSSIBLE)
    assert outcomes == dict.fromkeys(STILL_POSSIBLE, "DONE")


def signals_and_status():
    """(what the shell said of itself, wait statuses) on a confined machine, and beside it."""
    found = []
    with tempfile.TemporaryDirectory() as directory:
        with confined_among(directory, ostler.machines.SHELL) as machine:
            for where in (os, machine):
                found.append(
                    [where.system(command) for command in
                     ("exit 7", "kill -TERM $$", "kill -KILL $$", "sh -c 'exit 3'")]
                )  # fmt: skip
                pid = where.posix_spawn("/bin/sleep", ["sleep", "60"], {})
                os.kill(pid, signal.SIGTERM)
                found[-1].append(os.waitpid(pid, 0)[1])
    return found


@pytest.mark.parametrize("user", [as_self, as_user])
def test_children_end_as_everywhere(user):
    host, confined = user(signals_and_status)
    assert host == confined


def files_as_ordinary():
    """What a confined child does to files, without an interpreter of ours."""
    with tempfile.TemporaryDirectory() as directory:
        with confined_among(directory, ostler.machines.SHELL) as machine:
            machine.chdir(directory)
            said = machine.popen(
                "id -u; echo x > file; mkdir d; mv file d; ls d; "
                f"kill -0 {os.getpid()} 2>&1; cat {os.path.abspath(__file__)} 2>&1"
            ).read()
        return said.splitlines(), os.listdir(directory)


@pytest.mark.parametrize("user", [as_self, as_user])
def test_shell(user):
    said, left = user(files_as_ordinary)
    assert said[1] == "file" and left == ["d"]
    said = "".join(said[2:])
    assert "No such process" in said and "No such file" in said


def exec_in_place():
    """A forked child execs in a confined machine: its status, after a signal handed on."""
    with tempfile.TemporaryDirectory() as directory:
        machine = confined_among(directory, ostler.machines.SHELL)
        statuses = []
        reading, writing = os.pipe()
        for script in ("exit 5", "kill -KILL $$", "trap 'exit 9' TERM; echo; sleep 60 & wait"):
            pid = machine.fork()
            if pid == 0:
                os.dup2(writing, 1)
                machine.execv("/bin/sh", ["sh", "-c", script])
            if "trap" in script:
                os.read(reading, 1)
                os.kill(pid, signal.SIGTERM)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        pid = machine.fork()
        if pid == 0:
            try:
                machine.execv("/no/such/program", ["x"])
            except FileNotFoundError:
                os._exit(44)
            os._exit(45)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        machine.close()
        return statuses


@pytest.mark.parametrize("user", [as_self, as_user])
def test_exec_in_place(user):
    assert user(exec_in_place) == [5, -9, 9, 44]


def left_running():
    """Close a machine whose child runs on; whether wait() sees a process that isn't ours."""
    with tempfile.TemporaryDirectory() as directory:
        machine = confined_among(directory, ostler.machines.SHELL)
        reading, writing = os.pipe()
        pid = machine.posix_spawn(
            "/bin/sh", ["sh", "-c", "sleep 1000 & echo; wait"], {"PATH": "/bin:/usr/bin"},
            file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)],
        )  # fmt: skip
        os.close(writing)
        os.read(reading, 1)
        machine.close()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        end = os.read(reading, 1)  # the grandchild held the pipe too
        try:
            os.waitpid(-1, 0)
            others = True
        except ChildProcessError:
            others = False
        return status, end, others


@pytest.mark.parametrize("user", [as_self, as_user])
def test_closing_ends_the_children(user):
    assert user(left_running) == (-9, b"", False)


def test_a_killed_command_leaves_no_process(tmp_path):
    source = os.path.dirname(os.path.dirname(ostler.__file__))
    process = subprocess.Popen(
        [sys.executable, "-m", "ostler", "exec", "--confine", ".", "sh", "-c",
         "sleep 1000 & echo started; wait"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": source}, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout.readline() == b"started\n"
        process.kill()
        assert process.stdout.read() == b""  # nobody holds it any more


def test_two_machines_and_threads(tmp_path):
    results = []

    def work(name):
        directory = tmp_path / name
        directory.mkdir()
        with confined_among(directory, ostler.machines.SHELL) as machine:
            machine.chdir(str(directory))
            for _ in range(5):
                results.append(machine.system(f"echo {name} >> log"))

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 10
    assert (tmp_path / "a" / "log").read_text() == "a\n" * 5


def test_a_forked_copy_leaves_the_machine_alone(tmp_path):
    with confined_among(tmp_path, ostler.machines.SHELL) as machine:
        assert machine.system("true") == 0
        pid = os.fork()
        if pid == 0:
            machine.close()
            os._exit(0)
        os.waitpid(pid, 0)
        assert machine.system("true") == 0


def test_environment(tmp_path, monkeypatch):
    monkeypatch.setitem(ostler.environ, "TOKEN", "secret")
    monkeypatch.setitem(ostler.environ, "LC_TIME", "C")
    with ostler.confined(tmp_path) as machine:
        assert "TOKEN" not in machine.environ and machine.environ["LC_TIME"] == "C"
        assert b"TOKEN" not in machine.environb and machine.environ["PATH"] == os.environ["PATH"]
        assert "PATH" in machine.guarantees["environment"]
    with ostler.confined(tmp_path, environ={"A": "b"}) as machine:
        assert dict(machine.environ) == {"A": "b"}
    with confined_among(tmp_path, ostler.machines.SHELL) as machine:
        with machine.popen("env") as variables:
            assert "secret" not in variables.read()
    with confined_among(tmp_path, ostler.machines.SHELL, environ=ostler.environ) as machine:
        with machine.popen("env") as variables:
            assert "TOKEN=secret" in variables.read()
    for wrong, error in [(3, TypeError), ({"a=b": "c"}, ValueError), ({"a": "\0"}, ValueError)]:
        with pytest.raises(error):
            ostler.confined(tmp_path, environ=wrong)


def test_guarantees(tmp_path):
    with ostler.confined(tmp_path) as machine:
        said = machine.guarantees["children"]
        assert "PID" in said and "Landlock" in said and "network" in said
    with ostler.confined(tmp_path, network=True) as machine:
        assert "on the host's network" in machine.guarantees["children"]


def leave_descriptors():
    gc.collect()  # what tests before this one have left to it
    with tempfile.TemporaryDirectory() as directory:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            with confined_among(directory, ostler.machines.SHELL) as machine:
                machine.system("true")
        return len(os.listdir("/proc/self/fd")) - before


@pytest.mark.parametrize("user", [as_self, as_user])
def test_nothing_stays(user):
    assert user(leave_descriptors) == 0


def test_a_directory_in_what_is_empty_inside():
    """/dev/shm is the machine's own there, and not the host's."""

    def check(directory):
        with confined_among(directory, ostler.machines.SHELL) as machine:
            done = machine.run(["/bin/sh", "-c", "pwd; echo x >made; ls /dev/shm"], cwd=directory,
                               capture=True)  # fmt: skip
            return done.code, done.stdout, os.listdir(directory)

    directory = tempfile.mkdtemp(prefix="ostler-tests-", dir="/dev/shm")
    try:
        name = os.path.basename(directory)
        expected = 0, f"{directory}\n{name}\n".encode(), ["made"]
        assert as_self(check, directory) == expected
    finally:
        shutil.rmtree(directory)
