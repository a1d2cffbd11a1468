# ruff: noqa: E501  (programs in a table)
"""What a confined child must not be able to do to the host, whoever starts it: root, an ordinary
user, or root of a user namespace; over each state of the machine, and each way to start a child."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import ostler
from ostler.core import filter
from ostler.installation.installed import Installed  # noqa: F401  (while it can be read)
from ostler.machines.among import confined_among
from tests.attacks import confined_probe as probe
from tests.machines import as_root_of_namespaces, as_self, as_user, containers
from tests.machines.test_confinement import PYTHONS, everybodys, needs

if probe.COLUMN is None:
    pytest.skip("no filter is written for this architecture", allow_module_level=True)

PARTS = ",".join([*probe.PARTS, "works"])
PROBE = Path(probe.__file__)
USERS = {
    "root, or who runs the tests": as_self,
    "an ordinary user": as_user,
    "root of namespaces": lambda *args: as_user(as_root_of_namespaces, *args),
}
both = pytest.mark.parametrize("user", USERS)


def python_for(user):
    """An interpreter that this user's children can run."""
    ordinary = user != "root, or who runs the tests" and os.geteuid() == 0
    for python in PYTHONS:
        if needs(python) and (not ordinary or all(map(everybodys, [python, *needs(python)]))):
            return python
    pytest.skip("no interpreter that an ordinary user can read: name one in OSTLER_TEST_PYTHON")


def among(directory, python, **options):
    return confined_among(directory, [*ostler.machines.SHELL, *needs(python)], **options)


def made_read_only(directory, python):
    machine = among(directory, python)
    machine.system("true")
    machine.read_only_now()
    return machine


# The states of a machine: how it is made, and what in it can't be tried.
STATES = {
    "as it is made": (among, ()),
    "with the network": (lambda *args: among(*args, network=True), ()),
    "made read-only": (made_read_only, ("identities", "works")),
    "the whole host, read-only": (
        lambda directory, python: ostler.confined("/", read_only=True),
        ("identities", "works"),
    ),
    "the whole host": (lambda directory, python: ostler.confined("/"), ()),
}  # fmt: skip


def probed(make, python, parts, code):
    directory = tempfile.mkdtemp()
    try:
        with make(directory, python) as machine:
            command = [python, "-I", "-c", code, directory, ",".join(parts)]
            result = machine.run(command, capture=True, timeout=100)
        assert result.status == 0, result.stderr.decode()
        return json.loads(result.stdout)
    finally:
        shutil.rmtree(directory)


def is_right(name, said):
    """Whether an attempt has failed as the documentation says."""
    kind, _, rest = name.partition(" ")
    if kind == "call":
        if rest == "of 32 bits":
            return said == "SIGSYS"
        missing = rest in probe.AS_IF_MISSING or rest.startswith("of ")
        return said == ("ENOSYS" if missing else "EPERM")
    if kind in ("socket", "socketpair", "vsock"):
        return said == "EAFNOSUPPORT"
    if kind == "netlink":
        return said == "EPROTONOSUPPORT"
    if kind in ("keyring", "read keyring", "key", "another") or "keyring" in name:
        return said == "ENOSYS"
    if kind == "a":
        return said == "ENOSYS"
    if kind in ("read", "list"):
        return said in ("empty", "ENOENT", "EACCES", "EPERM", "ENOTDIR")
    if kind in ("write", "make", "device") and "/" in name:
        return said in ("EROFS", "ENOENT", "EACCES", "EPERM", "ENOTDIR", "ENXIO")
    return said == "EPERM"


@pytest.mark.parametrize("state", STATES)
@both
def test_attacks(user, state, tried):
    make, without = STATES[state]
    parts = [part for part in PARTS.split(",") if part not in without]
    outcomes = USERS[user](probed, make, python_for(user), parts, PROBE.read_text())
    assert outcomes.pop("wrong", []) == []
    assert outcomes.pop("left with an identity", []) == []
    files = outcomes.pop("files that were tried", 0)
    assert {name: said for name, said in outcomes.items() if not is_right(name, said)} == {}
    assert len(outcomes) > 200 and files > 100
    tried(len(outcomes) + files)


def alone(python, code):
    containers.refuse(containers.DEFAULT)
    parts = ["always", "namespaces", "families", "keys", "identities", "terminals"]
    return probed(
        lambda directory, python: ostler.confined(directory, weaker=True), python, parts, code
    )


def test_attacks_under_landlock_alone(tried):
    python = "/usr/bin/python3"
    if not needs(python) or not everybodys(python):
        pytest.skip("no interpreter among the host's programs")
    outcomes = as_user(alone, python, PROBE.read_text())
    assert outcomes.pop("left with an identity") == []
    assert {name: said for name, said in outcomes.items() if not is_right(name, said)} == {}
    tried(len(outcomes))


def whole_host_under_landlock():
    containers.refuse(containers.DEFAULT)
    found = []
    for directory in ("/", "/proc", "/dev", "/sys/kernel"):
        with ostler.confined(directory, weaker=True) as machine:
            try:
                machine.spawnv(os.P_WAIT, "/bin/true", ["true"])
                found.append(directory)
            except PermissionError:
                assert "change the host" in machine.guarantees["children"]
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="what is told of is root's")
def test_roots_children_under_landlock_alone_have_no_directory_with_the_kernels_files():
    assert as_self(whole_host_under_landlock) == []


# ---- each way to start a child -----------------------------------------------------------------

SCRIPT = (
    "grep -E '^(NoNewPrivs|Seccomp|CapEff|CapPrm|CapBnd|CapAmb|CapInh):' /proc/self/status;"
    "(: > /proc/sys/kernel/core_pattern) 2>/dev/null && echo CORE;"
    "echo x > f; chmod 4755 f 2>/dev/null && echo SETUID;"
    "test -r /proc/keys && cat /proc/keys; ls /proc/self/fd | grep -v '^[0123]$';"
    "cat /proc/1/cmdline; test -e /etc/shadow && echo OUTSIDE; echo end"
)


def by_popen(machine, script):
    with machine.popen(script) as pipe:
        return pipe.read()


def by_system(machine, script):
    machine.system(f"({script}) > said 2>&1")
    with machine.open_file("said") as file:
        return file.read()


def by_spawn(machine, script):
    machine.spawnv(os.P_WAIT, "/bin/sh", ["sh", "-c", f"({script}) > said 2>&1"])
    with machine.open_file("said") as file:
        return file.read()


def by_posix_spawn(machine, script):
    pid = machine.posix_spawn("/bin/sh", ["sh", "-c", f"({script}) > said 2>&1"], dict(os.environ))
    os.waitpid(pid, 0)
    with machine.open_file("said") as file:
        return file.read()


def by_run(machine, script):
    return machine.run(["sh", "-c", script], capture=True, encoding="utf-8").stdout


def by_fork_and_exec(machine, script):
    pid = machine.fork()
    if pid == 0:
        try:
            machine.execv("/bin/sh", ["sh", "-c", f"({script}) > said 2>&1"])
        finally:
            os._exit(99)
    os.waitpid(pid, 0)
    with machine.open_file("said") as file:
        return file.read()


def by_subprocess(machine, script, **options):
    with machine.installed():
        return subprocess.run(
            ["/bin/sh", "-c", script], capture_output=True, text=True, check=False, **options
        ).stdout


def by_subprocess_with_python_between(machine, script):
    return by_subprocess(machine, script, preexec_fn=lambda: None)


def by_subprocess_in_a_session(machine, script):
    return by_subprocess(machine, script, start_new_session=True, close_fds=False)


WAYS = [
    by_popen, by_system, by_spawn, by_posix_spawn, by_run, by_fork_and_exec, by_subprocess,
    by_subprocess_with_python_between, by_subprocess_in_a_session,
]  # fmt: skip


def started(way):
    with tempfile.TemporaryDirectory() as directory:
        with confined_among(directory, ostler.machines.SHELL) as machine:
            machine.chdir(directory)
            return way(machine, SCRIPT)


def check(said, is_root):
    lines = said.split("\n")
    status = dict(line.split(":\t") for line in lines if ":\t" in line)
    assert [line for line in lines if ":\t" not in line and line] == ["end"]
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    effective = int(status["CapEff"], 16)
    assert effective & 1 << 31 == 0 and effective & 1 << 21 == 0  # SETFCAP, SYS_ADMIN
    assert bool(effective) == is_root
    if is_root:
        assert int(status["CapPrm"], 16) == effective and int(status["CapBnd"], 16) & 1 << 31 == 0
        assert status["CapInh"] == status["CapAmb"] == "0" * 16


@pytest.mark.parametrize("way", WAYS)
@both
def test_each_way_to_start_a_child(user, way, tried):
    is_root = user == "root of namespaces" or (user != "an ordinary user" and os.geteuid() == 0)
    check(USERS[user](started, way), is_root)
    tried(6)


@pytest.mark.parametrize("words", [["exec"], ["run", "-c"]])
def test_the_commands(words, tmp_path):
    source = os.path.dirname(os.path.dirname(ostler.__file__))
    if words == ["exec"]:
        command = [*words, "--confine", ".", "sh", "-c", SCRIPT]
    else:
        code = f"import subprocess; subprocess.run(['/bin/sh', '-c', {SCRIPT!r}])"
        command = ["run", "--confine", ".", "-c", code]
    done = subprocess.run(
        [sys.executable, "-m", "ostler", *command], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": source}, check=True,
    )  # fmt: skip
    check(done.stdout, os.geteuid() == 0)


# ---- the filter, as the kernel reads it ---------------------------------------------------------


def judged(number, *arguments, arch=None, program=None):
    """What the filter says of a call: a second reading of its instructions."""
    program = program or filter.instructions()
    steps = [
        (int.from_bytes(program[i : i + 2], sys.byteorder), program[i + 2], program[i + 3],
         int.from_bytes(program[i + 4 : i + 8], sys.byteorder))
        for i in range(0, len(program), 8)
    ]  # fmt: skip
    native = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[os.uname().machine]
    data = [number & 0xFFFFFFFF, native if arch is None else arch, 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        data += [argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF]
    at = value = 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        if code == 0x20:
            value = data[k // 4]
        elif code == 0x54:
            value &= k
        elif code == 0x05:
            at += k
        elif code == 0x06:
            return k
        else:
            holds = {0x15: value == k, 0x35: value >= k, 0x45: value & k != 0}[code]
            at += yes if holds else no


def test_the_filter_lets_all_else_through():
    refused = {probe.HERE[name] for name in filter.refused() if name in probe.HERE}
    refused |= {number for number in range(470) if judged(number) != 0x7FFF0000}
    listed = {probe.HERE[name] for name in probe.ALWAYS if name in probe.HERE}
    create_module = {174} if os.uname().machine == "x86_64" else set()
    with_families = {probe.HERE["socket"], probe.HERE["socketpair"]}  # of family 0
    assert refused == listed | create_module | with_families
    for number in (*range(470, 700), 2**12, 2**30, 2**30 + 1, 2**31, 2**32 - 1):
        assert judged(number) == 0x00050000 | 38
    for number in (*range(0, 600, 7), 2**30):
        for arch in (0x40000003, 0x40000028, 0):
            assert judged(number, arch=arch) == 0x80000000


def test_the_filter_is_documented():
    text = (Path(__file__).parent.parent.parent / "docs" / "confinement.md").read_text()
    named = set(re.findall(r"`(\w+)`", text))
    assert {name for name in filter.refused() if name not in named} == set()


# ---- what must go on working --------------------------------------------------------------------

# Programs, each with what it needs; their output and status inside are those outside.
PROGRAMS = {
    "pipes": "seq 1000 | sort -r | head -3 | tr 1 x; printf '%s\\n' b a c | sort; echo $?",
    "files": "mkdir -p a/b; echo x > a/b/f; cp -a a c; chmod -R go-w c; ln -s f c/b/l; find c | sort;"
    " mv c d; ls -R d; stat -c '%a %F' d/b/*; rm -r a d; ls",
    "tar": "mkdir t; echo 1 > t/one; ln t/one t/two; tar cf - t | (mkdir u; tar xpf - -C u);"
    "find u | sort; diff -r t u/t; echo $?",
    "dd": "dd if=/dev/zero of=f bs=1k count=3 2>/dev/null; wc -c < f; dd if=/dev/urandom bs=8 count=1"
    " 2>/dev/null | wc -c",
    "make": "printf 'int puts(const char *); int main(void) { return puts(\"made\") < 0; }' > a.c;"
    "printf 'a: a.c\\n\\tcc -o a a.c\\n' > Makefile; make -s a && ./a",
    "git": "git init -q r; cd r; git config user.email a@b; git config user.name a; echo x > f;"
    "git add f; git commit -qm one; git log --format=%s; git gc -q; git clone -q . ../s; git fsck",
    "sqlite3": "sqlite3 x.db 'pragma journal_mode=wal; create table t (a); insert into t values (1);"
    "select count(*) from t'",
    "ssh-keygen": "ssh-keygen -q -t ed25519 -N '' -f key && ls; stat -c %a key",
    "node": "node -e 'const fs=require(\"fs\"), c=require(\"child_process\"), n=require(\"net\");"
    "fs.writeFileSync(\"f\",\"x\"); console.log(c.execSync(\"cat f\").toString());"
    "const s=n.createServer(x=>x.end(\"hi\")).listen(0,\"127.0.0.1\",()=>"
    "n.connect(s.address().port,\"127.0.0.1\")"
    ".on(\"data\",d=>{console.log(d.toString());s.close()}))'",
    "tmux": "tmux -S ./s -f /dev/null new-session -d 'echo in tmux > out; tmux -S ./s wait-for -S x'"
    " \\; wait-for x; cat out",
    "script": "script -qec 'tty | cut -c1-9; echo typed' /dev/null < /dev/null",
    "gdb": "gdb -q -batch -ex run -ex 'info inferiors' --args /bin/true 2>&1 | grep -c exited",
    "strace": "strace -f -o t sh -c 'true; true' && grep -c exit_group t",
    "perl": "perl -e 'my $p=fork; if(!$p){exit 3} waitpid $p,0; print $?>>8, \"\\n\"'",
    "timeout": "timeout 0.1 sleep 10; echo $?",
    "flock": "flock f -c 'echo locked'",
    "nice": "nice -n 5 nice",
}  # fmt: skip
PYTHON = """
import concurrent.futures as f, multiprocessing as m, os, pty, socket, sqlite3, subprocess, sys
import tempfile, threading
def square(x):
    return x * x
if __name__ == "__main__":
    found = []
    t = threading.Thread(target=found.append, args=("thread",)); t.start(); t.join()
    with f.ThreadPoolExecutor(4) as pool: found.append(list(pool.map(square, range(5))))
    for how in ("fork", "spawn", "forkserver"):
        with m.get_context(how).Pool(2) as pool: found.append(pool.map(square, range(5)))
    q = m.Queue(); p = m.Process(target=q.put, args=("queue",)); p.start(); found.append(q.get())
    p.join()
    found.append(subprocess.run("echo $((6*7)); exit 3", shell=True, capture_output=True))
    with tempfile.TemporaryFile() as file: found.append(file.write(b"xyz"))
    with sqlite3.connect(":memory:") as c: found.append(c.execute("select 6*7").fetchall())
    found.append(os.read(os.pipe2(0)[0] if False else os.memfd_create("x"), 1))
    pid, fd = pty.fork()
    if pid == 0: os.execlp("sh", "sh", "-c", "test -t 0 && echo terminal")
    found.append(os.read(fd, 100)); os.waitpid(pid, 0)
    print(found)
"""


def outside_and_inside(name, script, shown):
    """(status, output) of a script on the host and on a confined machine."""
    found = []
    environ = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C", "TERM": "dumb",
        "SHELL": "/bin/sh",
    }  # fmt: skip
    for inside in (False, True):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "script.py").write_text(PYTHON)
            if not inside:
                done = subprocess.run(
                    ["/bin/sh", "-c", script], cwd=directory, env=environ, capture_output=True,
                    timeout=100, check=False,
                )  # fmt: skip
                found.append((done.returncode, done.stdout, done.stderr))
                continue
            with confined_among(directory, shown, environ=environ) as machine:
                machine.makedirs("/tmp", exist_ok=True)
                done = machine.run(["sh", "-c", script], capture=True, timeout=100, cwd=directory)
                found.append((done.status, done.stdout, done.stderr))
    return found


@pytest.mark.parametrize("name", [*PROGRAMS, "python"])
@pytest.mark.parametrize("user", [as_self, as_user])
def test_programs_work_as_outside(user, name):
    shown = [*ostler.machines.SHELL]
    if name == "python":
        python = python_for(
            "an ordinary user" if user is as_user else "root, or who runs the tests"
        )
        script = f"{shlex.quote(python)} -S script.py"  # nothing that an environment adds
        shown += needs(python)
    else:
        script = PROGRAMS[name]
        program = {"pipes": "sort", "files": "cp"}.get(name, name)
        found = shutil.which(program, path="/usr/local/bin:/usr/bin:/bin")
        if found is None:
            pytest.skip(f"{program} is not installed")
        if name == "make" and shutil.which("cc") is None:
            pytest.skip("cc is not installed, which make starts here")
    host, confined = user(outside_and_inside, name, script, shown)
    assert confined == host
    assert host[0] == 0, host
