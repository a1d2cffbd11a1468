"""What is told of programs is true: how they begin and end, whichever way it is found out."""

import errno
import json
import os
import shutil
import subprocess

import pytest

from tests.test_record import PYTHON, deeds, run

BOTH = pytest.mark.parametrize("reads", [True, False])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Makes a program of C, with the options of the compiler."""
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler here")
    top = tmp_path_factory.mktemp("compiled")

    def make(name, text, *options):
        path = top / name
        (top / f"{name}.c").write_text(text)
        subprocess.run(["cc", "-o", path, f"{path}.c", *options], check=True)
        return str(path)

    return make


# Runs the program that it is told, if that can be; else it says so and ends with 9.
RUNNER = """
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    if (count < 2) return 0;
    execv(words[1], words + 1);
    close(open("/dev/null", O_WRONLY));  /* it goes on */
    return 9;
}
"""


# --- whether a program has begun


@BOTH
@pytest.mark.parametrize("options", [(), ("-static", "-no-pie"), ("-static-pie",)])
def test_a_program_that_runs_and_one_that_does_not(compiled, tmp_path, options, reads):
    """Wherever its code lies: also where each program has it at the same place."""
    runner = compiled("runner" + "".join(options), RUNNER, *options)
    bad = tmp_path / "bad"
    bad.write_bytes(b"neither a program nor a script\n")
    bad.chmod(0o755)
    story, result = run(runner, runner, runner, runner, str(bad), reads=reads)
    assert result.status == 9
    (one,) = story.processes
    ran = [(program.path, program.outcome) for program in one.programs]
    assert ran == [(os.path.realpath(runner), True)] * 4 + [(os.path.realpath(bad), False)]


@BOTH
def test_a_program_that_runs_where_nothing_is_left_to_chance(compiled, tmp_path, reads):
    runner = compiled("runner", RUNNER)
    story, result = run(
        "setarch", "-R", runner, runner, runner, "/etc/passwd", reads=reads, cwd=tmp_path
    )
    assert result.status == 9
    ran = [
        (program.path, program.outcome)
        for program in story.processes[0].programs
        if program.path in (os.path.realpath(runner), "/etc/passwd")
    ]
    assert ran[-1] == ("/etc/passwd", False)
    assert [path for path, _ in ran[:-1]] == [os.path.realpath(runner)] * 3
    assert False not in [outcome for _, outcome in ran[:-1]]


# --- how a process has ended


@BOTH
def test_ends_that_nobody_is_asked_about(tmp_path, reads):
    story, _ = run(
        "sh", "-c", "sh -c 'kill -9 $$'; sh -c 'exit 3'; sh -c 'kill -SEGV $$'; exit 4",
        reads=reads, cwd=tmp_path,
    )  # fmt: skip
    assert [one.status for one in story.processes] == [4, -9, 3, -11]
    assert all(one.ended > one.began for one in story.processes)
    if reads:
        assert story.processes[0].memory > 100_000


@BOTH
def test_what_has_failed_is_not_done_by_who_comes_after(tmp_path, reads):
    """The end of the one who failed is seen before another one does the same."""
    top = os.path.realpath(tmp_path)
    words = "mkdir -p d; : > d/f; rmdir d 2>&-; rm d/f; rmdir d"
    story, result = run(
        "sh", "-c", f"i=0; while [ $i -lt 20 ]; do {words}; i=$((i+1)); done",
        reads=reads, cwd=tmp_path,
    )  # fmt: skip
    assert result.status == 0
    told = [event.outcome for event in story.events if event.kind == "rmdir"]
    assert told == [False, True] * 20
    assert len(deeds(story, "remove", under=top)) == 20


# --- paths


@BOTH
def test_a_working_directory_that_changes(tmp_path, reads):
    """By itself, by who renames it, and by who removes it."""
    top = os.path.realpath(tmp_path)
    program = (
        "import os\n"
        "os.makedirs('a/b')\n"
        "os.chdir('a')\n"
        "open('1', 'w').close()\n"
        "os.rename('../a', '../c')\n"
        "open('2', 'w').close()\n"
        "os.chdir('b')\n"
        "open('3', 'w').close()\n"
        "open('../4', 'w').close()\n"
    )
    story, result = run(PYTHON, "-c", program, reads=reads, cwd=tmp_path)
    assert result.status == 0, result.stderr
    assert [path for _, path, _ in deeds(story, "create", under=top)] == [
        f"{top}/a/1", f"{top}/c/2", f"{top}/c/b/3", f"{top}/c/4",
    ]  # fmt: skip


# --- calls that say it in another way


def test_messages_that_have_an_address(compiled, tmp_path):
    program = compiled("messages", """
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
static struct sockaddr_in at(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}
int main(void) {
    int s = socket(AF_INET, SOCK_DGRAM, 0), pair[2];
    struct iovec part = {"x", 1};
    struct sockaddr_in one = at(1001), two = at(1002), three = at(1003);
    struct msghdr m = {.msg_name = &one, .msg_namelen = sizeof one, .msg_iov = &part,
                       .msg_iovlen = 1};
    struct mmsghdr several[3];
    memset(several, 0, sizeof several);
    sendmsg(s, &m, 0);
    several[0].msg_hdr = several[1].msg_hdr = several[2].msg_hdr = m;
    several[0].msg_hdr.msg_name = &two;
    several[1].msg_hdr.msg_name = &two;
    several[2].msg_hdr.msg_name = &three;
    sendmmsg(s, several, 3, 0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    m.msg_name = 0; m.msg_namelen = 0;
    return sendmsg(pair[0], &m, 0) != 1;
}
""")  # fmt: skip
    story, result = run(program, cwd=tmp_path)
    assert result.status == 0
    sent = [event.path for event in story.events if event.kind == "send"]
    assert sent == [f"127.0.0.1:{port}" for port in (1001, 1002, 1003)]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="calls of i386 are those of x86-64")
def test_sockets_of_32_bits(compiled, tmp_path):
    """All of them were one call there: what lies at a low address can be given to it here, too."""
    program = compiled("socketcall", """
#include <string.h>
#include <stdio.h>
static long old(long number, long a, long b) {
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b) : "memory");
    return r;
}
static unsigned words[6];
static struct { unsigned short family; unsigned char port[2], host[4], rest[8]; } at;
static struct { unsigned name, length, part, parts, control, size, flags; } message;
static struct { unsigned at, size; } part;
static char letter[1] = "x";
int main(void) {
    at.family = 2; at.port[0] = 4; at.port[1] = 1; memcpy(at.host, "\\177\\0\\0\\1", 4);
    words[0] = 2; words[1] = 2; words[2] = 0;
    int s = old(102, 1, (long)words);
    if (s == -38) { puts("none"); return 0; }
    words[0] = s; words[1] = (unsigned)(long)&at; words[2] = sizeof at;
    old(102, 3, (long)words);
    at.port[1] = 2;
    words[1] = (unsigned)(long)letter; words[2] = 1; words[3] = 0;
    words[4] = (unsigned)(long)&at; words[5] = sizeof at;
    old(102, 11, (long)words);
    at.port[1] = 3;
    part.at = (unsigned)(long)letter; part.size = 1;
    message.name = (unsigned)(long)&at; message.length = sizeof at;
    message.part = (unsigned)(long)&part; message.parts = 1;
    words[1] = (unsigned)(long)&message; words[2] = 0;
    old(102, 16, (long)words);
    return 0;
}
""", "-static", "-no-pie")  # fmt: skip
    story, result = run(program, cwd=tmp_path)
    assert result.status == 0
    if result.stdout == b"none\n":
        pytest.skip("this kernel has no calls of 32 bits")
    told = [(e.kind, e.path) for e in story.events if e.kind in ("connect", "send")]
    assert told == [("connect", "127.0.0.1:1025"), ("send", "127.0.0.1:1026"),
                    ("send", "127.0.0.1:1027")]  # fmt: skip


def test_who_says_how_a_path_is_to_be_looked_for(compiled, tmp_path):
    """openat2() with a root of its own, and within a directory."""
    top = os.path.realpath(tmp_path)
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").write_text("mine")
    (tmp_path / "root/up").symlink_to("/etc/passwd")
    program = compiled("within", """
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>
static void look(const char *path, unsigned long long flags, unsigned long long resolve) {
    int dir = open("root", O_PATH | O_DIRECTORY);
    struct open_how how = {.flags = flags, .mode = flags & O_CREAT ? 0600 : 0, .resolve = resolve};
    close(syscall(SYS_openat2, dir, path, &how, sizeof how));
    close(dir);
}
int main(void) {
    look("/etc/passwd", O_RDONLY, RESOLVE_IN_ROOT);
    look("up", O_RDONLY, RESOLVE_IN_ROOT);
    look("../../etc/none", O_RDONLY, RESOLVE_IN_ROOT);
    look("etc/passwd", O_WRONLY, RESOLVE_BENEATH);
    look("up", O_RDONLY, RESOLVE_NO_SYMLINKS);
    look("etc/new", O_WRONLY | O_CREAT, RESOLVE_BENEATH);
    return 0;
}
""")  # fmt: skip
    story, result = run(program, cwd=tmp_path)
    assert result.status == 0
    told = [(e.kind, e.path, e.outcome) for e in story.events if e.path.startswith(top + "/root")]
    inside = f"{top}/root/etc/passwd"
    assert told[:2] == [("read", inside, True)] * 2
    assert told[2][0] == "read" and told[2][2] is False
    assert told[3] == ("write", inside, None)  # and nothing was
    assert told[4][0] == "read" and told[4][2] is False
    assert told[5] == ("create", f"{top}/root/etc/new", None)
    assert not [e for e in story.events if e.path == "/etc/passwd" and e.outcome]


# --- where a path begins


IN_A_JAIL = """
import os
os.makedirs("jail/sub")
outside, inside = os.open(".", 0), os.open("jail/sub", 0)
os.chroot("jail")
def make(path, at=None):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, dir_fd=at))
make("a", outside)
make("b")  # the working directory is still outside
make("c", inside)
make("jail/sub/d", outside)
os.chdir("/sub")
make("e")
make("/f")
make("../../../g")
os.symlink("h", "to h")
make("to h")
os.symlink("/i", "to i")
make("to i")
os.rename("c", "/moved")
os.rename("e", "out", dst_dir_fd=outside)
os.mkdir("dir")
os.unlink("/moved")
"""


def test_a_program_with_another_root(tmp_path):
    """What it names is found as it finds it: from directories within its root, and outside."""
    at = os.path.realpath(tmp_path)
    prefix = [] if os.getuid() == 0 else ["unshare", "-Ur"]
    story, result = run(*prefix, PYTHON, "-SP", "-c", IN_A_JAIL, cwd=tmp_path)
    assert result.status == 0, result.stderr
    told = deeds(story, "create", "rename", "mkdir", "remove", under=f"{at}/")
    jail = f"{at}/jail"
    assert told == [
        ("mkdir", jail, ""), ("mkdir", f"{jail}/sub", ""),
        *(("create", path, "") for path in (
            f"{at}/a", f"{at}/b", f"{jail}/sub/c", f"{jail}/sub/d", f"{jail}/sub/e", f"{jail}/f",
            f"{jail}/g", f"{jail}/sub/h", f"{jail}/i",
        )),
        ("rename", f"{jail}/sub/c", f"{jail}/moved"), ("rename", f"{jail}/sub/e", f"{at}/out"),
        ("mkdir", f"{jail}/sub/dir", ""), ("remove", f"{jail}/moved", ""),
    ]  # fmt: skip
    assert not any(event.outcome is False for event in story.events if event.path.startswith(at))


IN_ANOTHER_ROOT = """
import ctypes, os, platform
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs("new")
assert libc.mount(b"none", b"new", b"tmpfs", 0, None) == 0
os.mkdir("new/old")
open("new/only", "w").close()
there, go = os.pipe(), os.pipe()
if os.fork() == 0:
    os.close(os.open("/", os.O_RDONLY))
    os.write(there[1], b"x")
    os.read(go[0], 1)
    os.close(os.open("/only", os.O_RDONLY))
    os._exit(0)
os.read(there[0], 1)
os.chdir("new")
assert libc.syscall({"x86_64": 155, "aarch64": 41}[platform.machine()], b".", b"old") == 0
os.write(go[1], b"x")
assert os.wait()[1] == 0
"""


@pytest.mark.parametrize("exact", [False, True], ids=["", "exact"])
def test_a_process_that_another_one_gives_another_root(tmp_path, exact):
    """By pivot_root() all get it that had the same."""
    prefix = ["unshare", "-m" if os.getuid() == 0 else "-Urm"]
    words = [*prefix, PYTHON, "-SP", "-c", IN_ANOTHER_ROOT]
    story, result = run(*words, cwd=tmp_path, exact=exact)
    if b"unshare failed" in result.stderr:
        pytest.skip("no mount namespace on this machine")
    assert result.status == 0, result.stderr
    (found,) = (event for event in story.events if event.path == "/only")
    assert (found.kind, found.outcome) == ("read", True)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="calls of i386 are those of x86-64")
@BOTH
def test_io_uring_by_another_interface(compiled, reads):
    """Of 32 bits, and of x32: no filter would see what is done by it."""
    program = compiled("rings", """
#define _GNU_SOURCE
#include <stdio.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
static long old(long number, long a, long b) {
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"(a), "c"(b) : "memory");
    return (int)r;
}
static long new(long number, long a, long b) {
    return syscall(number, a, b) < 0 ? -errno : 0;
}
int main(void) {
    printf("%ld %ld %ld", old(425, 0, 0), new(425, 0, 0), new(0x40000000 | 425, 0, 0));
    return 0;
}
""", "-static", "-no-pie")  # fmt: skip
    _, result = run(program, reads=reads)
    assert result.stdout.split() == [b"%d" % -errno.ENOSYS] * 3


# --- what could have been done, and was not


# Each line is a kind, a path, and what came of it: an errno, or 0.
REFUSED = """
import fcntl, json, os, resource, shutil, socket, subprocess
def do(path, flags):
    number = 0
    try: os.close(os.open(path, flags))
    except OSError as error: number = error.errno
    kind = "write" if flags & (os.O_ACCMODE | os.O_TRUNC) else "read"
    print(json.dumps([kind, os.path.realpath(path), number]), flush=True)
shutil.copy("/bin/sleep", "busy")
busy = subprocess.Popen(["./busy", "100"], stdin=subprocess.PIPE)
while os.readlink(f"/proc/{busy.pid}/exe") != os.path.realpath("busy"): pass
for flags in (os.O_WRONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_TRUNC): do("busy", flags)
busy.kill(), busy.wait()
open("plain", "w").close(), os.mkdir("directory"), os.mkfifo("fifo")
s = socket.socket(socket.AF_UNIX); s.bind("socket")
for path in ("plain", "socket", "fifo"): do(path, os.O_RDONLY | os.O_DIRECTORY)
do("socket", os.O_RDONLY), do("socket", os.O_WRONLY), do("fifo", os.O_WRONLY | os.O_NONBLOCK)
do("directory", os.O_RDONLY | os.O_CREAT), do("directory", os.O_WRONLY)
do("plain", os.O_WRONLY | os.O_DIRECT | os.O_CREAT)
if subprocess.run(["chattr", "+a", "plain"], stderr=-3).returncode == 0:
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_CREAT, os.O_RDONLY | os.O_TRUNC,
                  os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_APPEND | os.O_TRUNC):
        do("plain", flags)
    subprocess.run(["chattr", "-a", "plain"])
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
do("plain", os.O_WRONLY), do("plain", os.O_RDWR | os.O_CREAT), do("plain", os.O_WRONLY | os.O_TRUNC)
"""
WRITES = """
import os
def kept(path, flags): return os.open(path, flags, 0o600)
def closed(path, flags, text=b""):
    fd = os.open(path, flags, 0o600)
    os.write(fd, text)
    os.close(fd)
for name in ("held", "moved", "added", "cut", "opened"):
    closed(name, os.O_CREAT | os.O_WRONLY, b"x")
kept("held", os.O_WRONLY)
fd = kept("moved", os.O_RDWR | os.O_CREAT); os.dup2(fd, 20); os.close(fd)
closed("added", os.O_WRONLY | os.O_APPEND, b"y")
closed("cut", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
kept("/dev/null", os.O_RDWR)
closed("opened", os.O_WRONLY)
"""


def test_an_open_that_could_be_done_and_was_not(tmp_path):
    """For a reason that shows nowhere before, such as that the file is a program that runs."""
    top = os.path.realpath(tmp_path)
    story, result = run(PYTHON, "-c", REFUSED, cwd=top)
    assert result.status == 0, result.stderr
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert {number for _, _, number in said} >= {errno.ETXTBSY, errno.ENOTDIR, errno.EMFILE}
    names = {path for _, path, _ in said}
    told = [
        event for event in story.events
        if event.kind in ("read", "write") and event.process is story.processes[0]
    ]  # fmt: skip
    for path in names:
        # What came before these is of how it was made.
        mine = [event for event in told if event.path == path]
        wanted = [(kind, number) for kind, name, number in said if name == path]
        mine = mine[-len(wanted) :]
        assert [event.kind for event in mine] == [kind for kind, _ in wanted]
        for event, (_, number) in zip(mine, wanted, strict=True):
            assert event.outcome in (None, number == 0), (event, number)
            assert not event.errno or event.errno == number, (event, number)


def test_an_open_that_was_done(tmp_path):
    """A descriptor shows it, or what was written; else nobody knows."""
    story, result = run(PYTHON, "-c", WRITES, cwd=tmp_path)
    assert result.status == 0, result.stderr
    told = {os.path.basename(e.path): e.outcome for e in story.events if e.kind == "write"}
    assert told == {
        "held": True, "moved": True, "added": True, "cut": True, "null": True, "opened": None,
    }  # fmt: skip
